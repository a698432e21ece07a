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
    """Makes the summaries of one session, in a thread; the last two are kept: one may be too long for its room.

    Attributes:
        journal: Knows from where on a conversation may be told.
    """

    journal: Journal
    user_id: UserId
    conversation_id: ConversationId
    _made: tuple[tuple[object, str], ...] = field(default=(), init=False)
    _one: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1), init=False)

    async def summary(self, left_out: Sequence[Message], after: Sequence[Message], *, most_tokens: int) -> str:
        """What `summary_of` makes of those that may be told. Never fails; "" where it takes longer than `EARLY_S`.

        "" too while something is to be forgotten: when it is, nothing that was said before may be told.
        """
        told = ""
        with anyio.move_on_after(EARLY_S):
            try:
                if not asks_to_forget(after):
                    told = await self._summary(left_out, most_tokens)
            except Exception:  # a door: behind it is a database, and a turn goes on without this
                log.exception("What was said early could not be summed up.")
        return told

    async def _summary(self, left_out: Sequence[Message], most_tokens: int) -> str:
        first = await self.journal.first_told(self.user_id, self.conversation_id)
        place = next((place for place, message in enumerate(left_out) if message.id == first), len(left_out))
        wanted = (tuple(left_out[place:]), most_tokens)

        def make() -> str:
            told = next((told for made, told in self._made if made == wanted), None)
            if told is None:
                told = summary_of(wanted[0], most_tokens=most_tokens)
                self._made = ((wanted, told), *self._made[:1])
            return told

        # One at a time: a turn that was too late for one finds it there, or waits for the same again.
        return await anyio.to_thread.run_sync(make, abandon_on_cancel=True, limiter=self._one)
