"""Passages of a reply that are not searched for calls: code, thinking, and JSON that is none.

Models forget to close them. So markup of calls, which nobody writes by chance, is seen in code and such JSON all the
same: where a line of a fence begins with it, but for the first, and where JSON cannot have it.
"""

import re
from typing import TypeAlias

from myna.text.thinking import BLOCKS
from myna.text.tool_calls.openings import MORE, NO, Part, blanks, either, follow, word

LONGEST_JSON = 20_000
"""After so many characters, JSON that is no call is taken to be no JSON."""

_BACKTICKS = re.compile("`+")
_MOST_BACKTICKS = 16
_JSON_EVENTS = '"\\{}[]\n`'


class Thinking:
    """A thinking block, up to its closing mark."""

    def __init__(self, close: str) -> None:
        self._mark = close.lower()
        self._close = re.compile(re.escape(close), re.IGNORECASE | re.ASCII)

    def end(self, text: str, place: int) -> tuple[int, bool]:
        """How far the passage is known to go, and whether it ends there."""
        if found := self._close.search(text, place):
            return found.end(), True
        for start in range(max(place, len(text) - len(self._mark) + 1), len(text)):
            if self._mark.startswith(text[start:].lower()):
                return start, False
        return len(text), False


class Code:
    """Code between backticks: ``ticks`` began it. One or two of them end with the line.

    Before ``markup`` that begins a line of a fence, `end` stops, and is not over: what follows the call is code again.
    Not in the first line: there stands what a fence was made for, such as an example of the markup.
    """

    def __init__(self, ticks: str, markup: Part) -> None:
        self._ticks = len(ticks)
        self._event = re.compile("`+|\n")
        self._markup = markup
        self._in_fence = False  # behind its first line
        self._begins_line = False

    def end(self, text: str, place: int) -> tuple[int, bool]:
        """As that of `Thinking`."""
        while place < len(text):
            if self._begins_line and self._markup(text, place) != NO:
                return place, False
            self._begins_line = False
            if not (found := self._event.search(text, place)):
                return len(text), False
            place = found.end()
            length = len(found[0])
            if found[0] == "\n":
                if self._ticks < 3:
                    return place, True
                self._begins_line, self._in_fence = self._in_fence, True
            elif place == len(text) and length < _MOST_BACKTICKS:
                return found.start(), False
            elif length == self._ticks or length > self._ticks >= 3:
                return place, True
        return place, False


class OtherJSON:
    """A JSON object or list that is no call; what is nested in it is none either.

    It ends before a backtick or ``markup`` that stands in none of its strings. Markup begins with one of ``begins``.
    """

    def __init__(self, markup: Part, begins: str) -> None:
        self._markup = markup
        self._event = re.compile("[" + re.escape(_JSON_EVENTS + begins) + "]")
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._left = LONGEST_JSON

    def end(self, text: str, place: int) -> tuple[int, bool]:
        """As that of `Thinking`."""
        end, over = self._end(text, place, min(len(text), place + self._left))
        self._left -= end - place
        return end, over or not self._left

    def _end(self, text: str, place: int, limit: int) -> tuple[int, bool]:
        if self._escaped and place < limit:
            self._escaped = False
            place += 1
        while event := self._event.search(text, place, limit):
            place = event.end()
            if self._in_string and event[0] == "\\":
                self._escaped = place == limit
                place += 1
            elif not self._in_string and event[0] == "`":
                return event.start(), True
            elif not self._in_string and (answer := self._markup(text, event.start())) != NO:
                return event.start(), answer >= 0
            elif self._over(event[0]):
                return place, True
        return limit, False

    def _over(self, character: str) -> bool:
        """Whether the passage ends with ``character``: its last bracket, or a line that ends within a string."""
        if character == '"':
            self._in_string = not self._in_string
        elif self._in_string:
            return character == "\n"
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            return self._depth <= 0
        return False


Passage: TypeAlias = Thinking | Code | OtherJSON


_OPENED = {mark.lower(): close for mark, close in BLOCKS}
_MARK_BEGINS = frozenset(mark[0] for mark, _ in BLOCKS)
_LONGEST_MARK = max(map(len, _OPENED))


def thinking_mark(text: str, place: int) -> int:
    """Where the mark ends that opens a thinking block at ``place``; `NO` and `MORE` as for parts of openings."""
    if text[place] not in _MARK_BEGINS:
        return NO
    begun = text[place : place + _LONGEST_MARK].lower()
    for mark in _OPENED:
        if begun.startswith(mark):
            return place + len(mark)
        if mark.startswith(begun):
            return MORE
    return NO


def thinking_after(mark: str) -> Thinking:
    """The block that ``mark`` opened."""
    return Thinking(_OPENED[mark.lower()])


def backticks(text: str, place: int) -> int:
    """Where the backticks end that begin at ``place``; `MORE` if that is not yet known."""
    found = _BACKTICKS.match(text, place)
    if not found:
        return NO
    return MORE if found.end() == len(text) and len(found[0]) < _MOST_BACKTICKS else found.end()


json_begins = either(
    follow(word("{"), blanks, word('"', "'", "{", "[")),
    follow(word("["), blanks, word("{")),
)
"""A part: what looks like JSON."""
