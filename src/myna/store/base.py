"""What every store does."""

from collections.abc import Sequence
from typing import Protocol

from myna.core.ids import ConversationId, MessageId
from myna.core.messages import Conversation, Message


class Store(Protocol):
    """Keeps conversations. What a method was given is safe when it returns.

    All but `create` and `find` raise `UnknownName` where there is no such conversation.
    """

    async def create(self, conversation: Conversation) -> None:
        """Keep a new conversation."""
        ...

    async def find(self, conversation_id: ConversationId) -> Conversation | None:
        """The conversation with this id, or None."""
        ...

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep the newest message of a conversation."""
        ...

    async def insert(self, conversation_id: ConversationId, message: Message, after: MessageId) -> None:
        """Keep a message behind another one, or before all others if ``after`` is `myna.core.commands.ROOT`.

        Raises:
            UnknownName: No such message.
        """
        ...

    async def replace(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep a message in the place of the one that has its id.

        Raises:
            UnknownName: No such message.
        """
        ...

    async def remove(self, conversation_id: ConversationId, message_id: MessageId) -> None:
        """Forget a message.

        Raises:
            UnknownName: No such message.
        """
        ...

    async def messages(self, conversation_id: ConversationId) -> Sequence[Message]:
        """The messages of a conversation, oldest first."""
        ...
