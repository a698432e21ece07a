"""What a plain yes agrees to."""

from typing import Literal

from myna.core.ids import MessageId, TurnId
from myna.core.messages import AssistantMessage, Message, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolSpec
from myna.session.consent import ASK_FIRST, agreed_to

PAY = ToolSpec("pay", "Pay.", {})


def user(text: str) -> Message:
    return UserMessage(MessageId(f"user {text}"), TurnId("t"), text)


def said(text: str, outcome: Literal["completed", "interrupted"] = "completed") -> Message:
    return AssistantMessage(MessageId(f"reply {text}"), TurnId("t"), Reply(text, text, text), outcome)


def waits(call_id: str) -> list[Message]:
    call = ToolCall(call_id, "pay", "{}")
    return [
        ToolCallMessage(MessageId(f"call {call_id}"), TurnId("t"), call),
        ToolResultMessage(MessageId(f"result {call_id}"), TurnId("t"), call_id, ASK_FIRST.output, PAY),
    ]


def agreed(*messages: Message) -> list[str]:
    return [one.call.id for one in agreed_to(messages)]


def test_a_yes_agrees_to_what_the_reply_before_it_asked() -> None:
    assert agreed(user("pay"), *waits("a"), said("Shall I?"), user("yes")) == ["a"]


def test_a_reply_before_the_call_has_asked_nothing() -> None:
    assert agreed(user("pay"), said("Let me see."), *waits("a"), user("yes")) == []


def test_only_what_was_asked_before_the_reply_is_agreed_to() -> None:
    assert agreed(user("pay"), *waits("a"), said("Shall I?"), *waits("b"), user("yes")) == ["a"]


def test_a_question_that_was_cut_short_may_not_have_been_heard() -> None:
    assert agreed(user("pay"), *waits("a"), said("Sha", "interrupted"), user("yes")) == []
