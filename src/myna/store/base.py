"""What every store does."""

from collections.abc import Sequence
from typing import Protocol

from myna.core.ids import ConversationId
from myna.core.messages import Conversation, Message


class Store(Protocol):
    """Keeps conversations. What a method was given is safe when it returns."""

    async def create(self, conversation: Conversation) -> None:
        """Keep a new conversation."""
        ...

    async def find(self, conversation_id: ConversationId) -> Conversation | None:
        """The conversation with this id, or None."""
        ...

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep the newest message of a conversation.

        Raises:
            UnknownName: No such conversation.
        """
        ...

    async def messages(self, conversation_id: ConversationId) -> Sequence[Message]:
        """The messages of a conversation, oldest first.

        Raises:
            UnknownName: No such conversation.
        """
        ...
