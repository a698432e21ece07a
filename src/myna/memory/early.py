"""What a session tells its model of what was said early in the conversation."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import anyio.to_thread

from myna.core.ids import ConversationId, UserId
from myna.core.messages import Message
from myna.memory.journal import Journal
from myna.memory.summary import asks_to_forget, summary_of

log = logging.getLogger(__name__)

EARLY_S = 0.4
"""How long a turn waits for it. 20 rounds take 2 ms and 500 some 40, in a thread and once, until more is left out.

A prompt that goes without it is read by the LLM from there on anew, which takes longer.
"""


@dataclass(slots=True)
class Early:
    """Makes the summaries of one session, in a thread; the last one is kept as long as it is the same.

    Attributes:
        journal: Knows what is told no more.
    """

    journal: Journal
    user_id: UserId
    conversation_id: ConversationId
    _made: tuple[object, str] | None = field(default=None, init=False)

    async def summary(self, left_out: Sequence[Message], after: Sequence[Message], *, most_tokens: int) -> str:
        """What `summary_of` makes of these. Never fails; "" where it takes longer than `EARLY_S`."""
        told = ""
        with anyio.move_on_after(EARLY_S):
            try:
                told = await self._summary(tuple(left_out), tuple(after), most_tokens)
            except Exception:  # a door: behind it is a database, and a turn goes on without this
                log.exception("What was said early could not be summed up.")
        return told

    async def _summary(self, left_out: tuple[Message, ...], after: tuple[Message, ...], most_tokens: int) -> str:
        untold = frozenset(await self.journal.untold(self.user_id, self.conversation_id))
        wanted = (left_out, tuple(filter(asks_to_forget, after)), most_tokens, untold)
        if self._made is not None and self._made[0] == wanted:
            return self._made[1]

        def make() -> str:
            text = summary_of(left_out, after, most_tokens=most_tokens, untold=untold)
            self._made = (wanted, text)
            return text

        return await anyio.to_thread.run_sync(make, abandon_on_cancel=True)
