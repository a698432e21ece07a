"""A reply, as the client is told of it: exactly, and in the order that OpenAI has."""

from base64 import b64decode
from typing import Any

from tests.wire.realtime.talking import CALL, REPLY, RESPONSE, SAID, TURN, USER, Line, kinds

from myna.core import events
from myna.core.events import (
    EmotionChanged,
    Failed,
    Interrupted,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    SegmentReady,
    SpeechStarted,
    ToolCalled,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TurnEnded,
)
from myna.core.ids import MessageId, TurnId
from myna.core.reply import Reply, Segment
from myna.core.tools import ToolCall, ToolResult
from myna.wire.audio_formats import MU_LAW


def reply_item(status: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": REPLY,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": list(content),
    }


PLACE = {"response_id": "resp_a", "item_id": REPLY, "output_index": 0, "content_index": 0}


def test_a_spoken_reply_is_told_in_openai_s_order():
    line = Line()
    line.hears()
    pcm = bytes(range(200)) * 2
    told = line.happens(
        EmotionChanged(TURN, "Happy"),
        ReplyText(TURN, "Hi"),
        ReplyText(TURN, "."),
        SegmentReady(TURN, Segment(0, "Hi.", "Hi.", "Happy")),
        ReplyAudio(TURN, 0, pcm, 24_000),
        ReplyEnded(TURN, complete=True, prompt_tokens=90, completion_tokens=10, cached_tokens=80),
        TurnEnded(TURN, "completed", SAID),
    )
    part = {"type": "output_audio", "transcript": "Hi."}
    done = reply_item("completed", part)
    assert told == [
        {
            "type": "response.output_item.added",
            "response_id": "resp_a",
            "output_index": 0,
            "item": reply_item("in_progress"),
        },
        {"type": "conversation.item.added", "previous_item_id": USER, "item": reply_item("in_progress")},
        {"type": "response.content_part.added", **PLACE, "part": {"type": "audio", "transcript": ""}},
        {"type": "response.output_audio_transcript.delta", **PLACE, "delta": "Hi"},
        {"type": "response.output_audio_transcript.delta", **PLACE, "delta": "."},
        {"type": "response.output_audio.delta", **PLACE, "delta": told[5]["delta"]},
        {"type": "response.output_audio.done", **PLACE},
        {"type": "response.output_audio_transcript.done", **PLACE, "transcript": "Hi."},
        {"type": "response.content_part.done", **PLACE, "part": {"type": "audio", "transcript": "Hi."}},
        {"type": "response.output_item.done", "response_id": "resp_a", "output_index": 0, "item": done},
        {"type": "conversation.item.done", "previous_item_id": USER, "item": done},
        {
            "type": "response.done",
            "response": RESPONSE
            | {
                "status": "completed",
                "output": [done],
                "usage": {
                    "total_tokens": 100,
                    "input_tokens": 90,
                    "output_tokens": 10,
                    "input_token_details": {
                        "text_tokens": 90,
                        "audio_tokens": 0,
                        "image_tokens": 0,
                        "cached_tokens": 80,
                        "cached_tokens_details": {"text_tokens": 80, "audio_tokens": 0, "image_tokens": 0},
                    },
                    "output_token_details": {"text_tokens": 10, "audio_tokens": 0},
                },
            },
        },
    ]
    assert b64decode(told[5]["delta"]) == pcm


def test_a_reply_in_text_alone_is_output_text():
    line = Line()
    line.set(output_modalities=["text"])
    line.hears()
    told = line.answers("Hi.")
    part = {"type": "output_text", "text": "Hi."}
    assert told[2:] == [
        {"type": "response.content_part.added", **PLACE, "part": {"type": "text", "text": ""}},
        {"type": "response.output_text.delta", **PLACE, "delta": "Hi."},
        {"type": "response.output_text.done", **PLACE, "text": "Hi."},
        {"type": "response.content_part.done", **PLACE, "part": {"type": "text", "text": "Hi."}},
        {
            "type": "response.output_item.done",
            "response_id": "resp_a",
            "output_index": 0,
            "item": reply_item("completed", part),
        },
        {"type": "conversation.item.done", "previous_item_id": USER, "item": reply_item("completed", part)},
        {
            "type": "response.done",
            "response": RESPONSE
            | {"status": "completed", "output_modalities": ["text"], "output": [reply_item("completed", part)]},
        },
    ]


