"""The responses that a client creates and cancels: exactly what they come to."""

from typing import Any

import pytest
from tests.wire.realtime.talking import HI, REPLY, TURN, USER, Line, kinds, user

from myna.core.commands import (
    CreateReply,
    Interrupt,
)
from myna.core.events import (
    ReplyEnded,
    ReplyText,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import MessageId, TurnId
from myna.core.messages import UserMessage
from myna.core.tools import NamedTool, ToolSpec

TURN_1 = TurnId("turn_1")


def test_a_response_answers_the_conversation_as_it_stands():
    line = Line()
    assert line.send("response.create") == ((CreateReply(TURN_1),), [])
    assert line.happens(TurnStarted(TURN_1, None, REPLY))[0]["response"]["id"] == "resp_1"


def test_a_response_has_terms_of_its_own():
    line = Line()
    tool = {"type": "function", "name": "now", "description": "The time", "parameters": {"type": "object"}}
    terms = {
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "marin", "format": {"type": "audio/pcmu"}}},
        "tools": [tool],
        "tool_choice": {"type": "function", "name": "now"},
        "max_output_tokens": 50,
        "parallel_tool_calls": False,
        "metadata": {"topic": "time"},
    }
    (command,), _ = line.send("response.create", response=terms)
    assert isinstance(command, CreateReply)
    assert command.preferences is not None
    chosen = command.preferences
    assert (chosen.instructions, chosen.voice, chosen.max_tokens) == ("Be brief.", "af_heart", 50)
    assert chosen.tools == (ToolSpec("now", "The time", {"type": "object"}),)
    assert chosen.tool_choice == NamedTool("now")
    assert not chosen.parallel_calls
    [created] = line.happens(TurnStarted(TURN_1, None, REPLY))
    assert created["response"]["metadata"] == {"topic": "time"}
    assert created["response"]["max_output_tokens"] == 50
    assert created["response"]["audio"] == {"output": {"format": {"type": "audio/pcmu"}, "voice": "marin"}}
    assert line.codec.preferences.instructions is None
    assert line.codec.preferences.parallel_calls


def test_only_one_response_at_a_time_answers_the_conversation():
    line = Line()
    line.send("response.create")
    refusal = line.refusal("response.create", event_id="evt")
    assert (refusal["code"], refusal["event_id"]) == ("conversation_already_has_active_response", "evt")
    line.happens(TurnStarted(TURN_1, None, REPLY), ReplyText(TURN_1, "Hi."))
    assert line.refusal("response.create")["code"] == "conversation_already_has_active_response"
    line.happens(ReplyEnded(TURN_1, complete=True))
    assert len(line.send("response.create")[0]) == 1


def test_after_a_cancellation_the_next_response_need_not_wait():
    line = Line()
    line.hears()
    assert line.send("response.cancel") == ((Interrupt(turn_id=TURN),), [])
    assert len(line.send("response.create")[0]) == 1


def test_a_response_apart_runs_beside_the_conversation_which_keeps_nothing_of_it():
    line = Line()
    line.hears()
    (command,), _ = line.send(
        "response.create",
        response={"conversation": "none", "output_modalities": ["text"], "input": [], "metadata": {"kind": "topic"}},
    )
    assert isinstance(command, CreateReply)
    assert (command.apart, command.messages) == (True, ())
    told = line.happens(
        TurnStarted(TURN_1, None, MessageId("msg_apart")),
        ReplyText(TURN_1, "Weather."),
        ReplyText(TURN, "Hi."),
        ReplyEnded(TURN_1, complete=True),
    )
    apart = [event for event in told if "resp_1" in (event.get("response_id"), event.get("response", {}).get("id"))]
    assert kinds(apart) == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert apart[0]["response"]["conversation_id"] is None
    assert [event["item"]["id"] for event in told if event["type"] == "conversation.item.added"] == [REPLY]
    assert line.refusal("conversation.item.retrieve", item_id="msg_apart")["code"] == "item_retrieve_invalid_item_id"


def test_a_response_answers_what_it_was_given():
    line = Line()
    line.hears()
    line.answers()
    given = [user(HI), {"type": "item_reference", "id": USER}]
    (command,), _ = line.send("response.create", response={"input": given})
    assert isinstance(command, CreateReply)
    assert command.messages is not None
    assert [type(message) for message in command.messages] == [UserMessage, UserMessage]
    assert [message.id for message in command.messages] == ["msg_1", USER]


@pytest.mark.parametrize(
    ("terms", "code", "param"),
    [
        ({"input": [{"type": "item_reference", "id": "nobody"}]}, "invalid_value", "response.input[0].id"),
        ({"input": [user({"type": "output_text", "text": ""})]}, "invalid_value", "response.input[0].content[0].type"),
        ({"conversation": "other"}, "invalid_value", "response.conversation"),
        ({"metadata": {"a": "b" * 513}}, "invalid_value", "response.metadata"),
        ({"metadata": {str(n): "" for n in range(17)}}, "invalid_value", "response.metadata"),
        ({"max_output_tokens": 0}, "invalid_value", "response.max_output_tokens"),
        ({"max_output_tokens": True}, "invalid_value", "response.max_output_tokens"),
        ({"output_modalities": []}, "invalid_value", "response.output_modalities"),
        ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", "response.audio.output.voice"),
        ({"tool_choice": {"type": "function", "name": "none"}}, "invalid_value", "response.tool_choice"),
        ({"prompt": {"id": "pmpt_1"}}, "invalid_value", "response.prompt"),
        ({"modalities": ["text"]}, "unknown_parameter", "response.modalities"),
        ({"temperature": 0.8}, "unknown_parameter", "response.temperature"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, Any], code: str, param: str):
    line = Line()
    refusal = line.refusal("response.create", response=terms)
    assert (refusal["code"], refusal["param"]) == (code, param)
    assert line.send("response.create") == ((CreateReply(TURN_1),), [])


def test_there_are_never_many_responses_at_once():
    line = Line()
    for _ in range(16):
        line.send("response.create", response={"conversation": "none"})
    refusal = line.refusal("response.create", response={"conversation": "none"})
    assert refusal["message"].startswith("There are already 16 active responses.")


@pytest.mark.parametrize("response_id", [None, "resp_a"])
def test_a_response_is_cancelled(response_id: str | None):
    line = Line()
    line.hears()
    commands, told = line.send("response.cancel", response_id=response_id)
    assert (commands, told) == ((Interrupt(turn_id=TURN),), [])
    assert line.refusal("response.cancel")["code"] == "response_cancel_not_active"
    told = line.happens(TurnEnded(TURN, "interrupted", None))
    assert told[0]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


def test_a_response_that_has_not_begun_can_be_cancelled():
    line = Line()
    line.send("response.create")
    assert line.send("response.cancel", response_id="resp_1")[0] == (Interrupt(turn_id=TURN_1),)
    told = line.happens(TurnEnded(TURN_1, "interrupted", None))
    assert kinds(told) == ["response.created", "response.done"]
    assert told[1]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


@pytest.mark.parametrize("response_id", [None, "resp_a", "resp_x"])
def test_without_an_active_response_there_is_nothing_to_cancel(response_id: str | None):
    line = Line()
    line.hears()
    line.answers()
    assert line.refusal("response.cancel", response_id=response_id)["code"] == "response_cancel_not_active"


def test_a_session_that_only_transcribes_does_not_answer():
    refusal = Line(transcribes=True).refusal("response.create")
    assert (refusal["code"], refusal["param"]) == ("invalid_value", "type")
