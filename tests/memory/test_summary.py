"""A summary is made of the user's own words, of what tells the most, within its tokens, and of nothing forgotten."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.ids import MessageId, TurnId
from myna.core.messages import AssistantMessage, Message, UserMessage
from myna.core.reply import Reply
from myna.engines.base import LLMMessage
from myna.engines.llm.token_estimate import estimate_tokens
from myna.memory.summary import asks_to_forget, summary_of

FILE = Path(__file__).parents[2] / "benchmarks" / "long_talks.toml"
TALKS = tomllib.loads(FILE.read_text(encoding="utf-8"))["talks"]


def talk(*said: str) -> list[Message]:
    """What the user and the assistant said in turn, the user first."""
    messages: list[Message] = []
    for number, text in enumerate(said):
        message_id, turn_id = MessageId(f"msg_{number}"), TurnId(f"turn_{number // 2}")
        if number % 2:
            messages.append(AssistantMessage(message_id, turn_id, Reply(text, text, text), "completed"))
        else:
            messages.append(UserMessage(message_id, turn_id, text))
    return messages


def lines(summary: str) -> list[str]:
    return [line.removeprefix("- ").removesuffix("）").removesuffix(")") for line in summary.splitlines()[1:]]


def told(*said: str, most_tokens: int = 200) -> list[str]:
    return lines(summary_of(talk(*said), most_tokens=most_tokens))


# ---------------------------------------------------------------------------------------------------- what is kept


@pytest.mark.parametrize("name", [each["name"] for each in TALKS])
def test_what_a_conversation_is_about_is_told_and_nothing_that_the_assistant_made_up(name: str) -> None:
    (one,) = [each for each in TALKS if each["name"] == name]
    messages = talk(*(text for pair in zip(one["u"], one["a"], strict=True) for text in pair))
    summary = summary_of(messages, most_tokens=150).casefold()
    assert [group for group in one["keep"] if not any(text.casefold() in summary for text in group)] == []
    assert [text for text in one["never"] if text.casefold() in summary] == []


@pytest.mark.parametrize("name", [each["name"] for each in TALKS])
def test_every_line_is_what_the_user_said(name: str) -> None:
    (one,) = [each for each in TALKS if each["name"] == name]
    messages = talk(*(text for pair in zip(one["u"], one["a"], strict=True) for text in pair))
    for line in lines(summary_of(messages, most_tokens=200)):
        assert any(said in line for said in one["u"])


def test_the_order_is_that_of_the_conversation() -> None:
    said = ["我在写一本关于灯塔的小说", "好。", "主角叫玛拉，她有个弟弟", "好。", "十月底要交稿", "好。"]
    assert told(*said) == said[::2]


def test_nods_and_greetings_are_not_told() -> None:
    assert told("Good evening", "Hi!", "嗯嗯", "好。", "okay", "Yes.", "哈哈哈", "哈哈。") == []


def test_what_was_said_twice_is_told_once() -> None:
    assert told("I work in Leeds as a nurse", "Nice.", "I work in Leeds as a nurse!", "Yes.") == [
        "I work in Leeds as a nurse"
    ]


def test_a_short_answer_is_told_with_its_question_as_an_answer() -> None:
    assert told("I'm planning a party", "Lovely! How many guests will come?", "twelve", "Great.") == [
        "I'm planning a party",
        'when asked "How many guests will come?": twelve',
    ]
    assert told("我想办个聚会", "好呀！你想在哪儿办？", "青岛", "不错。")[1:] == ["被问到“你想在哪儿办？”时：青岛"]


def test_a_nod_is_no_answer() -> None:
    assert told("I'm planning a party", "Shall we begin with the guests?", "uh-huh", "Great.") == [
        "I'm planning a party"
    ]


def test_what_was_pasted_is_not_told() -> None:
    assert told("I wrote this program:\n```python\nprint('I live in Oslo')\n```\n" + "word " * 60, "Nice.") == [
        "I wrote this program:"
    ]


def test_it_is_told_in_the_language_of_the_user() -> None:
    assert summary_of(talk("我下个月搬去成都", "好。"), most_tokens=200).startswith("（更早的时候，用户说过：")
    assert summary_of(talk("I'm moving to Oslo", "Ok."), most_tokens=200).startswith("(Earlier in this conversation")


# -------------------------------------------------------------------------------------------------------- its length

utterances = st.lists(st.text(max_size=300) | st.sampled_from([text for each in TALKS for text in each["u"]]))


@given(utterances, st.integers(-10, 300))
@settings(deadline=None, max_examples=60)
def test_it_never_takes_more_than_it_may_by_estimate(said: list[str], most_tokens: int) -> None:
    messages = [UserMessage(MessageId(f"msg_{n}"), TurnId("turn_1"), text) for n, text in enumerate(said)]
    summary = summary_of(messages, most_tokens=most_tokens)
    assert not summary or estimate_tokens([LLMMessage("user", summary)]) <= most_tokens + 4  # 4 are of the message


@given(utterances)
@settings(deadline=None, max_examples=30)
def test_it_is_the_same_each_time(said: list[str]) -> None:
    messages = [UserMessage(MessageId(f"msg_{n}"), TurnId("turn_1"), text) for n, text in enumerate(said)]
    assert summary_of(messages, most_tokens=200) == summary_of(list(messages), most_tokens=200)


def test_of_nothing_there_is_none() -> None:
    assert summary_of([], most_tokens=200) == ""
    assert summary_of(talk("I'm moving to Oslo in May", "Ok."), most_tokens=10) == ""


# -------------------------------------------------------------------------------------------------------- forgetting


def test_nothing_is_told_that_was_said_before_a_wish_to_forget() -> None:
    said = ("My birthday is coming up soon. It is on May 3rd, 1990.", "Noted.", "我在写关于水稻的论文", "加油。")
    assert told(*said, "忘掉我说的生日", "要我忘掉你的生日5月3日吗？", "没错", "好的。") == []
    assert told(*said, "忘掉我说的生日", "好的。", "其实我的生日是6月1日", "好。") == ["其实我的生日是6月1日"]


def test_what_is_not_to_be_remembered_is_not_told_and_the_rest_is() -> None:
    assert told("我在写关于水稻的论文", "加油。", "我住在北京，这个别记", "好。") == ["我在写关于水稻的论文"]


def test_everything_is_forgotten_after_a_plain_yes_only() -> None:
    said = ("I live in Oslo with my aunt", "Nice.", "Forget everything about me", "Are you sure?")
    assert said[0] in told(*said, "No, wait a moment", "Ok.")
    assert told(*said, "Yes", "Done.", "I collect old maps of Norway", "Nice.") == ["I collect old maps of Norway"]


def test_a_question_is_told_with_its_answer_and_with_no_later_utterance() -> None:
    messages = talk("I'm painting my room", "What is your favourite colour?", "Blue", "(no reply)", "Rome Italy")
    assert lines(summary_of([*messages[:3], messages[4]], most_tokens=200)) == [
        "I'm painting my room",
        'when asked "What is your favourite colour?": Blue',
        "Rome Italy",
    ]


def test_nothing_is_told_that_was_said_in_a_play() -> None:
    said = ("I live in Oslo with my aunt", "Nice.", "You be the waiter and I'm a guest", "Sir?", "I am Count Olaf")
    assert told(*said) == [said[0]]


def test_only_what_the_user_says_asks_to_forget() -> None:
    assert asks_to_forget(talk("忘掉我说的生日", "好。"))
    assert asks_to_forget(talk("Forget everything about me", "Are you sure?", "Yes"))
    assert not asks_to_forget(talk("Forget everything about me", "Are you sure?", "No"))
    assert not asks_to_forget(talk("你好", "忘掉我说的生日"))


def test_of_a_very_long_conversation_the_newest_part_is_looked_at() -> None:
    long = [text for number in range(100) for text in (f"I met Ann on day {number}. " + "la " * 600, "Ok.")]
    first, *others = lines(summary_of(talk(*long), most_tokens=2_000))
    assert (first, len(others)) == ("I met Ann on day 46.", 0)
