"""What every store does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from myna.core.events import Outcome, Stage
from myna.core.ids import ConversationId, MessageId, TurnId, UserId
from myna.core.messages import AssistantMessage, Conversation, Message
from myna.store.cursors import cursor


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A turn as it went.

    Attributes:
        began_at: When its utterance was over, in UTC.
        reached_ms: When each stage was reached, in milliseconds since then.
        problems: The codes of what went wrong.
    """

    id: TurnId
    outcome: Outcome
    began_at: datetime
    reached_ms: Mapping[Stage, float] = field(default_factory=dict[Stage, float])
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserTurn:
    """A turn of a user's, and the conversation that it was in."""

    conversation: Conversation
    turn: KeptTurn


class Store(Protocol):
    """Keeps conversations. What a method was given is safe when it returns; but see `greet`.

    All but `create`, `greet` and `find` raise `UnknownName` where there is no such conversation.
    """

    async def create(self, conversation: Conversation) -> None:
        """Keep a new conversation."""
        ...

    async def greet(self, conversation: Conversation, greeting: AssistantMessage | None, turn: KeptTurn) -> None:
        """Take a new conversation that has a greeting or nothing in it, and how that turn went.

        A store may hold it in memory until something is said in it: a greeting alone is no conversation.
        """
        ...

    async def find(self, conversation_id: ConversationId) -> Conversation | None:
        """The conversation with this id, or None."""
        ...

    async def append(self, conversation_id: ConversationId, message: Message) -> None:
        """Keep the newest message of a conversation, as said now."""
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

    async def keep_turn(self, conversation_id: ConversationId, turn: KeptTurn) -> None:
        """Keep how a turn went."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation in a list. Times are in UTC.

    Attributes:
        messages: How many it has of the user's and the assistant's.
        preview: The beginning of the first thing that the user said.
    """

    conversation: Conversation
    begun_at: datetime
    changed_at: datetime
    messages: int
    preview: str

    @property
    def cursor(self) -> str:
        """Stands for its place in the list."""
        return cursor(self.changed_at.isoformat(), self.conversation.id)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a conversation, oldest first.

    Attributes:
        times: When each message was made, in UTC.
        previous: Stands for the place of the first one, if there are others before it.
    """

    messages: Sequence[Message]
    times: Mapping[MessageId, datetime] = field(default_factory=dict[MessageId, datetime])
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was searched for.

    Attributes:
        snippet: What stands around the words that were found.
        at: When it was said, in UTC.
    """

    conversation: Conversation
    message: Message
    snippet: str
    at: datetime


class ConversationStore(Store, Protocol):
    """A store that users can look into. Each method sees the conversations of one user alone.

    All but `list`, `search` and `newest_turns` raise `UnknownName` where the user has no such conversation.
    """

    async def page(
        self, conversation_id: ConversationId, *, limit: int | None = None, before: str | None = None
    ) -> Page:
        """The newest messages, ``limit`` at most: those before ``before``, the ``previous`` of the page behind them.

        Raises:
            BadInput: ``before`` stands for no place.
        """
        ...

    async def turns(
        self, conversation_id: ConversationId, *, among: Collection[TurnId] | None = None
    ) -> Sequence[KeptTurn]:
        """How the turns of a conversation went, oldest first; only those ``among`` these, if some are given."""
        ...

    async def list(self, user_id: UserId, *, limit: int = 50, after: str | None = None) -> Sequence[Listed]:
        """The conversations that were talked in last, ``limit`` at a time: those behind ``after``, a cursor of one.

        A conversation without a title that has nothing but a greeting, or nothing at all, is not listed.

        Raises:
            BadInput: ``after`` stands for no place.
        """
        ...

    async def take_in(
        self,
        conversation: Conversation,
        messages: Sequence[Message],
        times: Mapping[MessageId, datetime],
        turns: Sequence[KeptTurn],
    ) -> None:
        """Keep a new conversation with all that was said in it. Nobody sees it before all of it is there.

        A message without a time was said now. What fails or is killed leaves nothing behind.
        """
        ...

    async def search(self, user_id: UserId, text: str, *, limit: int = 50) -> Sequence[Found]:
        """The messages that have all words of ``text``, the best first; words of two characters are found too."""
        ...

    async def newest_turns(self, user_id: UserId, *, limit: int = 50) -> Sequence[UserTurn]:
        """The turns that the user had last, in all conversations, the newest first.

        A turn that branches of its conversation have as well is told once.
        """
        ...

    async def rename(self, user_id: UserId, conversation_id: ConversationId, title: str) -> Conversation:
        """Give it a title."""
        ...

    async def branch(self, user_id: UserId, conversation_id: ConversationId, after: MessageId) -> Conversation:
        """A new conversation that begins as this one does, up to and with the message ``after``."""
        ...

    async def delete(self, user_id: UserId, conversation_id: ConversationId) -> None:
        """It is gone, with its messages and turns."""
        ...
