"""Whose a request is, and what names its conversations go by: users of one server never meet.

Without API keys there is one user, `OWNER`; with keys, each key says whose it is (`myna.server.keys.Key.user_id`). The
commands of this machine, which need no key, are the owner's.
"""

import re
from typing import Protocol

from starlette.requests import HTTPConnection

from myna.core.errors import BadInput, UnknownName
from myna.core.ids import OWNER, ConversationId, UserId
from myna.core.messages import Conversation
from myna.memory.base import Memories, Scope
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.server.errors import OwnerOnly
from myna.store.base import Store

_MADE_HERE = re.compile(r"conv_[0-9a-f]{24}")


class Stores(Protocol):
    """Where conversations are: what of a `Service` is asked here."""

    @property
    def store(self) -> Store:
        """Of those that are kept."""
        ...

    @property
    def private(self) -> Store:
        """Of those that are not."""
        ...


def user_of(connection: HTTPConnection) -> UserId:
    """Who asks, by request or WebSocket: the door has found it out. There is nobody without a door."""
    user_id: UserId = connection.state.user_id
    return user_id


def owner_only(request: HTTPConnection) -> None:
    """Let nobody but the owner go on.

    Raises:
        OwnerOnly: Another user asks.
    """
    if user_of(request) != OWNER:
        raise OwnerOnly(
            "Only the owner of this server may do so: its personas, settings and models are everybody's.",
            hint="Use the owner's key; one more is made on the server's machine with: myna key create --user owner",
        )


def scope_of(user_id: UserId, persona: Persona | None = None) -> Scope:
    """Which of a user's memories a persona knows: those that the personas share, or its own alone."""
    alone = persona is not None and persona.memory_scope == "persona"
    return Scope(user_id, persona.id if persona is not None and alone else None)


async def scope_named(
    memories: Memories, user_id: UserId, personas: Personas, named: str | None, guest: Persona | None = None
) -> Scope:
    """Which of a user's memories are meant by the name of a persona; without one, those that the personas share.

    What a persona that is gone remembered is found by its id, as long as there is any of it: else nobody could see it,
    or forget it.

    Args:
        memories: All there are.
        user_id: Whose.
        personas: Those there are.
        named: The persona's id or name.
        guest: One more persona.

    Raises:
        UnknownName: There is no such persona, and nothing that it remembers.
    """
    if named is None:
        return Scope(user_id)
    there = (*([guest] if guest is not None else []), *personas.all)
    persona = next((each for each in there if each.id == named), None)
    if persona is None:
        gone = Scope(user_id, named)
        if named.isprintable() and await memories.all(gone, limit=1):
            return gone
        persona = personas.find(named)
    return scope_of(user_id, persona)


def conversation_named(user_id: UserId, name: str) -> ConversationId:
    """The id of the conversation that a user calls by ``name``, a name of his own or an id that he was told.

    Two programs of different users may well choose the same name, such as ``main``. So ids made of names bear the user,
    but for the owner's; ids that were made here are random, and nobody's by themselves: see `conversation_of`.
    """
    mark = f"@{user_id}"
    own = user_id == OWNER or _MADE_HERE.fullmatch(name) or name.endswith(mark)
    return ConversationId(name if own else f"{name}{mark}")


async def conversation_of(
    stores: Stores, user_id: UserId, conversation_id: ConversationId, *, private: bool = False
) -> tuple[Conversation | None, Store]:
    """A user's conversation, or None if it has not begun; and the store that it is in, or is to begin in.

    A private one is in the memory of this process alone, and stays private whatever is asked for later.

    Args:
        stores: The service's.
        user_id: Who asks.
        conversation_id: As `conversation_named` gives it.
        private: It is to be private.

    Raises:
        UnknownName: It is another user's.
        BadInput: It is to be private, and what was said in it is kept already.
    """
    for store in (stores.private, stores.store):
        conversation = await store.find(conversation_id)
        if conversation is None:
            continue
        if conversation.user_id != user_id:
            raise UnknownName(f"There is no conversation {conversation_id}.", hint="Begin a new one.")
        if private and not conversation.private:
            raise BadInput(
                f"The conversation {conversation_id} is not private: what was said in it is kept.",
                hint="Begin another one for what is to be private.",
            )
        return conversation, store
    return None, stores.private if private else stores.store
