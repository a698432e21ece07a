import json
from typing import Literal

import pytest

from myna.core.tools import ToolCall
from myna.engines.base import LLMMessage
from myna.engines.llm.told_results import told_results


def user(text: str) -> LLMMessage:
    return LLMMessage("user", text)


def calling(*calls: tuple[str, object], said: str = "") -> LLMMessage:
    return LLMMessage(
        "assistant",
        said,
        tuple(
            ToolCall(f"c{place}", name, json.dumps(arguments, ensure_ascii=False))
            for place, (name, arguments) in enumerate(calls)
        ),
    )


def result(text: str, place: int = 0, outcome: Literal["ok", "failed", "asks"] = "ok") -> LLMMessage:
    return LLMMessage("tool", text, tool_call_id=f"c{place}", outcome=outcome)


def test_a_result_stands_with_its_question_and_is_to_be_told_in_its_language() -> None:
    told = told_results(
        (
            user("Weather?"),
            calling(("get_weather", {"city": "Rome", "unit": "C"}), said="Wait."),
            result('{"degrees": 22, "sky": "clear"}'),
            LLMMessage("assistant", "22 degrees."),
            user("上海呢？"),
            calling(("get_weather", {"city": "上海"})),
            result("晴"),
        )
    )
    assert told == (
        user("Weather?\n\nget_weather(city=Rome, unit=C) = degrees: 22, sky: clear\n\nTell me this result."),
        LLMMessage("assistant", "22 degrees."),
        user("上海呢？\n\nget_weather(city=上海) = 晴\n\n请用中文告诉我这个结果。"),
    )


def test_results_of_several_rounds_are_told_together() -> None:
    (told,) = told_results(
        (
            user("Both?"),
            calling(("a", {}), ("b", {})),
            result("1"),
            result("[2, 3]", 1),
            calling(("a", {})),
            result("4"),
        )
    )
    assert told.content == "Both?\n\na() = 1\nb() = [2, 3]\na() = 4\n\nTell me these results."


def test_a_failure_is_no_result_and_is_told_as_one_only_if_nothing_else_is() -> None:
    failed = result("look failed: no route to host", 0, "failed")
    (told,) = told_results((user("Look!"), calling(("look", {"at": "it"})), failed))
    assert told.content == "Look!\n\nlook(at=it)\nlook failed: no route to host\n\nTell me what went wrong."
    (told,) = told_results((user("看！"), calling(("look", {}), ("time", {})), failed, result("2 o'clock", 1)))
    assert (
        told.content == "看！\n\nlook()\nlook failed: no route to host\ntime() = 2 o'clock\n\n请用中文告诉我这些结果。"
    )


def test_results_without_a_question_or_a_call_are_told_as_well() -> None:
    (told,) = told_results((LLMMessage("tool", "sunny", tool_call_id="gone"),))
    assert told == user("tool() = sunny\n\nTell me this result.")


def test_messages_without_calls_stay_as_they_are() -> None:
    messages = (LLMMessage("system", "Be brief."), user("Hi."), LLMMessage("assistant", "Hello."), user("Bye."))
    assert told_results(messages) == messages


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "[" * 100_000])
def test_arguments_that_are_no_object_are_left_out(arguments: str) -> None:
    call = LLMMessage("assistant", "", (ToolCall("c0", "a", arguments),))
    (told,) = told_results((user("?"), call, result("1")))
    assert told.content.startswith("?\n\na() = 1\n")


def test_what_stands_before_a_call_stays_but_for_words_to_it() -> None:
    system, rule = LLMMessage("system", "Be brief."), LLMMessage("system", "Speak French.")
    told = told_results((system, calling(("time", {})), result("12:00")))
    assert told == (system, user("time() = 12:00\n\nTell me this result."))
    told = told_results((system, user("Time?"), rule, calling(("time", {}), said="Wait."), result("12:00")))
    assert told == (system, user("Time?\n\ntime() = 12:00\n\nTell me this result."), rule)


def test_a_call_that_waits_for_consent_has_no_result_to_tell() -> None:
    paying = (user("Pay Anna 20."), calling(("send_money", {"to": "Anna"})), result("Ask first.", 0, "asks"))
    assert told_results(paying) == (user("Pay Anna 20."),)
