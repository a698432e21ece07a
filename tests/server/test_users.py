from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.errors import BadInput, UnknownName
from myna.core.ids import OWNER, ConversationId, UserId, new_conversation_id
from myna.core.messages import Conversation
from myna.server.users import Stores, conversation_named, conversation_of
from myna.store.in_memory import InMemoryStore

ANNE, BOB = UserId("0a0a0a0a"), UserId("0b0b0b0b")
NAMES = st.text(min_size=1, max_size=30) | st.sampled_from(["main", "main@0a0a0a0a", "main@0b0b0b0b", "@0a0a0a0a"])


@dataclass(frozen=True)
class TwoStores:
    """What of a service is asked."""

    store: InMemoryStore = field(default_factory=InMemoryStore)
    private: InMemoryStore = field(default_factory=InMemoryStore)


@given(NAMES, NAMES)
def test_names_of_two_users_never_mean_the_same_conversation(one: str, other: str) -> None:
    assert conversation_named(ANNE, one) != conversation_named(BOB, other)


@given(NAMES, st.sampled_from([OWNER, ANNE, BOB]))
def test_who_comes_back_with_the_id_that_he_was_told_comes_back_to_the_same(name: str, user: UserId) -> None:
    told = conversation_named(user, name)
    assert conversation_named(user, told) == told


def test_the_owners_names_and_ids_that_were_made_here_stay_as_they_are() -> None:
    assert conversation_named(OWNER, "main") == "main"
    made = new_conversation_id()
    assert conversation_named(ANNE, made) == made


pytestmark = pytest.mark.anyio


async def test_what_has_not_begun_is_begun_where_it_belongs() -> None:
    service: Stores = TwoStores()
    assert await conversation_of(service, ANNE, ConversationId("a")) == (None, service.store)
    assert await conversation_of(service, ANNE, ConversationId("a"), private=True) == (None, service.private)


@pytest.mark.parametrize("kept", [True, False])
async def test_anothers_conversation_is_unknown(kept: bool) -> None:
    service = TwoStores()
    store = service.store if kept else service.private
    theirs = Conversation(new_conversation_id(), "assistant", ANNE)
    await store.create(theirs)
    assert await conversation_of(service, ANNE, theirs.id) == (theirs, store)
    for private in (False, True):
        with pytest.raises(UnknownName):
            await conversation_of(service, BOB, theirs.id, private=private)


async def test_a_private_conversation_stays_private_for_a_client_that_does_not_say_so_again() -> None:
    service = TwoStores()
    private = Conversation(ConversationId("a"), "assistant", OWNER, private=True)
    await service.private.create(private)
    assert await conversation_of(service, OWNER, private.id) == (private, service.private)


async def test_what_is_kept_cannot_be_made_private_after_the_fact() -> None:
    service = TwoStores()
    kept = Conversation(ConversationId("a"), "assistant")
    await service.store.create(kept)
    with pytest.raises(BadInput, match="not private"):
        await conversation_of(service, OWNER, kept.id, private=True)
