"""A session of which nothing is remembered, and which is told nothing; but who talks in it goes first, as elsewhere."""

from collections.abc import Sequence

from myna.core.messages import Message
from myna.memory.base import Recalled
from myna.memory.right_of_way import LONGEST_SPEECH_S, RightOfWay


class PrivateSession:
    """A `myna.memory.base.SessionMemory` without a memory. Made by `myna.memory.remembering.Remembering.session`."""

    def __init__(self, way: RightOfWay) -> None:
        self._way = way
        self._speech = object()

    def listen(self, *, speaking: bool) -> None:
        """Whether the user speaks: then the LLM does not remember what others said."""
        if speaking:
            self._way.begin(self._speech, LONGEST_SPEECH_S)
        else:
            self._way.end(self._speech)

    async def recall(self, text: str) -> Sequence[Recalled]:
        """Nothing; but a turn has begun."""
        self._way.begin(self)
        return ()

    async def to_forget(self, text: str) -> None:
        """Nothing is to be forgotten: what is remembered is not told here either."""
        self._way.begin(self)

    async def early(self, left_out: Sequence[Message], after: Sequence[Message], *, most_tokens: int) -> str:
        """Nothing is summed up."""
        return ""

    def told(self, messages: Sequence[Message]) -> None:
        """A turn has ended."""
        self._way.end(self)
