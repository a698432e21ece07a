"""Reading a prompt before anybody asks, without anybody waiting for it."""

import anyio

from myna.engines.base import LLMMessage, LLMRequest


class ReadAhead:
    """A prompt that is read ahead of time, copy by copy, until the first request comes.

    A request with the same beginning lets the first copy be read to its end: it would have to read that itself, and
    finds it done. Any other has the reading stopped and does not wait.

    Attributes:
        scope: What the reading runs in.
    """

    def __init__(self, messages: tuple[LLMMessage, ...]) -> None:
        self._beginning = messages[:-1]
        self._first_copy = anyio.Event()
        self.scope = anyio.CancelScope()

    def copied(self) -> None:
        """A copy has been read, or none will be."""
        self._first_copy.set()

    async def make_way_for(self, request: LLMRequest) -> None:
        """Have the reading end, in favour of a request."""
        if request.messages[: len(self._beginning)] == self._beginning:
            await self._first_copy.wait()
        self.scope.cancel()
