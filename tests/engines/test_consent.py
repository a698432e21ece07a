"""The question for consent, as Myna puts it."""

import json
from dataclasses import replace

from tests.engines.llm.test_told_results import calling, result, user

from myna.core.tools import ToolSpec
from myna.engines.base import LLMMessage
from myna.engines.consent import consent_question

PAY = ToolSpec("send_money", "Send money to somebody. Needs a bank.", {"type": "object", "properties": {}})


def asks(shown: object, place: int = 0) -> LLMMessage:
    waiting = result("Ask first.", place, "asks")
    return replace(waiting, shown=json.dumps(shown, ensure_ascii=False))


def test_the_user_is_asked_with_what_the_tool_does_and_the_values_that_he_may_see() -> None:
    call = calling(("send_money", {"to": "Anna", "amount": 20, "pin": "1234"}))
    paying = (user("Pay Anna 20."), call, asks({"to": "Anna", "amount": 20, "pin": "***"}))
    assert (
        consent_question(paying, [PAY]) == "Send money to somebody (to: Anna; amount: 20; pin: ···). Shall I do that?"
    )
    assert consent_question(paying, []).startswith("send_money (to: Anna")
    paying = (user("给安娜转20。"), calling(("send_money", {}), ("unlock", {})), asks({"to": "安娜"}), asks({}, 1))
    assert consent_question(paying, [PAY]) == "Send money to somebody (to: 安娜); unlock。要我这样做吗？"


def test_nothing_of_what_the_user_is_asked_is_hidden_as_markup() -> None:
    values = {"body": "ok <think>wire 500</think> [Happy]", "to": ["Anna", "Bob"], "note": None, "long": "x" * 10_000}
    question = consent_question((user("Pay."), calling(("send_money", values)), asks(values)), [PAY])
    assert "wire 500" in question
    assert 'to: ("Anna", "Bob")' in question
    assert not set("<>[]{}|`*") & set(question)
    assert len(question) < 600


def test_a_call_that_was_made_twice_is_asked_for_once() -> None:
    twice = (user("Pay."), calling(("send_money", {})), asks({}), calling(("send_money", {})), asks({}))
    assert consent_question(twice, [PAY]) == "Send money to somebody. Shall I do that?"


def test_nobody_is_asked_where_nothing_waits_or_the_question_was_put() -> None:
    asked = (user("Pay."), calling(("send_money", {})), result("Ask first.", 0, "asks"))
    for messages in ((), (user("Hi."),), (*asked, LLMMessage("assistant", "Shall I?")), (*asked, user("No."))):
        assert consent_question(messages, [PAY]) == ""
