"""Conversations in memory: gone when the process ends."""

from collections import OrderedDict
from collections.abc import Sequence

from myna.core.commands import ROOT
from myna.core.errors import UnknownName
from myna.core.ids import ConversationId, MessageId
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

    async def insert(self, conversation_id: ConversationId, message: Message, after: MessageId) -> None:
        """Keep a message behind another one, or first."""
        messages = self._messages(conversation_id)
        messages.insert(0 if after == ROOT else _place(messages, after) + 1, message)

    async def replace(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep a message in the place of the one that has its id."""
        messages = self._messages(conversation_id)
        messages[_place(messages, message.id)] = message

    async def remove(self, conversation_id: ConversationId, message_id: MessageId) -> None:
        """Forget a message."""
        messages = self._messages(conversation_id)
        del messages[_place(messages, message_id)]

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


def _place(messages: Sequence[Message], message_id: MessageId) -> int:
    for place, message in enumerate(messages):
        if message.id == message_id:
            return place
    raise UnknownName(f"The conversation has no message {message_id}.", hint="It may have been deleted.")