def test_a_reply_that_only_calls_a_tool_has_no_message():
    line = Line()
    line.hears()
    told = line.happens(
        ToolCalled(TURN, MessageId("msg_call"), CALL),
        ReplyEnded(TURN, complete=True),
        TurnEnded(TURN, "completed", None),
    )
    place = {"response_id": "resp_a", "item_id": "msg_call", "output_index": 0, "call_id": "call_9"}
    item = {
        "id": "msg_call",
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_9",
        "name": "get_weather",
        "arguments": CALL.arguments,
    }
    begun = item | {"status": "in_progress", "arguments": ""}
    assert told == [
        {"type": "response.output_item.added", "response_id": "resp_a", "output_index": 0, "item": begun},
        {"type": "conversation.item.added", "previous_item_id": USER, "item": begun},
        {"type": "response.function_call_arguments.delta", **place, "delta": CALL.arguments},
        {
            "type": "response.function_call_arguments.done",
            **place,
            "name": "get_weather",
            "arguments": CALL.arguments,
        },
        {"type": "response.output_item.done", "response_id": "resp_a", "output_index": 0, "item": item},
        {"type": "conversation.item.done", "previous_item_id": USER, "item": item},
        {"type": "response.done", "response": RESPONSE | {"status": "completed", "output": [item]}},
    ]


def test_a_tool_is_called_while_the_words_before_it_are_still_spoken():
    line = Line()
    line.hears()
    told = line.happens(
        ReplyText(TURN, "Let me look."),
        ToolCalled(TURN, MessageId("msg_call"), CALL),
        ToolCalled(TURN, MessageId("msg_call_2"), ToolCall("call_10", "get_time", "{}")),
        ReplyAudio(TURN, 0, bytes(960), 24_000),
        ReplyEnded(TURN, complete=True),
    )
    assert [(event["item"]["id"], event["output_index"]) for event in told if "output_item" in event["type"]] == [
        (REPLY, 0),
        ("msg_call", 1),
        ("msg_call", 1),
        ("msg_call_2", 2),
        ("msg_call_2", 2),
        (REPLY, 0),
    ]
    assert [event["previous_item_id"] for event in told if event["type"] == "conversation.item.added"] == [
        USER,
        REPLY,
        "msg_call",
    ]
    assert [item["id"] for item in told[-1]["response"]["output"]] == [REPLY, "msg_call", "msg_call_2"]


def test_a_tool_of_the_server_s_is_no_item_and_the_reply_goes_on_behind_it():
    line = Line()
    line.hears()
    told = line.happens(
        ReplyText(TURN, "Let me look."),
        ToolStarted(TURN, MessageId("msg_call"), CALL),
        ToolEnded(TURN, CALL.id, CALL.name, ToolResult("rain"), 3.0),
        ReplyText(TURN, " It rains."),
        ReplyEnded(TURN, complete=True),
    )
    assert [item["id"] for item in told[-1]["response"]["output"]] == [REPLY]
    assert told[-1]["response"]["output"][0]["content"][0]["transcript"] == "Let me look. It rains."
    assert "get_weather" not in str(told)
    assert line.refusal("conversation.item.retrieve", item_id="msg_call")["code"] == "item_retrieve_invalid_item_id"
    output = {"type": "function_call_output", "call_id": CALL.id, "output": "snow"}
    assert line.refusal("conversation.item.create", item=output)["code"] == "invalid_tool_call_id"


