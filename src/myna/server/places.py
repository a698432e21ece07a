"""The places for live sessions: so many, and one for each conversation."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from myna.core.errors import Busy
from myna.core.ids import ConversationId

CLEAR_S = 5.0
"""How long a session may take to leave its place: it closes within 2 s, whatever its engines do."""


@dataclass(slots=True)
class Place:
    """One session's.

    Attributes:
        scope: What the session does is to be done in it.
        taken_over: Whether the scope was cancelled since another connection goes on with the conversation.
    """

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    taken_over: bool = False
    left: anyio.Event = field(default_factory=anyio.Event)


class Places:
    """Who is live.

    Args:
        number: How many may be at a time.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._places: dict[ConversationId, Place] = {}
        self._coming: Counter[ConversationId] = Counter()

    @property
    def taken(self) -> int:
        """How many are live, or wait for the one before them to leave."""
        return len(self._places.keys() | self._coming.keys())

    def is_live(self, conversation_id: ConversationId) -> bool:
        """Whether somebody is live in the conversation."""
        return conversation_id in self._places

    def check_free(self, conversation_id: ConversationId) -> None:
        """See that nobody is live in the conversation.

        Raises:
            Busy: Somebody is.
        """
        if self.is_live(conversation_id):
            raise Busy(
                f"Somebody is talking in the conversation {conversation_id} over a WebSocket.",
                hint="Send it there, or end that session.",
            )

    @asynccontextmanager
    async def take(self, conversation_id: ConversationId) -> AsyncGenerator[Place]:
        """A place in the conversation; who is live in it has to leave.

        For a client that lost its connection comes back before anybody can know that the old one is dead.

        Raises:
            Busy: All places are taken, or the one before does not leave.
        """
        if conversation_id not in self._places.keys() | self._coming.keys() and self.taken >= self.number:
            raise Busy(
                f"All {self.number} places for live sessions are taken.",
                hint="Try again later; the setting server.max_sessions says how many there are.",
            )
        self._coming[conversation_id] += 1  # so that nobody takes the place that is left to this one
        try:
            await self._clear(conversation_id)
            place = self._places[conversation_id] = Place()
        finally:
            self._coming -= Counter([conversation_id])
        try:
            yield place
        finally:
            del self._places[conversation_id]
            place.left.set()

    async def _clear(self, conversation_id: ConversationId) -> None:
        try:
            with anyio.fail_after(CLEAR_S):
                while (before := self._places.get(conversation_id)) is not None:
                    before.taken_over = True
                    before.scope.cancel()
                    await before.left.wait()
        except TimeoutError:
            raise Busy(
                f"The session before in the conversation {conversation_id} does not end.", hint="Try again."
            ) from None
