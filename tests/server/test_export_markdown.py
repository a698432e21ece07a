"""A conversation as Markdown."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from myna.core.ids import ConversationId, MessageId, TurnId, new_message_id
from myna.core.messages import (
    AssistantMessage,
    Conversation,
    Message,
    SystemMessage,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.reply import Reply
from myna.core.tools import ToolCall
from myna.personas.load import Personas
from myna.server.export_markdown import headline, markdown
from myna.store.base import KeptTurn, Page

T1 = TurnId("t1")
BEGAN = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


def conversation(title: str = "", persona: str = "assistant") -> Conversation:
    return Conversation(ConversationId("conv_1"), persona, title=title)


def user(text: str) -> UserMessage:
    return UserMessage(new_message_id(), T1, text)


def replied(
    text: str, heard: str | None = None, outcome: Literal["completed", "interrupted", "failed"] = "completed"
) -> AssistantMessage:
    reply = Reply(f"[Calm] {text}", text, text if heard is None else heard)
    return AssistantMessage(new_message_id(), T1, reply, outcome)


def call(call_id: str, arguments: str, name: str = "clock") -> ToolCallMessage:
    return ToolCallMessage(new_message_id(), T1, ToolCall(call_id, name, arguments))


def result(call_id: str, output: str, *, failed: bool = False) -> ToolResultMessage:
    return ToolResultMessage(new_message_id(), T1, call_id, output, failed=failed)


def page(*messages: Message, at: datetime | None = None, title: str = "", persona: str = "assistant") -> str:
    about = conversation(title, persona)
    whole = Page(messages, {message.id: at for message in messages} if at else {})
    return markdown(about, whole, (), next((one for one in Personas().all if one.id == persona), None))


def test_it_tells_who_said_what_and_when() -> None:
    at = BEGAN.astimezone()
    assert page(user("Hello"), replied("Hi."), at=BEGAN, title="Greeting") == (
        f"# Greeting\n\n- With: {name()}\n- Begun: {at:%Y-%m-%d %H:%M %z}\n\n"
        f"**You** · {at:%Y-%m-%d %H:%M}\n\nHello\n\n**{name()}** · {at:%Y-%m-%d %H:%M}\n\nHi.\n"
    )


def test_without_times_it_tells_when_its_turns_began() -> None:
    about, turns = conversation("Greeting"), [KeptTurn(T1, "completed", BEGAN)]
    assert f"- Begun: {BEGAN.astimezone():%Y-%m-%d %H:%M %z}\n\n**You**\n" in markdown(
        about, Page((user("Hello"),)), turns, None
    )


def name(persona: str = "assistant") -> str:
    return Personas().find(persona).name


def test_without_a_title_the_beginning_of_the_first_utterance_stands_for_it() -> None:
    assert headline(conversation(), [user("One\n two"), user("three")]) == "One two"
    assert headline(conversation(), [user("长" * 100)]) == "长" * 79 + "…"
    assert headline(conversation("Named"), [user("One")]) == "Named"
    assert headline(conversation(), []) == "conv_1"


def test_a_persona_that_speaks_chinese_has_a_page_in_chinese() -> None:
    told = page(user("你好"), replied("俺老孙来也！", "俺老孙", "interrupted"), persona="wukong")
    assert "- 角色: 孙悟空" in told
    assert "**我**" in told
    assert told.endswith("**孙悟空**\n\n俺老孙\n\n*— 说到这里被打断 —*\n")


def test_a_persona_that_is_there_no_more_is_told_by_its_id() -> None:
    assert "- With: gone\\_away" in page(user("Hi"), persona="gone_away")


@pytest.mark.parametrize(
    ("heard", "outcome", "ends"),
    [
        ("Once upon", "interrupted", "Once upon\n\n*— interrupted here —*\n"),
        ("", "interrupted", "*— interrupted before anything was heard —*\n"),
        ("Once upon a", "failed", "Once upon a\n\n*— broke off here —*\n"),
    ],
)
def test_what_was_not_said_to_its_end_is_marked(
    heard: str, outcome: Literal["interrupted", "failed"], ends: str
) -> None:
    told = page(user("A story"), replied("Once upon a time.", heard, outcome))
    assert told.endswith(f"**{name()}**\n\n{ends}")
    assert "time" not in told


def test_emotion_tags_are_not_in_it() -> None:
    assert "Calm" not in page(user("Hi"), replied("Hi."))


def test_calls_of_tools_are_folded_each_with_its_own_result() -> None:
    told = page(
        user("What time is it?"), call("0", '{"city": "东京"}'), result("0", "12:00"), call("0", "{}"),
        result("0", "no city", failed=True), replied("Noon."),
    )  # fmt: skip
    first, second = told.split("<details>")[1:]
    assert first.startswith('<summary>🔧 clock</summary>\n\n```json\n{\n  "city": "东京"\n}\n```\n\n```\n12:00\n```\n')
    assert second.startswith("<summary>🔧 clock (failed)</summary>")
    assert "no city" in second


def test_a_call_without_a_result_and_with_bad_json_is_shown_as_it_is() -> None:
    assert "```json\n{city:\n```\n\n</details>" in page(call("0", "{city:"))


def test_nothing_in_a_result_ends_its_block() -> None:
    assert "\n````\n</details>\n```\n````\n" in page(call("0", "{}"), result("0", "</details>\n```"))
    assert "&lt;b&gt;" in page(call("0", "{}", "<b>"))


def test_a_block_of_code_that_was_left_open_does_not_take_the_rest_of_the_page() -> None:
    cut = replied("x", "Look:\n```python\nprint(", "interrupted")
    told = page(user("Code"), cut, user("~~~\ntext"), user("thanks"))
    assert "Look:\n```python\nprint(\n```\n\n*— interrupted" in told
    assert "~~~\ntext\n~~~\n\n**You**" in told


def test_names_and_titles_are_no_markdown() -> None:
    assert page(user("x"), title="a *b* <c> #d").startswith("# a \\*b\\* \\<c\\> \\#d\n")


def test_what_is_no_text_is_left_out() -> None:
    assert "a�b�[31m�" in page(user("a\x00b\x1b[31m\ud83d"))


def test_an_instruction_is_told_as_one() -> None:
    assert "**Instruction**\n\nBe brief." in page(SystemMessage(MessageId("s"), T1, "Be brief."))
