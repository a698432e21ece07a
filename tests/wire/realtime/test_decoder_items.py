"""The items that a client creates, retrieves, truncates and deletes: exactly what they come to."""

from typing import Any

import pytest
from tests.wire.realtime.talking import HI, REPLY, TURN, USER, Line, kinds, user

from myna.core.commands import (
    ROOT,
    AddMessage,
    DeleteMessage,
    TruncateReply,
)
from myna.core.events import (
    Event,
    Failed,
    MessageAdded,
    MessageDeleted,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    ToolStarted,
    TranscriptFinal,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import MessageId, TurnId
from myna.core.messages import AssistantMessage, SystemMessage, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.reply import Reply
from myna.core.tools import ToolCall

TURN_1 = TurnId("turn_1")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (user(HI), UserMessage(MessageId("msg_1"), TURN_1, "Hi")),
        (user(HI, {"type": "input_text", "text": "you"}), UserMessage(MessageId("msg_1"), TURN_1, "Hi\nyou")),
        (user(HI, id="mine", object="realtime.item", status="completed"), UserMessage(MessageId("mine"), TURN_1, "Hi")),
        (
            user({"type": "input_audio", "audio": "AAAA", "transcript": "Hi"}),
            UserMessage(MessageId("msg_1"), TURN_1, "Hi"),
        ),
        (user(HI, role="system"), SystemMessage(MessageId("msg_1"), TURN_1, "Hi")),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
            AssistantMessage(MessageId("msg_1"), TURN_1, Reply("Yes.", "Yes.", "Yes."), "completed"),
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Yes."}]},
            AssistantMessage(MessageId("msg_1"), TURN_1, Reply("Yes.", "Yes.", "Yes."), "completed"),
        ),
        (
            {"type": "function_call", "call_id": "call_x", "name": "now", "arguments": "{}"},
            ToolCallMessage(MessageId("msg_1"), TURN_1, ToolCall("call_x", "now", "{}")),
        ),
        (
            {"type": "function_call", "name": "now", "arguments": "{}"},
            ToolCallMessage(MessageId("msg_1"), TURN_1, ToolCall("call_1", "now", "{}")),
        ),
    ],
)
def test_an_item_that_is_created_is_a_message_to_add(item: dict[str, Any], message: Any):
    assert Line().send("conversation.item.create", item=item) == ((AddMessage(message, None, "ref_1"),), [])


def test_a_created_item_is_told_as_the_client_sent_it():
    line = Line()
    item = user(HI, {"type": "input_audio", "audio": "AAAA", "transcript": "you"}, id="mine")
    (command,), _ = line.send("conversation.item.create", item=item)
    assert isinstance(command, AddMessage)
    told = line.happens(MessageAdded(command.message, None))
    assert kinds(told) == ["conversation.item.added", "conversation.item.done"]
    assert told[0]["item"]["content"] == [HI, {"type": "input_audio", "transcript": "you"}]


def test_the_result_of_a_tool_is_added_to_its_call():
    line = Line()
    line.hears()
    line.happens(ToolCalled(TURN, MessageId("msg_call"), ToolCall("call_9", "now", "{}")))
    item = {"type": "function_call_output", "call_id": "call_9", "output": "noon"}
    (command,), _ = line.send("conversation.item.create", item=item)
    message = ToolResultMessage(MessageId("msg_1"), TURN_1, "call_9", "noon")
    assert command == AddMessage(message, None, "ref_1")


def test_the_result_of_a_call_that_was_never_made_is_refused():
    item = {"type": "function_call_output", "call_id": "call_9", "output": "noon"}
    refusal = Line().refusal("conversation.item.create", item=item)
    assert (refusal["code"], refusal["param"]) == ("invalid_tool_call_id", "item.call_id")


def test_a_call_and_its_result_can_be_sent_at_once():
    line = Line()
    line.send("conversation.item.create", item={"type": "function_call", "call_id": "c", "name": "f", "arguments": ""})
    result = {"type": "function_call_output", "call_id": "c", "output": "1"}
    assert len(line.send("conversation.item.create", item=result)[0]) == 1


