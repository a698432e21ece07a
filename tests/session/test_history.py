import itertools

from hypothesis import given
from hypothesis import strategies as st

from myna.core.ids import new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.core.reply import Reply
from myna.session.history import History, recent, rounds


def user(text: str) -> UserMessage:
    return UserMessage(new_message_id(), new_turn_id(), text)


def assistant(text: str) -> AssistantMessage:
    return AssistantMessage(new_message_id(), new_turn_id(), Reply(text, text, text), "completed")


def conversation(answered: list[bool]) -> list[Message]:
    messages: list[Message] = []
    for turn, has_reply in enumerate(answered):
        messages.append(user(f"question {turn}"))
        if has_reply:
            messages.append(assistant(f"answer {turn}"))
    return messages


def kept(messages: list[Message], limit: int) -> list[Message]:
    return [message for one in recent(messages, limit).rounds for message in one]


def maybe_greeted(greeted: bool, answered: list[bool]) -> list[Message]:
    return [*([assistant("hello")] if greeted else []), *conversation(answered)]


conversations = st.builds(maybe_greeted, st.booleans(), st.lists(st.booleans(), min_size=1, max_size=60))
limits = st.integers(-1, 25)


@given(conversations, limits)
def test_what_is_kept_is_the_newest_and_in_order(messages: list[Message], limit: int) -> None:
    stays = kept(messages, limit)
    assert stays == messages[len(messages) - len(stays) :]
    assert stays[-1] is messages[-1]


@given(conversations, limits)
def test_whole_rounds_are_kept_never_less_than_one_and_never_more_than_the_limit(
    messages: list[Message], limit: int
) -> None:
    history = recent(messages, limit)
    assert 1 <= len(history.rounds) <= max(1, limit)
    assert history.rounds == rounds(messages)[history.left_out :]


@given(conversations, limits)
def test_at_least_half_of_what_may_be_kept_is_kept(messages: list[Message], limit: int) -> None:
    history = recent(messages, limit)
    assert history.left_out == 0 or len(history.rounds) >= limit - limit // 2 + (limit > 1)


@given(st.integers(2, 20), st.integers(1, 80))
def test_the_prefix_is_cut_at_most_every_half_limit_of_turns(limit: int, turns: int) -> None:
    messages = conversation([True] * turns)
    starts = [kept(messages[: 2 * turn], limit)[0] for turn in range(1, turns + 1)]
    cuts = [turn for turn in range(1, turns) if starts[turn] is not starts[turn - 1]]
    assert all(later - earlier >= limit // 2 for earlier, later in itertools.pairwise(cuts))
    assert not cuts or cuts[0] >= limit


def test_the_tenth_round_cuts_nothing_and_the_eleventh_cuts_five() -> None:
    messages = conversation([True] * 11)
    assert recent(messages[:20], 10).left_out == 0
    assert recent(messages, 10).left_out == 5
    assert kept(messages, 10) == messages[10:]


@given(conversations)
def test_the_rounds_joined_are_the_messages(messages: list[Message]) -> None:
    whole = rounds(messages)
    assert [message for one in whole for message in one] == messages
    assert all(sum(isinstance(message, UserMessage) for message in one) == 1 for one in whole)


def test_a_greeting_belongs_to_the_first_round() -> None:
    hello, question = assistant("hello"), user("question")
    assert rounds([hello, question]) == ((hello, question),)
    assert rounds([hello]) == ((hello,),)


def test_no_messages_are_no_rounds() -> None:
    assert rounds([]) == ()
    assert recent([], 10) == History()
