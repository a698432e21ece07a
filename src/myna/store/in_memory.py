"""Conversations in memory: gone when the process ends."""

from collections import OrderedDict
from collections.abc import Sequence

from myna.core.errors import UnknownName
from myna.core.ids import ConversationId
from myna.core.messages import Conversation, Message


class InMemoryStore:
    """A `Store` that forgets: at most ``limit`` conversations, the one unused for longest goes first."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._kept: OrderedDict[ConversationId, tuple[Conversation, list[Message]]] = OrderedDict()

    async def create(self, conversation: Conversation) -> None:
        """Keep a new conversation."""
        self._kept[conversation.id] = (conversation, [])
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    async def find(self, conversation_id: ConversationId) -> Conversation | None:
        """The conversation with this id, or None."""
        kept = self._kept.get(conversation_id)
        return kept[0] if kept else None

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep the newest message of a conversation."""
        self._messages(conversation_id).append(message)

    async def messages(self, conversation_id: ConversationId) -> Sequence[Message]:
        """The messages of a conversation, oldest first."""
        return tuple(self._messages(conversation_id))

    def _messages(self, conversation_id: ConversationId) -> list[Message]:
        try:
            self._kept.move_to_end(conversation_id)
        except KeyError:
            raise UnknownName(
                f"There is no conversation {conversation_id}.", hint="Start a new one; only the newest are kept."
            ) from None
        return self._kept[conversation_id][1]