def test_an_item_goes_where_the_client_wants_it():
    line = Line()
    line.hears()
    (first,), _ = line.send("conversation.item.create", item=user(HI, id="a"), previous_item_id="root")
    (second,), _ = line.send("conversation.item.create", item=user(HI, id="b"), previous_item_id="a")
    assert isinstance(first, AddMessage)
    assert isinstance(second, AddMessage)
    assert (first.after, second.after) == (ROOT, "a")
    told = line.happens(MessageAdded(first.message, None), MessageAdded(second.message, MessageId("a")))
    assert [event["previous_item_id"] for event in told] == [None, None, "a", "a"]
    third = line.happens(MessageAdded(UserMessage(MessageId("c"), TURN_1, "end"), USER))
    assert third[0]["previous_item_id"] == USER


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"item": user(HI, id=USER)}, "item_create_duplicate_id", "item.id"),
        ({"item": user(HI, id="root")}, "item_create_duplicate_id", "item.id"),
        ({"item": user(HI, id="a b")}, "invalid_value", "item.id"),
        (
            {"item": user(HI), "previous_item_id": "nobody"},
            "item_create_invalid_previous_item_id",
            "previous_item_id",
        ),
        ({"item": user()}, "invalid_value", "item.content"),
        ({"item": user(HI, role="nobody")}, "invalid_value", "item.role"),
        ({"item": {"type": "message", "role": "user"}}, "missing_required_parameter", "item.content"),
        ({"item": {"role": "user"}}, "missing_required_parameter", "item.type"),
        ({"item": {"type": "letter"}}, "invalid_value", "item.type"),
        ({"item": user(HI, name="Bob")}, "unknown_parameter", "item.name"),
        ({"item": user({"type": "input_text"})}, "missing_required_parameter", "item.content[0].text"),
        ({"item": user({"type": "input_text", "text": 5})}, "invalid_type", "item.content[0].text"),
        ({"item": user(HI, {"type": "output_text", "text": "a"})}, "invalid_value", "item.content[1].type"),
        (
            {"item": user({"type": "input_audio", "transcript": "a"}, role="system")},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"item": user({"type": "input_audio", "audio": "AAAA"})},
            "missing_required_parameter",
            "item.content[0].transcript",
        ),
        (
            {"item": user({"type": "input_image", "image_url": "data:"})},
            "invalid_value",
            "item.content[0].image_url",
        ),
        ({"item": {"type": "function_call", "name": "", "arguments": ""}}, "invalid_value", "item.name"),
        ({}, "missing_required_parameter", "item"),
    ],
)
def test_an_item_that_cannot_be_is_refused(fields: dict[str, Any], code: str, param: str):
    line = Line()
    line.hears()
    refusal = line.refusal("conversation.item.create", **fields)
    assert (refusal["type"], refusal["code"], refusal["param"]) == ("invalid_request_error", code, param)


def test_an_item_on_its_way_is_no_other_s_id_and_can_be_retrieved():
    line = Line()
    line.send("conversation.item.create", item=user(HI, id="mine"))
    refusal = line.refusal("conversation.item.create", item=user(HI, id="mine"))
    assert refusal["code"] == "item_create_duplicate_id"
    _, [told] = line.send("conversation.item.retrieve", item_id="mine")
    assert told["item"]["content"] == [HI]


def test_an_item_is_retrieved_as_it_is_known():
    line = Line()
    line.hears()
    commands, told = line.send("conversation.item.retrieve", item_id=USER)
    assert commands == ()
    assert told == [
        {
            "type": "conversation.item.retrieved",
            "item": {
                "id": USER,
                "object": "realtime.item",
                "status": "completed",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "transcript": None}],
            },
        }
    ]


def test_the_items_of_a_conversation_that_goes_on_are_known():
    reply = Reply("[Happy] Hi. Bye.", "Hi. Bye.", "Hi.")
    call = ToolCall("call_1", "now", "{}")
    line = Line(
        history=(
            UserMessage(MessageId("m1"), TURN, "Hello"),
            AssistantMessage(MessageId("m2"), TURN, reply, "interrupted"),
            ToolCallMessage(MessageId("m3"), TURN, call),
            ToolResultMessage(MessageId("m4"), TURN, "call_1", "noon"),
        )
    )
    shown = [line.send("conversation.item.retrieve", item_id=f"m{n}")[1][0]["item"] for n in (1, 2, 3, 4)]
    assert shown[0]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert (shown[1]["status"], shown[1]["content"]) == ("incomplete", [{"type": "output_text", "text": "Hi."}])
    assert (shown[2]["type"], shown[2]["call_id"]) == ("function_call", "call_1")
    assert (shown[3]["type"], shown[3]["output"]) == ("function_call_output", "noon")
    assert line.hears()[2]["previous_item_id"] == "m4"
    refusal = line.refusal("conversation.item.truncate", item_id="m2", content_index=0, audio_end_ms=0)
    assert (refusal["code"], refusal["param"]) == ("invalid_value", "item_id")


@pytest.mark.parametrize("end", [TranscriptFinal(TURN, "", None), Failed(TURN, "engine_timeout", "No ASR.", "")])
def test_an_utterance_that_nobody_understood_is_an_item_for_the_client_alone(end: Event):
    line = Line(history=(UserMessage(MessageId("m1"), TURN, "Hello"),))
    line.happens(SpeechStarted(TURN, USER, 0), SpeechStopped(TURN, USER, 900), TurnStarted(TURN, USER, None), end)
    (command,), _ = line.send("conversation.item.create", item=user(HI), previous_item_id=USER)
    assert isinstance(command, AddMessage)
    assert command.after == "m1"
    added = line.happens(MessageAdded(command.message, command.after))
    assert [event["previous_item_id"] for event in added] == [USER, USER]
    _, [told] = line.send("conversation.item.retrieve", item_id=USER)
    assert told["type"] == "conversation.item.retrieved"
    deleted = [{"type": "conversation.item.deleted", "item_id": USER}]
    assert line.send("conversation.item.delete", item_id=USER) == ((), deleted)
    assert line.refusal("conversation.item.delete", item_id=USER)["code"] == "item_delete_invalid_item_id"


