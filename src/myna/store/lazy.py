"""Conversations are kept from when something is said in them: a greeting alone is none.

Whoever opens the web app is greeted, and most of those who look in again say nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import anyio

from myna.core.errors import BadInput
from myna.core.ids import ConversationId, MessageId, TurnId, UserId
from myna.core.messages import AssistantMessage, Conversation, Message
from myna.store.base import ConversationStore, Found, KeptTurn, Listed, Page, UserTurn
from myna.store.in_memory import InMemoryStore

MOST_HELD = 10_000
"""So many greeted conversations are held, some 20 MB; of those unused for longest the greeting is forgotten."""


class LazyStore:
    """A `ConversationStore` that keeps conversations in another one, and holds those that have only a greeting.

    Such a conversation can be gone on with by its id as long as the process runs. With the first message that is kept
    in it, it is kept as well, the greeting first; and as soon as its user gives it a title.

    Args:
        store: Where conversations are kept.
    """

    def __init__(self, store: ConversationStore) -> None:
        self.kept = store
        self._held = InMemoryStore(MOST_HELD)
        self._moving = anyio.Lock()

    async def create(self, conversation: Conversation) -> None:
        """Keep a new conversation."""
        await self._check_free(conversation.id)
        await self.kept.create(conversation)

    async def greet(self, conversation: Conversation, greeting: AssistantMessage | None, turn: KeptTurn) -> None:
        """Hold a new conversation that has a greeting or nothing in it."""
        await self._check_free(conversation.id)
        await self._held.greet(conversation, greeting, turn)

    async def take_in(
        self,
        conversation: Conversation,
        messages: Sequence[Message],
        times: Mapping[MessageId, datetime],
        turns: Sequence[KeptTurn],
    ) -> None:
        """Keep a new conversation with all that was said in it."""
        await self._check_free(conversation.id)
        await self.kept.take_in(conversation, messages, times, turns)

    async def find(self, conversation_id: ConversationId) -> Conversation | None:
        """The conversation with this id, or None."""
        return await self._held.find(conversation_id) or await self.kept.find(conversation_id)

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep the newest message of a conversation."""
        await self._keep(conversation_id)
        await self.kept.append(conversation_id, message)

    async def insert(self, conversation_id: ConversationId, message: Message, after: MessageId) -> None:
        """Keep a message behind another one, or first."""
        await self._keep(conversation_id)
        await self.kept.insert(conversation_id, message, after)

    async def replace(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep a message in the place of the one that has its id."""
        await (await self._place(conversation_id)).replace(conversation_id, message)

    async def remove(self, conversation_id: ConversationId, message_id: MessageId) -> None:
        """Forget a message."""
        await (await self._place(conversation_id)).remove(conversation_id, message_id)

    async def messages(self, conversation_id: ConversationId) -> Sequence[Message]:
        """The messages of a conversation, oldest first."""
        return await (await self._place(conversation_id)).messages(conversation_id)

    async def page(
        self, conversation_id: ConversationId, *, limit: int | None = None, before: str | None = None
    ) -> Page:
        """The newest messages, ``limit`` at most: those before ``before``, the ``previous`` of the page behind them."""
        return await (await self._place(conversation_id)).page(conversation_id, limit=limit, before=before)

    async def keep_turn(self, conversation_id: ConversationId, turn: KeptTurn) -> None:
        """Keep how a turn went."""
        await (await self._place(conversation_id)).keep_turn(conversation_id, turn)

    async def turns(
        self, conversation_id: ConversationId, *, among: Collection[TurnId] | None = None
    ) -> Sequence[KeptTurn]:
        """How the turns of a conversation went, oldest first; only those ``among`` these, if some are given."""
        return await (await self._place(conversation_id)).turns(conversation_id, among=among)

    async def list(self, user_id: UserId, *, limit: int = 50, after: str | None = None) -> Sequence[Listed]:
        """The conversations that were talked in last, ``limit`` at a time: those behind ``after``, a cursor of one."""
        return await self.kept.list(user_id, limit=limit, after=after)

    async def search(self, user_id: UserId, text: str, *, limit: int = 50) -> Sequence[Found]:
        """The messages that have all words of ``text``, the best first."""
        return await self.kept.search(user_id, text, limit=limit)

    async def newest_turns(self, user_id: UserId, *, limit: int = 50) -> Sequence[UserTurn]:
        """The turns that the user had last, in all conversations that are kept, the newest first."""
        return await self.kept.newest_turns(user_id, limit=limit)

    async def rename(self, user_id: UserId, conversation_id: ConversationId, title: str) -> Conversation:
        """Give it a title."""
        await self._keep(conversation_id, user_id)
        return await self.kept.rename(user_id, conversation_id, title)

    async def branch(self, user_id: UserId, conversation_id: ConversationId, after: MessageId) -> Conversation:
        """A new conversation that begins as this one does, up to and with the message ``after``."""
        await self._keep(conversation_id, user_id)
        return await self.kept.branch(user_id, conversation_id, after)

    async def delete(self, user_id: UserId, conversation_id: ConversationId) -> None:
        """It is gone, with its messages and turns."""
        if await self._held.find(conversation_id) is not None:
            async with self._moving:  # else it could be deleted here and kept there
                if await self._held.find(conversation_id) is not None:
                    await self._held.delete(user_id, conversation_id)
                    return
        await self.kept.delete(user_id, conversation_id)

    async def _place(self, conversation_id: ConversationId) -> ConversationStore:
        """Where it is."""
        return self.kept if await self._held.find(conversation_id) is None else self._held

    async def _keep(self, conversation_id: ConversationId, user_id: UserId | None = None) -> None:
        """See that a conversation is kept, with all that it has, if it is this user's."""
        if await self._held.find(conversation_id) is None:
            return  # as nearly always: nobody waits for what is being kept of another
        async with self._moving:
            held = await self._held.find(conversation_id)
            if held is None or user_id not in (None, held.user_id):
                return
            if await self.kept.find(conversation_id) is None:  # else another process was faster
                page = await self._held.page(conversation_id)
                turns = await self._held.turns(conversation_id)
                await self.kept.take_in(held, page.messages, page.times, turns)
            await self._held.delete(held.user_id, conversation_id)

    async def _check_free(self, conversation_id: ConversationId) -> None:
        if await self._held.find(conversation_id) is not None:
            raise BadInput(f"There is a conversation {conversation_id} already.", hint="Choose another id.")
