"""The text of a call while it arrives, and how formats read it.

What reads is a generator: it yields None where it needs more text, and goes on when there is some. Where the reply has
ended it gets what there is.
"""

import re
from collections.abc import Generator
from typing import Literal, TypeAlias, TypeVar

from myna.text.tool_calls.calls import BrokenCall, FoundCall
from myna.text.tool_calls.openings import MORE, NO, Part, blanks, word
from myna.text.tool_calls.written_calls import broken

LONGEST_CALL = 100_000
"""So many characters may a call have; of a longer one the beginning is kept and the rest is thrown away."""

T = TypeVar("T")
Call: TypeAlias = FoundCall | BrokenCall
_Scanned: TypeAlias = Literal["value", "code", "anything"]
Reading: TypeAlias = Generator[Call | None, None, T]

_IN_STRING = {quote: re.compile(rf"[^{quote}\\\n]*") for quote in "\"'"}
_STRAY = word(*"}],;")
_BETWEEN = re.compile(r"[\s\d:,.+\-]+")
_LETTERS = re.compile(r"[A-Za-z]+")
_WORDS = {"true", "false", "null", "True", "False", "None", "NaN", "Infinity", "e", "E"}
_LONGEST_WORD = max(map(len, _WORDS))


class Source:
    """The text from where a call began.

    Each character is looked at a bounded number of times, in whatever pieces the text comes, and no more of it is kept
    than `LONGEST_CALL`.
    """

    def __init__(self) -> None:
        self.ended = False
        """Whether the reply is."""
        self.too_long = False
        """Whether something was thrown away since the last `cut`."""
        self.stale = False
        """Whether what `cut` gave last was too long, which was told before."""
        self._text = ""
        self._taken: list[str] = []
        self._size = 0
        self._told = False
        self._depth = 0
        self._quote = ""
        self._stop = word()

    def add(self, piece: str) -> None:
        """The reply goes on."""
        self._text += piece

    @property
    def rest(self) -> str:
        """What was not yet read."""
        return self._text

    def cut(self) -> str:
        """All that was taken since the last time: what a call was."""
        raw = "".join(self._taken)
        self.stale = self.too_long
        self._taken, self._size, self.too_long, self._told = [], 0, False, False
        return raw

    def take(self, length: int) -> str:
        """The next ``length`` characters."""
        taken, self._text = self._text[:length], self._text[length:]
        if taken:
            kept = taken[: max(0, LONGEST_CALL - self._size)]
            self.too_long = self.too_long or len(kept) < len(taken)
            self._taken.append(kept)
            self._size += len(kept)
        return taken

    def sees(self, part: Part) -> Reading[bool]:
        """Whether ``part`` comes next."""
        while (end := part(self._text, 0)) < -1 and not self.ended:
            yield None
        return end >= 0

    def takes(self, part: Part) -> Reading[str]:
        """``part``, if it comes next; else nothing."""
        return self.take(part(self._text, 0)) if (yield from self.sees(part)) else ""

    def skip_blanks(self) -> Reading[None]:
        """White space, all of it."""
        while True:
            self.take(blanks(self._text, 0))
            if self._text or self.ended:
                return
            yield None

    def skip_strays(self) -> Reading[None]:
        """White space, and brackets and commas that are too many."""
        yield from self.skip_blanks()
        while (yield from self.takes(_STRAY)):
            yield from self.skip_blanks()

    def until(self, *marks: str) -> Reading[tuple[str, str]]:
        """The text up to the first of ``marks``, and that mark, which is taken as well; "" if none comes."""
        finding = re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True))))
        longest = max(map(len, marks))
        parts: list[str] = []
        size = 0
        while True:
            found = finding.search(self._text)
            if found and (self.ended or found.start() + longest <= len(self._text)):
                parts.append(self.take(found.start())[: LONGEST_CALL - size])
                yield from self._tell_too_long()
                return "".join(parts), self.take(len(found[0]))
            sure = len(self._text) if self.ended else max(0, len(self._text) - longest + 1)
            if found:
                sure = min(sure, found.start())
            part = self.take(sure)[: LONGEST_CALL - size]
            size += len(part)
            parts.append(part)
            yield from self._tell_too_long()
            if self.ended:
                return "".join(parts), ""
            yield None

    def value(self, *marks: str) -> Reading[str]:
        """A JSON value in brackets, or a Python one.

        It ends with its last bracket; before it, where something stands that cannot be in one, or the reply ends. In
        a string that was never closed it ends before a line that begins with one of ``marks``.
        """
        self._depth, self._quote = 0, ""
        self._stop = word(*marks)
        return (yield from self._scan("value"))

    def code(self) -> Reading[str]:
        """As `value`, but anything may stand between the brackets."""
        self._depth, self._quote = 0, ""
        self._stop = word()
        return (yield from self._scan("code"))

    def rest_of_value(self) -> Reading[str]:
        """What `value` left, up to the last bracket or one of its marks, whatever stands between."""
        return (yield from self._scan("anything")) if self._depth else ""

    def _scan(self, what: _Scanned) -> Reading[str]:
        parts: list[str] = []
        size = 0
        while True:
            end, done = self._scan_text(what)
            part = self.take(end)[: LONGEST_CALL - size]
            size += len(part)
            parts.append(part)
            yield from self._tell_too_long()
            if done or self.ended:
                return "".join(parts)
            yield None

    def _tell_too_long(self) -> Reading[None]:
        if self.too_long and not self._told:
            self._told, self.stale = True, False
            raw = "".join(self._taken)
            yield broken(raw, raw)

    def _scan_text(self, what: _Scanned) -> tuple[int, bool]:
        """How far the text there is belongs to the value, and whether this is its end."""
        place = 0
        while place < len(self._text):
            end = self._string_end(place) if self._quote else self._end_outside(place, what)
            if end < 0:
                return _over(end), True
            if end == place:
                break
            place = end
        return place, False

    # What follows says how far something goes from ``place`` on: ``place`` where that is not yet known, and less than
    # zero, by `_over`, where the value ends.

    def _string_end(self, place: int) -> int:
        text = self._text
        end = _end(_IN_STRING[self._quote], text, place)
        if end == len(text):
            return end
        if text[end] == "\n":
            stop = self._stop_at(end + 1)
            return end if stop == MORE else end + 1 if stop == NO else _over(end)
        if text[end] == "\\":
            return end + 2 if end + 1 < len(text) else len(text) if self.ended else end
        self._quote = ""
        return end + 1

    def _end_outside(self, place: int, what: _Scanned) -> int:
        character = self._text[place]
        if character in "{[(":
            self._depth += 1
        elif character in "}])":
            self._depth -= 1
            if self._depth <= 0:
                return _over(place + 1)
        elif character == '"' or (character == "'" and what != "anything"):
            self._quote = character
        elif what == "value":
            return self._word_end(place)
        elif (stop := self._stop_at(place)) != NO:
            return place if stop == MORE else _over(place)
        return place + 1

    def _word_end(self, place: int) -> int:
        text = self._text
        if (end := _end(_BETWEEN, text, place)) > place:
            return end
        end = _end(_LETTERS, text, place)
        if end == len(text) and not self.ended and end - place <= _LONGEST_WORD:
            return place
        return end if text[place:end] in _WORDS else _over(place)

    def _stop_at(self, place: int) -> int:
        """What `_stop` answers; `NO` if it would wait for what never comes."""
        stop = self._stop(self._text, place)
        return NO if stop == MORE and self.ended else stop


def _over(place: int) -> int:
    return -1 - place


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return match.end() if match else place