def test_a_reply_that_was_cut_off_by_its_limit_is_incomplete():
    line = Line()
    line.hears()
    told = line.happens(ReplyText(TURN, "Once"), ReplyEnded(TURN, complete=False))
    response = told[-1]["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"


def test_an_interrupted_reply_is_told_to_its_end_and_cancelled_by_the_turn_that_began():
    line = Line()
    line.hears()
    told = line.happens(
        ReplyText(TURN, "Once upon a time."),
        ReplyAudio(TURN, 0, bytes(4800), 24_000),
        SpeechStarted(TurnId("turn_b"), MessageId("msg_b"), 5000),
        Interrupted(TURN, "Once", 60),
        TurnEnded(TURN, "interrupted", Reply("Once", "Once upon a time.", "Once")),
    )
    assert kinds(told)[4:] == [
        "response.output_audio.delta",
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert told[-3]["item"]["content"] == [{"type": "output_audio", "transcript": "Once upon a time."}]
    assert told[-2]["item"] == reply_item("incomplete", {"type": "output_audio", "transcript": "Once"})
    response = told[-1]["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"] == [reply_item("incomplete", {"type": "output_audio", "transcript": "Once upon a time."})]
    _, [retrieved] = line.send("conversation.item.retrieve", item_id=REPLY)
    assert retrieved["item"]["content"] == [{"type": "output_audio", "transcript": "Once"}]


def test_an_interruption_after_all_was_sent_changes_what_was_heard_and_nothing_else():
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once upon a time."), ReplyEnded(TURN, complete=True))
    told = line.happens(Interrupted(TURN, "Once", 60), TurnEnded(TURN, "interrupted", Reply("Once", "Once", "Once")))
    assert told == []
    _, [retrieved] = line.send("conversation.item.retrieve", item_id=REPLY)
    assert retrieved["item"]["content"] == [{"type": "output_audio", "transcript": "Once"}]


def test_a_reply_that_failed_says_why():
    line = Line()
    line.hears()
    line.happens(TranscriptFinal(TURN, "Hi", "en"))
    told = line.happens(Failed(TURN, "engine_unavailable", "The LLM has gone.", "Try again."), ended("failed"))
    assert kinds(told) == ["response.done"]
    assert told[0]["response"]["status"] == "failed"
    assert told[0]["response"]["status_details"] == {
        "type": "failed",
        "error": {
            "type": "server_error",
            "code": "engine_unavailable",
            "message": "The LLM has gone. Try again.",
        },
    }


def ended(outcome: events.Outcome) -> TurnEnded:
    return TurnEnded(TURN, outcome, None)


def test_a_failure_that_belongs_to_nothing_told_is_an_error():
    told = Line().happens(Failed(TURN, "busy", "All places are taken.", ""), ended("failed"))
    assert told == [
        {
            "type": "error",
            "error": {
                "type": "server_error",
                "code": "busy",
                "message": "All places are taken.",
                "param": None,
                "event_id": None,
            },
        }
    ]


def test_a_response_that_was_asked_for_and_cannot_begin_is_an_error_of_the_event_that_asked():
    line = Line()
    line.send("response.create", event_id="mine")
    told = line.happens(Failed(TurnId("turn_1"), "busy", "Too much.", ""), TurnEnded(TurnId("turn_1"), "failed", None))
    assert [(event["type"], event["error"]["event_id"]) for event in told] == [("error", "mine")]
    assert line.send("response.create")[0] != ()


def test_audio_goes_out_in_the_client_s_format():
    line = Line()
    line.set(audio={"output": {"format": {"type": "audio/pcmu"}}})
    line.hears()
    pcm = b"\x00\x10" * 800
    told = line.happens(ReplyAudio(TURN, 0, pcm, 8000), ReplyEnded(TURN, complete=True))
    audio = b"".join(b64decode(event["delta"]) for event in told if event["type"] == "response.output_audio.delta")
    assert audio == MU_LAW.compress(pcm)
    assert told[-1]["response"]["audio"]["output"]["format"] == {"type": "audio/pcmu"}


def test_all_that_was_resampled_comes_before_the_end():
    line = Line()
    line.hears()
    told = line.happens(
        *(ReplyAudio(TURN, 0, bytes(640), 16_000) for _ in range(50)),
        ReplyEnded(TURN, complete=True),
    )
    audio = b"".join(b64decode(event["delta"]) for event in told if event["type"] == "response.output_audio.delta")
    assert len(audio) == 48_000
    assert kinds(told).index("response.output_audio.done") == len(told) - 6


def test_a_reply_is_text_while_the_voice_is_on_its_way_and_the_next_one_is_spoken():
    voices: list[str] = []
    line = Line(has_voice=lambda: bool(voices))
    assert line.set(type="realtime")["output_modalities"] == ["audio"]
    begun = line.hears()[-1]
    assert (begun["type"], begun["response"]["output_modalities"]) == ("response.created", ["text"])
    told = line.answers()
    assert "response.output_text.delta" in kinds(told)
    assert "response.output_audio_transcript.delta" not in kinds(told)
    voices.append("af_sky")
    begun = line.hears(TurnId("turn_b"), MessageId("msg_b"))[-1]
    assert begun["response"]["output_modalities"] == ["audio"]