def test_what_follows_nothing_but_an_utterance_that_nobody_understood_is_the_first():
    line = Line()
    line.happens(SpeechStarted(TURN, USER, 0), TurnStarted(TURN, USER, None), TranscriptFinal(TURN, " ", None))
    (command,), _ = line.send("conversation.item.create", item=user(HI), previous_item_id=USER)
    assert isinstance(command, AddMessage)
    assert command.after == ROOT
    added = line.happens(MessageAdded(command.message, None))
    assert [event["previous_item_id"] for event in added] == [USER, USER]


def test_an_item_is_deleted():
    line = Line()
    line.hears()
    assert line.send("conversation.item.delete", item_id=USER) == ((DeleteMessage(USER, "ref_1"),), [])


def test_a_call_of_the_servers_can_be_deleted_though_it_is_no_item():
    line = Line()
    line.set(myna={"events": ["tools"]})
    line.hears()
    called = MessageId("msg_call")
    line.happens(ToolStarted(TURN, called, ToolCall("call_1", "clock", "{}")))
    assert line.send("conversation.item.delete", item_id=called) == ((DeleteMessage(called, "ref_1"),), [])
    assert line.happens(MessageDeleted(MessageId("msg_result")), MessageDeleted(called)) == [
        {"type": "conversation.item.deleted", "item_id": called}
    ]
    assert line.refusal("conversation.item.delete", item_id=called)["code"] == "item_delete_invalid_item_id"


@pytest.mark.parametrize("verb", ["retrieve", "delete", "truncate"])
def test_an_item_that_is_not_there_is_refused(verb: str):
    fields = {"content_index": 0, "audio_end_ms": 0} if verb == "truncate" else {}
    refusal = Line().refusal(f"conversation.item.{verb}", item_id="nobody", event_id="evt", **fields)
    assert refusal == {
        "type": "invalid_request_error",
        "code": f"item_{verb}_invalid_item_id",
        "message": "There is no item 'nobody' in the conversation.",
        "param": "item_id",
        "event_id": "evt",
    }


@pytest.mark.parametrize("played_ms", [0, 999, 1000])
def test_a_reply_is_truncated_within_its_audio(played_ms: int):
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once"), ReplyAudio(TURN, 0, bytes(48_000), 24_000), ReplyEnded(TURN, complete=True))
    commands, told = line.send("conversation.item.truncate", item_id=REPLY, content_index=0, audio_end_ms=played_ms)
    assert (commands, told) == ((TruncateReply(REPLY, played_ms, "ref_1"),), [])


def test_a_reply_is_truncated_at_0_ms_although_no_audio_of_it_was_sent():
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once"))
    commands, _ = line.send("conversation.item.truncate", item_id=REPLY, content_index=0, audio_end_ms=0)
    assert commands == (TruncateReply(REPLY, 0, "ref_1"),)


@pytest.mark.parametrize("over", ["running", "done"])
def test_a_reply_is_not_truncated_beyond_its_audio(over: str):
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once"), ReplyAudio(TURN, 0, bytes(48_000), 24_000))
    if over == "done":
        line.happens(ReplyEnded(TURN, complete=True), TurnEnded(TURN, "completed", None))
    refusal = line.refusal("conversation.item.truncate", item_id=REPLY, content_index=0, audio_end_ms=1001)
    assert refusal["message"] == "Audio content of 1000 ms is already shorter than 1001 ms."
    assert (refusal["code"], refusal["param"]) == ("invalid_value", "audio_end_ms")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"content_index": 1, "audio_end_ms": 0}, "content_index"),
        ({"content_index": 0, "audio_end_ms": -1}, "audio_end_ms"),
        ({"content_index": 0, "audio_end_ms": 1.5}, "audio_end_ms"),
        ({"content_index": 0}, "audio_end_ms"),
    ],
)
def test_a_truncation_that_makes_no_sense_is_refused(fields: dict[str, Any], param: str):
    assert Line().refusal("conversation.item.truncate", item_id=REPLY, **fields)["param"] == param


def test_what_was_never_spoken_is_not_truncated():
    line = Line()
    line.hears()
    refusal = line.refusal("conversation.item.truncate", item_id=USER, content_index=0, audio_end_ms=0)
    assert (refusal["code"], refusal["param"]) == ("invalid_value", "item_id")
