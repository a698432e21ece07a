"""Server-sent events out of bytes, however they are cut. No I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from rdk_chat.problem import Problem

LONGEST_LINE = 1 << 20
"""Bytes. Myna's are below a few thousand."""


class EventStream:
    """Takes bytes as they come, and gives the data of each event that is whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._length = 0

    def feed(self, received: bytes) -> list[str]:
        """The data of the events that end in ``received``.

        Raises:
            Problem: A line, or an event, has no end.
        """
        *lines, self._rest = (self._rest + received).split(b"\n")
        events: list[str] = []
        for line in lines:
            field, _, value = line.rstrip(b"\r").decode("utf-8", "replace").partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
                self._length += len(value) + 1
            elif not field and not value and self._data:
                events.append("\n".join(self._data))
                self._data, self._length = [], 0
        if len(self._rest) > LONGEST_LINE or self._length > LONGEST_LINE:
            raise Problem("not_myna", "What came is no reply of Myna's: a line has no end. Correct url.")
        return events
