from myna.core.ids import ConversationId, MessageId, TurnId
from myna.core.messages import UserMessage
from myna.store.cache import MessageCache

A, B = ConversationId("a"), ConversationId("b")


def said(count: int) -> tuple[UserMessage, ...]:
    return tuple(UserMessage(MessageId(str(n)), TurnId(str(n)), "hello") for n in range(count))


def test_messages_count_for_their_revision_only() -> None:
    cache = MessageCache()
    cache.put(A, 3, said(2))
    assert cache.get(A, 3) == said(2)
    assert cache.get(A, 4) is None
    assert cache.get(B, 3) is None


def test_older_messages_do_not_take_the_place_of_newer_ones() -> None:
    cache = MessageCache()
    cache.put(A, 3, said(2))
    cache.put(A, 2, said(1))
    assert cache.get(A, 3) == said(2)


def test_those_unused_for_longest_go_first() -> None:
    cache = MessageCache(limit=10)
    cache.put(A, 1, said(4))
    cache.put(B, 1, said(4))
    assert cache.get(A, 1) is not None
    cache.put(ConversationId("c"), 1, said(4))
    assert cache.get(B, 1) is None
    assert cache.get(A, 1) == said(4)


def test_a_conversation_too_long_for_it_is_not_kept() -> None:
    cache = MessageCache(limit=10)
    cache.put(A, 1, said(11))
    assert cache.get(A, 1) is None
    cache.put(B, 1, said(10))
    assert cache.get(B, 1) is not None


def test_what_is_dropped_is_not_known() -> None:
    cache = MessageCache(limit=10)
    for revision in range(5):
        cache.put(A, revision, said(10))
    cache.drop(A)
    cache.drop(A)
    assert cache.get(A, 4) is None
    cache.put(B, 1, said(10))
    assert cache.get(B, 1) is not None
