"""Server-sent events, from bytes that the network cuts anywhere.

Lines are split on bytes: `str.splitlines`, which most clients use, also breaks at U+2028 and U+0085, and JSON strings
may hold both as they are. https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

MAX_EVENT_BYTES = 1 << 20
"""More than this in one event is no answer of an LLM."""


class NotAnAnswer(ValueError):
    """Not what an LLM server answers with."""


class EventDecoder:
    """Takes bytes, gives the ``data`` of each event that is whole. Comments and fields of no use are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that ``chunk`` completes.

        Raises:
            NotAnAnswer: An event is longer than `MAX_EVENT_BYTES`.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = [event for line in lines if (event := self._line(line.removesuffix(b"\r"))) is not None]
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise NotAnAnswer(f"an event of more than {MAX_EVENT_BYTES} bytes")
        return events

    def finish(self) -> list[bytes]:
        """The last event, where the server left out the empty line after it."""
        events = [*self.feed(b"\n"), *self.feed(b"\n")]
        self._data.clear()
        return events

    def _line(self, line: bytes) -> bytes | None:
        if line.startswith(b"data:"):
            self._data.append(line.removeprefix(b"data:").removeprefix(b" "))
        elif line.startswith(b"error:"):  # llama.cpp until the end of 2024, in place of an event
            self._data = [b'{"error": ' + line.removeprefix(b"error:").strip() + b"}"]
        elif not line and self._data:
            event = b"\n".join(self._data)
            self._data.clear()
            return event
        return None
