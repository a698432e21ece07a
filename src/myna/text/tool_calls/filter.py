"""The filter: reply text in, text without calls and the calls out."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

from myna.core.tools import JSON
from myna.text.thinking import BLOCKS
from myna.text.tool_calls.format import Format, Tools
from myna.text.tool_calls.formats import FORMATS
from myna.text.tool_calls.openings import CUT, MORE, NO, Part
from myna.text.tool_calls.passages import (
    Code,
    OtherJSON,
    Passage,
    Thinking,
    backticks,
    json_begins,
    thinking_after,
    thinking_mark,
)
from myna.text.tool_calls.shown import Found, Shown
from myna.text.tool_calls.source import Reading, Source
from myna.text.tool_calls.written_calls import broken

LONGEST_OPENING = 300
"""In so many characters the beginning of a call must be known to be one; a longer one is ordinary text."""

_PIECE = 4096  # text is copied at every call; in pieces of this length that stays linear
_QUOTING = frozenset("\"'`“‘「『«(（=")


class ToolCallFilter:
    """Takes calls out of a reply, in whatever pieces it comes.

    Back come, in order, text that the user is to see, and calls. How the reply was cut into pieces makes no difference:
    not to the calls, and not to the text when it is joined.

    - Text goes out at once, but for an end that may still become the beginning of a call, and white space at the end.
    - A call is told when it is whole; calls of one block come one after another.
    - Thinking blocks, code and JSON that is no call are not searched: they come back as text. But models forget to
      close them, so markup of a call is seen where it begins a line of a fence, if not the first, and outside the
      strings of such JSON.
    - White space around a call goes with it; between text before and text after it, the white space before the call
      stays, or where there was none that behind it.

    Args:
        names: The offered tools; a mapping gives the JSON schemas of their parameters too, by which the values are
            read in formats that write them as plain text.
        formats: The formats that are searched for.
        inside_thinking: The reply begins inside a thinking block, since the prompt's template has opened it.
    """

    def __init__(
        self,
        names: Collection[str] | Mapping[str, JSON],
        formats: Sequence[Format] = FORMATS,
        *,
        inside_thinking: bool = False,
    ) -> None:
        schemas = cast("Mapping[str, JSON]", names) if isinstance(names, Mapping) else dict[str, JSON]()
        self._tools: Tools = {name: schemas.get(name, {}) for name in names if name}
        self._longest = LONGEST_OPENING + max(map(len, self._tools), default=0)
        self._formats = formats
        self._openings: dict[str, list[tuple[Format, Part]]] = {}  # by their first character, made when one is met
        self._markup_begins = "".join(sorted({each for one in formats if _is_markup(one) for each in one.begins}))
        begins = {character for each in formats for character in each.begins}
        begins |= {mark[0] for mark, _ in BLOCKS} | {"`"}
        self._begins = re.compile("[" + re.escape("".join(sorted(begins))) + "]")
        self._held = ""
        self._before = ""  # the last character that was passed
        self._passage: Passage | None = Thinking(BLOCKS[0][1]) if inside_thinking else None
        self._source: Source | None = None
        self._reading: Reading[None] | None = None
        self._shown = Shown()

    def feed(self, piece: str) -> list[Found]:
        """What is now known of the reply."""
        for start in range(0, len(piece), _PIECE):
            self._go_on(piece[start : start + _PIECE], whole=False)
        return self._shown.told()

    def finish(self) -> list[Found]:
        """The reply has ended: what was held back is text, or a call that was cut off."""
        self._go_on("", whole=True)
        self._shown.finish()
        return self._shown.told()

    def _go_on(self, piece: str, *, whole: bool) -> None:
        if self._source:
            self._source.add(piece)
            text = self._read_on(self._source, whole=whole)
        else:
            text, self._held = self._held + piece, ""
        while text:
            text = self._search(text, whole=whole)

    def _search(self, text: str, *, whole: bool) -> str:
        """Go through ``text`` up to behind its first call; returns what follows it."""
        place = 0
        while place < len(text):
            if self._passage:
                end, over = self._passage.end(text, place)
                place = self._pass(text, place, end)
                if over:
                    self._passage = None
                    continue
                end, found = self._format_at(text, place, _is_markup)
                if found:
                    return self._enter(found, text[place:], whole=whole)
                return self._wait(text[place:], cut_off=end == CUT, whole=whole)
            begins = self._begins.search(text, place)
            place = self._pass(text, place, begins.start() if begins else len(text))
            if not begins:
                break
            end, found = self._opening_at(text, place)
            if found:
                return self._enter(found, text[place:], whole=whole)
            if end in {MORE, CUT}:
                return self._wait(text[place:], cut_off=end == CUT, whole=whole)
            place = self._pass(text, place, place + 1 if end == NO else end)
        return ""

    def _opening_at(self, text: str, place: int) -> tuple[int, Format | None]:
        """The format that begins at ``place``; else how far something else goes, or how a part of an opening answers.

        What begins a passage is noted.
        """
        if (end := thinking_mark(text, place)) != NO:
            if end >= 0:
                self._passage = thinking_after(text[place:end])
            return end, None
        end, found = self._format_at(text, place, self._may_stand_here)
        if end != NO:
            return end, found
        if (end := backticks(text, place)) >= 0:
            self._passage = Code(text[place:end], self._markup)
        elif end == NO and (end := json_begins(text[place : place + self._longest], 0)) >= 0:
            self._passage = OtherJSON(self._markup, self._markup_begins)
            return place, None
        return end, None

    def _format_at(self, text: str, place: int, considered: Callable[[Format], bool]) -> tuple[int, Format | None]:
        """As `_opening_at`, of formats alone."""
        openings = self._beginning_with(text[place]) if place < len(text) else []
        near = text[place : place + self._longest] if openings else ""
        for each, opening in openings:
            if considered(each):
                end = opening(near, 0)
                if end >= 0:
                    return end, each
                if end != NO and len(near) == len(text) - place:
                    return end, None
        return NO, None

    def _may_stand_here(self, found: Format) -> bool:
        return not (found.plain and self._before in _QUOTING)

    def _markup(self, text: str, place: int) -> int:
        """A part: what nobody writes but who calls."""
        return self._format_at(text, place, _is_markup)[0]

    def _beginning_with(self, character: str) -> list[tuple[Format, Part]]:
        if (openings := self._openings.get(character)) is None:
            openings = [(each, each.opening(self._tools)) for each in self._formats if character in each.begins]
            self._openings[character] = openings
        return openings

    def _pass(self, text: str, place: int, end: int) -> int:
        """Show ``text`` up to ``end``."""
        if end > place:
            self._shown.text(text[place:end])
            self._before = text[end - 1]
        return end

    def _wait(self, text: str, *, cut_off: bool, whole: bool) -> str:
        """``text`` might become a call. If the reply is ``whole``, it is text, or a call ``cut_off``."""
        if not whole:
            self._held = text
        elif cut_off:
            self._shown.call(broken(text, text))
        else:
            self._shown.text(text)
        return ""

    def _enter(self, found: Format, text: str, *, whole: bool) -> str:
        """Begin to read calls."""
        self._source = Source()
        self._source.add(text)
        self._reading = found.read(self._source, self._tools)
        return self._read_on(self._source, whole=whole)

    def _read_on(self, source: Source, *, whole: bool) -> str:
        """Read calls as far as they are there; returns the text behind them."""
        source.ended = whole
        for call in self._reading or ():
            if call and not source.stale:
                self._shown.call(call)
            elif not call and not whole:
                return ""
        self._source = self._reading = None
        self._before = ""
        return source.rest


def _is_markup(found: Format) -> bool:
    """Whether ordinary text and code do not have it."""
    return not found.plain and "`" not in found.begins
