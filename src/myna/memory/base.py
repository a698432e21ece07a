"""What memory is to those who use it: every Protocol and type, on one page.

A *memory* is a durable fact about the user, in a short sentence. The SQL store has them all and is the truth; vectors
are derived from it and can be made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from myna.core.ids import ConversationId, MemoryId, MessageId, UserId
from myna.core.messages import Message
from myna.store.cursors import cursor

Kind: TypeAlias = Literal["name", "like", "dislike", "place", "date", "relation", "health", "plan", "rule", "fact"]
"""What a memory is about. ``rule``: how the user wants to be treated; ``fact``: anything else."""

Actor: TypeAlias = Literal["user", "myna"]
"""Who changed a memory: the user, by REST, CLI or word; or Myna, from what was said."""

Change: TypeAlias = Literal["added", "edited", "pinned", "unpinned", "forgotten"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose memories, and which of them. Nothing ever crosses users.

    Attributes:
        persona_id: Those of this persona alone (its ``memory_scope`` is ``persona``); None: those that all share.
    """

    user_id: UserId
    persona_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewMemory:
    """What is to be remembered; the fields are those of `Memory`."""

    text: str
    kind: Kind = "fact"
    confidence: float = 1.0
    source: MessageId | None = None
    conversation_id: ConversationId | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory as it is kept. Times are in UTC.

    Attributes:
        text: One short sentence, in the language in which it was said.
        confidence: How sure it is, 0 to 1; what the user wrote himself is 1.
        pinned: It is told before what fits, as far as there is room, and never overwritten by Myna.
        source: The message that it was taken from, and its conversation.
        used_at: When it last went into a prompt; ``uses``: how often.
    """

    id: MemoryId
    scope: Scope
    text: str
    created_at: datetime
    changed_at: datetime
    kind: Kind = "fact"
    confidence: float = 1.0
    pinned: bool = False
    source: MessageId | None = None
    conversation_id: ConversationId | None = None
    used_at: datetime | None = None
    uses: int = 0

    @property
    def cursor(self) -> str:
        """Stands for its place in the list."""
        return cursor(self.created_at.isoformat(), self.id)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that fits what was asked, and how well: 0 to 1, comparable between questions."""

    memory: Memory
    fit: float


@dataclass(frozen=True, slots=True)
class Audited:
    """A line of the audit trail. What was forgotten is not in it: only that something was."""

    at: datetime
    change: Change
    actor: Actor
    memory_id: MemoryId
    text: str | None


class Memories(Protocol):
    """All memories of one process. What a method was given is safe when it returns.

    Raises `UnknownName` for a memory that is not in the scope, `BadInput` for a text that is empty or too long.
    """

    async def add(self, scope: Scope, new: NewMemory, *, actor: Actor = "user") -> Memory:
        """Keep a new memory; one with the same text is given back as it is, surer."""
        ...

    async def remember(
        self, scope: Scope, new: NewMemory, *, instead_of: Sequence[Memory] = (), permitted: bool = False
    ) -> Memory | None:
        """Myna keeps what it took from a message, and forgets what that replaces, in one step.

        Args:
            scope: Where it belongs.
            new: As for `add`.
            instead_of: These go, but for those that the user pinned or edited since they were read.
            permitted: Only while the journal has the message: None where it was forgotten meanwhile.
        """
        ...

    async def find(self, scope: Scope, memory_id: MemoryId) -> Memory:
        """The memory with this id."""
        ...

    async def all(self, scope: Scope, *, limit: int = 100, after: str | None = None) -> Sequence[Memory]:
        """The newest, ``limit`` at a time: those older than ``after``, a cursor of one, which may be forgotten since.

        Raises:
            BadInput: ``after`` stands for no place.
        """
        ...

    async def recall(self, scope: Scope, text: str, *, limit: int) -> Sequence[Recalled]:
        """What fits ``text``, the best first; nothing that does not. Pinned memories are always among them.

        Where there is no embedder, or it does not answer in time, by words alone.
        """
        ...

    async def nearest(self, scope: Scope, text: str, *, limit: int) -> Sequence[Recalled]:
        """The memories that are most like ``text``, however little: to search, and to compare a new one with."""
        ...

    async def used(self, scope: Scope, memory_ids: Sequence[MemoryId]) -> None:
        """They went into a prompt."""
        ...

    async def edit(self, scope: Scope, memory_id: MemoryId, text: str, *, actor: Actor = "user") -> Memory:
        """Say it otherwise."""
        ...

    async def pin(self, scope: Scope, memory_id: MemoryId, *, pinned: bool = True) -> Memory:
        """Pin it, or no longer."""
        ...

    async def forget(self, scope: Scope, memory_ids: Sequence[MemoryId], *, actor: Actor = "user") -> int:
        """They are gone: text, vectors and Myna's own backups. Gives how many there were."""
        ...

    async def forget_all(self, user_id: UserId) -> int:
        """Everything of this user is gone, in all scopes. Gives how many there were."""
        ...

    async def audit(self, user_id: UserId, *, limit: int = 100) -> Sequence[Audited]:
        """What was done to the memories of this user, the newest first."""
        ...


class ToForget(Protocol):
    """What the user asks to be forgotten, in words."""

    @property
    def note(self) -> str:
        """What the model is told, so that it can say so."""
        ...


class SessionMemory(Protocol):
    """The memory that one session has. Bound to user, persona and conversation; made by the server."""

    def listen(self, *, speaking: bool) -> None:
        """Whether the user speaks, or has spoken and is not understood yet; said again while he goes on.

        While he does, nothing is to take the machine's time that is not for his turn, whatever ends meanwhile. It is
        over by the session's end at the latest.
        """
        ...

    async def recall(self, text: str) -> Sequence[Recalled]:
        """What fits the newest utterance. Never fails; gives nothing where memory does not answer in time."""
        ...

    async def to_forget(self, text: str) -> ToForget | None:
        """What the newest utterance asks to be forgotten; it is, when the turn has been `told`. Never fails."""
        ...

    async def early(self, left_out: Sequence[Message], after: Sequence[Message], *, most_tokens: int) -> str:
        """What is told of the messages that a prompt leaves out, to stand before the first utterance that it has.

        Made of the user's own words; of none from before he had anything forgotten, and of none at all where he asks
        for that in a message ``after`` them. Never fails; "" where there is nothing to tell, or not in time.

        Args:
            left_out: The oldest messages of the conversation.
            after: The others, the newest utterance included.
            most_tokens: So many it takes at most, by estimate.
        """
        ...

    def told(self, messages: Sequence[Message]) -> None:
        """A turn has ended with these messages, the utterance first: remember from them later, out of its way.

        Called for every turn that was real, however it ended; with no messages where one never came to be, and when
        the session ends.
        """
        ...
