"""What the filter tells, with the white space around calls put right."""

from typing import TypeAlias

from myna.text.tool_calls.calls import BrokenCall, FoundCall

Found: TypeAlias = str | FoundCall | BrokenCall

MOST_SPACE = 64
"""So much white space is held back at the end of the text, in case a call follows."""


class Shown:
    """Collects text and calls.

    White space around a call is taken out, but for a gap between text before and text behind it: the white space before
    the call, or if there is none that behind it.
    """

    def __init__(self) -> None:
        self._found: list[Found] = []
        self._parts: list[str] = []  # text since the last call
        self._space = ""  # white space that waits for text behind it
        self._shows = False  # something was shown
        self._behind_call = False
        self._has_gap = False

    def text(self, text: str) -> None:
        """Text of the reply comes."""
        body = text.rstrip()
        begins = len(body) - len(body.lstrip())
        self._wait(body[:begins] if body else text)
        if body:
            self._parts.append(("" if self._behind_call and not self._shows else self._space) + body[begins:])
            self._shows, self._behind_call = True, False
            self._space = ""
            self._wait(text[len(body) :])

    def call(self, call: FoundCall | BrokenCall) -> None:
        """A call comes."""
        self._flush()
        self._found.append(call)
        if self._behind_call and not self._has_gap:
            self._space = ""  # stood between two calls
        self._behind_call = True
        self._has_gap = bool(self._space)

    def finish(self) -> None:
        """The reply has ended."""
        if not self._behind_call:
            self._parts.append(self._space)
        self._space = ""

    def told(self) -> list[Found]:
        """What came since the last time."""
        self._flush()
        found, self._found = self._found, []
        return found

    def _wait(self, space: str) -> None:
        if self._behind_call:
            if not self._has_gap:
                self._space = (self._space + space)[:MOST_SPACE]
            return
        self._space += space
        if len(self._space) > MOST_SPACE:
            self._parts.append(self._space[:-MOST_SPACE])
            self._space = self._space[-MOST_SPACE:]

    def _flush(self) -> None:
        if text := "".join(self._parts):
            self._found.append(text)
        self._parts = []
