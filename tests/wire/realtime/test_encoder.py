"""Every event of a session, as the client is told of it: exactly, and in the order that OpenAI has."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.wire.realtime.talking import CALL, REPLY, RESPONSE, SAID, TURN, USER, Line, kinds

from myna.core import events
from myna.core.commands import AddMessage, CommitAudio, TruncateReply
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Failed,
    IdleTimedOut,
    Interrupted,
    LevelsHeard,
    MemoryUsed,
    MessageAdded,
    MessageDeleted,
    ModelLoads,
    PlaybackPaused,
    PlaybackResumed,
    Refused,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    ReplyTruncated,
    SpeechStarted,
    SpeechStopped,
    StageTimed,
    ToolCalled,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TranscriptPart,
    TranscriptPartial,
    TurnEnded,
    TurnStarted,
    UsedMemory,
)
from myna.core.ids import MemoryId, MessageId, TurnId
from myna.core.levels import Completeness
from myna.core.messages import SystemMessage, ToolResultMessage, UserMessage
from myna.core.tools import ToolResult

USER_ITEM = {
    "id": USER,
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_audio", "transcript": None}],
}


@pytest.mark.parametrize("event", get_args(events.Event))
def test_every_event_of_a_session_is_told_here(event: type[events.Event]):
    here = Path(__file__).parent.glob("test_encoder*.py")
    assert any(f"{event.__name__}(" in page.read_text(encoding="utf-8") for page in here)


# -------------------------------------------------------------------------------------------------------------- hearing


def test_speech_is_told_from_its_start_to_its_item_and_then_the_response_begins():
    line = Line()
    assert line.hears() == [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 300, "item_id": USER},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1500, "item_id": USER},
        {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": USER},
        {"type": "conversation.item.added", "previous_item_id": None, "item": USER_ITEM},
        {"type": "conversation.item.done", "previous_item_id": None, "item": USER_ITEM},
        {"type": "response.created", "response": RESPONSE},
    ]


def test_an_utterance_follows_what_was_said_before():
    line = Line()
    line.hears()
    line.answers()
    told = line.hears(TurnId("turn_b"), MessageId("msg_next"))
    assert told[2] == {"type": "input_audio_buffer.committed", "previous_item_id": REPLY, "item_id": "msg_next"}
    assert [told[3]["previous_item_id"], told[4]["previous_item_id"]] == [REPLY, REPLY]


def test_speech_that_was_nothing_stops_and_leaves_no_item():
    line = Line()
    told = line.happens(SpeechStarted(TURN, USER, 300), TurnEnded(TURN, "silent", None))
    assert told == [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 300, "item_id": USER},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 300, "item_id": USER},
    ]


def test_only_what_is_stable_of_a_transcript_is_told_and_the_final_one_as_a_whole():
    line = Line()
    told = line.happens(
        SpeechStarted(TURN, USER, 300),
        TranscriptPartial(TURN, USER, "what is", 0, "en"),
        TranscriptPartial(TURN, USER, "what is the whether", 7, "en"),
        TranscriptPartial(TURN, USER, "what is the weather", 7, "en"),
        TranscriptPartial(TURN, USER, "what is the weather", 11, "en"),
        SpeechStopped(TURN, USER, 2550),
        TurnStarted(TURN, USER, None),
        TranscriptFinal(TURN, "what is the weather?", "en"),
    )
    transcription = "conversation.item.input_audio_transcription"
    place = {"item_id": USER, "content_index": 0}
    assert [event for event in told if event["type"].startswith(transcription)] == [
        {"type": f"{transcription}.delta", **place, "delta": "what is"},
        {"type": f"{transcription}.delta", **place, "delta": " the"},
        {"type": f"{transcription}.delta", **place, "delta": " weather?"},
        {
            "type": f"{transcription}.completed",
            **place,
            "transcript": "what is the weather?",
            "languages": [{"code": "en"}],
            "usage": {"type": "duration", "seconds": 2.25},
        },
    ]


def test_a_final_transcript_that_differs_from_its_deltas_comes_without_another_delta():
    line = Line()
    line.happens(SpeechStarted(TURN, USER, 0), TranscriptPartial(TURN, USER, "wet her", 7, "en"))
    told = line.happens(
        SpeechStopped(TURN, USER, 900), TurnStarted(TURN, USER, None), TranscriptFinal(TURN, "weather", "en")
    )
    assert kinds(told)[4:] == ["conversation.item.input_audio_transcription.completed"]
    assert told[4]["transcript"] == "weather"


def test_a_client_without_transcription_is_told_no_transcript_but_can_retrieve_it():
    line = Line()
    line.set(audio={"input": {"transcription": None}})
    line.hears()
    told = line.happens(
        TranscriptPartial(TURN, USER, "what", 4, "en"),
        TranscriptFinal(TURN, "what?", "en"),
    )
    assert told == []
    _, [retrieved] = line.send("conversation.item.retrieve", item_id=USER)
    assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": "what?"}]


def test_the_parts_of_an_utterance_are_told_to_a_session_that_only_transcribes():
    line = Line(transcribes=True)
    line.happens(SpeechStarted(TURN, USER, 300), SpeechStopped(TURN, USER, 1800), TurnStarted(TURN, USER, None))
    told = line.happens(TranscriptFinal(TURN, "Yes.", "en", (TranscriptPart("Yes.", 600, 1800),)))
    assert told[1] == {
        "type": "conversation.item.input_audio_transcription.segment",
        "item_id": USER,
        "content_index": 0,
        "id": "seg_1",
        "text": "Yes.",
        "speaker": "",
        "start": 0.3,
        "end": 1.5,
    }
    assert kinds(told)[2:] == ["conversation.item.input_audio_transcription.completed"]


def test_a_commit_becomes_an_item_as_long_as_what_was_appended_since_the_last():
    line = Line()
    line.set(audio={"input": {"turn_detection": None}})
    for _ in range(2):
        line.send("input_audio_buffer.append", audio="AAAA" * 8000)
        line.send("input_audio_buffer.commit")
    told = line.happens(
        TurnStarted(TURN, USER, None),
        TranscriptFinal(TURN, "One.", "en"),
        TurnEnded(TURN, "completed", None),
        TurnStarted(TurnId("turn_b"), MessageId("msg_b"), None),
        TranscriptFinal(TurnId("turn_b"), "", None),
        TurnEnded(TurnId("turn_b"), "silent", None),
    )
    assert kinds(told) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert [event["usage"]["seconds"] for event in told if "usage" in event] == [0.5, 0.5]
    assert told[-1]["transcript"] == ""


def test_partials_of_audio_that_is_not_committed_yet_are_told_for_the_item_that_it_will_be():
    line = Line()
    line.set(audio={"input": {"turn_detection": None}})
    line.send("input_audio_buffer.append", audio="AAAA" * 16_000)
    [delta] = line.happens(TranscriptPartial(TURN, USER, "what is", 4, "en"))
    assert (delta["item_id"], delta["delta"]) == (USER, "what")
    line.send("input_audio_buffer.commit")
    told = line.happens(SpeechStopped(TURN, USER, 900), TurnStarted(TURN, USER, None))
    assert kinds(told) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert line.happens(TranscriptFinal(TURN, "what is", "en"))[-1]["usage"]["seconds"] == 1


def test_what_cannot_be_understood_is_told_for_its_item():
    line = Line()
    line.happens(SpeechStarted(TURN, USER, 0), SpeechStopped(TURN, USER, 900), TurnStarted(TURN, USER, None))
    told = line.happens(Failed(TURN, "engine_timeout", "No ASR.", "Wait."), TurnEnded(TURN, "failed", None))
    assert told == [
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": USER,
            "content_index": 0,
            "error": {"type": "server_error", "code": "engine_timeout", "message": "No ASR. Wait."},
        }
    ]


def test_a_silence_that_was_too_long_is_told_before_what_is_said_about_it():
    told = Line().happens(IdleTimedOut(TURN, USER, 4000, 10_000), TurnStarted(TURN, USER, REPLY))
    assert told[0] == {
        "type": "input_audio_buffer.timeout_triggered",
        "audio_start_ms": 4000,
        "audio_end_ms": 10_000,
        "item_id": USER,
    }
    assert kinds(told)[1:] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


# --------------------------------------------------------------------------------------------------------- conversation


@pytest.mark.parametrize(
    ("message", "item"),
    [
        (
            UserMessage(MessageId("m"), TURN, "Hi"),
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        ),
        (
            SystemMessage(MessageId("m"), TURN, "Be brief."),
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
        ),
        (
            ToolResultMessage(MessageId("m"), TURN, "call_9", "rain"),
            {"type": "function_call_output", "call_id": "call_9", "output": "rain"},
        ),
    ],
)
def test_a_message_that_was_added_is_an_item(message: Any, item: dict[str, Any]):
    line = Line()
    line.hears()
    told = line.happens(MessageAdded(message, USER))
    shown = {"id": "m", "object": "realtime.item", "status": "completed", **item}
    assert told == [
        {"type": "conversation.item.added", "previous_item_id": USER, "item": shown},
        {"type": "conversation.item.done", "previous_item_id": USER, "item": shown},
    ]
    assert line.happens(MessageAdded(message, USER)) == []


def test_what_follows_a_message_that_the_client_does_not_know_follows_the_newest_that_it_knows():
    line = Line()
    line.hears()
    line.answers()
    hidden = MessageId("msg_of_a_tool_s_result")
    told = line.happens(MessageAdded(UserMessage(MessageId("m"), TURN, "Hi"), hidden))
    assert [event["previous_item_id"] for event in told] == [REPLY, REPLY]
    told = line.hears(TurnId("turn_b"), MessageId("msg_next"))
    assert told[2]["previous_item_id"] == "m"


def test_what_follows_a_message_that_the_client_does_not_know_is_the_first_where_it_knows_none():
    message = UserMessage(MessageId("m"), TURN, "Hi")
    told = Line().happens(MessageAdded(message, MessageId("msg_that_was_forgotten")))
    assert [event["previous_item_id"] for event in told] == [None, None]


def test_a_message_that_was_deleted_is_no_item_any_more():
    line = Line()
    line.hears()
    assert line.happens(MessageDeleted(USER)) == [{"type": "conversation.item.deleted", "item_id": USER}]
    assert line.refusal("conversation.item.retrieve", item_id=USER)["code"] == "item_retrieve_invalid_item_id"


def test_a_truncated_reply_keeps_what_was_heard():
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once upon."), ReplyAudio(TURN, 0, bytes(48_000), 24_000), ReplyEnded(TURN, True))
    (command,), _ = line.send("conversation.item.truncate", item_id=REPLY, content_index=0, audio_end_ms=400)
    assert isinstance(command, TruncateReply)
    assert line.happens(ReplyTruncated(REPLY, "Once", 400)) == [
        {"type": "conversation.item.truncated", "item_id": REPLY, "content_index": 0, "audio_end_ms": 400}
    ]
    _, [retrieved] = line.send("conversation.item.retrieve", item_id=REPLY)
    assert retrieved["item"]["content"] == [{"type": "output_audio", "transcript": "Once"}]
    again = line.refusal("conversation.item.truncate", item_id=REPLY, content_index=0, audio_end_ms=401)
    assert again["message"] == "Audio content of 400 ms is already shorter than 401 ms."


def test_what_the_session_refuses_is_an_error_of_the_event_that_asked():
    line = Line()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}], "id": "mine"}
    (command,), _ = line.send("conversation.item.create", item=item, event_id="evt")
    assert isinstance(command, AddMessage)
    assert line.happens(Refused(command.ref, "unknown_name", "No such message.", "Look again.")) == [
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "code": "unknown_name",
                "message": "No such message. Look again.",
                "param": None,
                "event_id": "evt",
            },
        }
    ]
    (again,), _ = line.send("conversation.item.create", item=item)
    assert isinstance(again, AddMessage)


def test_a_refused_commit_leaves_the_length_of_the_next_right():
    line = Line()
    line.set(audio={"input": {"turn_detection": None}})
    refs: list[str] = []
    for seconds in (1, 2):
        line.send("input_audio_buffer.append", audio="AAAA" * 16_000 * seconds)
        commands, _ = line.send("input_audio_buffer.commit")
        assert isinstance(commands[-1], CommitAudio)
        refs.append(commands[-1].ref)
    line.happens(Refused(refs[0], "bad_input", "No.", ""), TurnStarted(TURN, USER, None))
    [_, completed] = line.happens(TranscriptFinal(TURN, "Two.", "en"))
    assert completed["usage"]["seconds"] == 2


# ----------------------------------------------------------------------------------------------------------- Myna's own


def test_nothing_of_myna_s_own_is_told_to_a_client_that_did_not_ask():
    line = Line()
    told = line.hears()
    told += line.happens(
        TranscriptPartial(TURN, USER, "what", 0, "en"),
        StageTimed(TURN, "heard", 1.5),
        EmotionChanged(TURN, "Happy"),
        PlaybackPaused(TURN, 100),
        PlaybackResumed(TURN),
        LevelsHeard(1200, -20.0, 0.9, 0.5, "speech"),
        MemoryUsed(TURN, (UsedMemory(MemoryId("mem_a"), "The cat is called Snow."),)),
        ToolStarted(TURN, MessageId("msg_call"), CALL),
        ToolEnded(TURN, CALL.id, CALL.name, ToolResult("rain"), 12.0),
        ModelLoads(TURN, "a model"),
        EngineFailedOver(TURN, "cloud", "busy", "Full.", "box"),
    )
    told += line.answers()
    assert [kind for kind in kinds(told) if kind.startswith("myna.")] == []


def test_a_client_is_told_what_it_asked_for():
    line = Line()
    line.set(myna={"events": ["emotion", "timing", "playback", "tools", "transcript", "outcome", "memory", "llm"]})
    line.hears()
    told = line.happens(
        TranscriptPartial(TURN, USER, "what", 0, "en"),
        StageTimed(TURN, "heard", 1.5),
        EmotionChanged(TURN, "Happy"),
        PlaybackPaused(TURN, 100),
        PlaybackResumed(TURN),
        MemoryUsed(TURN, (UsedMemory(MemoryId("mem_a"), "The cat is called Snow."),)),
        ToolStarted(TURN, MessageId("msg_call"), CALL, asks=True),
        ToolEnded(TURN, CALL.id, CALL.name, ToolResult("It burns.", "failed"), 12.3456),
        ModelLoads(TURN, "a model on a machine"),
        EngineFailedOver(TURN, "cloud", "busy", "Full.", "box"),
        TurnEnded(TURN, "completed", SAID),
    )
    ids = {"response_id": "resp_a", "item_id": REPLY}
    call = {"response_id": "resp_a", "call_id": "call_9", "name": "get_weather"}
    assert [event for event in told if event["type"].startswith("myna.")] == [
        {"type": "myna.transcript.partial", "item_id": USER, "text": "what", "stable": 0, "language": "en"},
        {"type": "myna.timing", "response_id": "resp_a", "item_id": USER, "stage": "heard", "at_ms": 1.5},
        {"type": "myna.emotion", **ids, "emotion": "Happy"},
        {"type": "myna.playback.paused", **ids, "audio_end_ms": 100},
        {"type": "myna.playback.resumed", **ids},
        {
            "type": "myna.memory.used",
            "response_id": "resp_a",
            "memories": [{"id": "mem_a", "text": "The cat is called Snow."}],
        },
        {"type": "myna.tool.started", **call, "item_id": "msg_call", "arguments": CALL.arguments, "asks": True},
        {"type": "myna.tool.ended", **call, "status": "failed", "output": "It burns.", "took_ms": 12.3},
        {"type": "myna.llm.loading", "response_id": "resp_a", "model": "a model on a machine"},
        {
            "type": "myna.llm.failed_over",
            "response_id": "resp_a",
            "engine": "cloud",
            "answers": "box",
            "error": {"code": "busy", "message": "Full."},
        },
        {"type": "myna.turn.ended", "response_id": "resp_a", "item_id": USER, "outcome": "completed", "heard": "Hi."},
    ]


def test_levels_are_told_as_they_are_and_of_no_turn():
    line = Line()
    line.set(myna={"events": ["levels"]})
    told = line.happens(
        LevelsHeard(1200, -23.456, 0.98765, 0.5, "waiting", 320.4, 799.6, Completeness(0.12345, 1100)),
        LevelsHeard(1300, -100.0, None, 0.5, "collecting"),
    )
    assert told == [
        {
            "type": "myna.levels",
            "audio_end_ms": 1200,
            "level_dbfs": -23.5,
            "speech": 0.988,
            "threshold": 0.5,
            "state": "waiting",
            "waited_ms": 320,
            "wait_ms": 800,
            "detector": {"probability": 0.123, "audio_end_ms": 1100},
        },
        {
            "type": "myna.levels",
            "audio_end_ms": 1300,
            "level_dbfs": -100.0,
            "speech": None,
            "threshold": 0.5,
            "state": "collecting",
            "waited_ms": None,
            "wait_ms": None,
            "detector": None,
        },
    ]


# ----------------------------------------------------------------------------------------------------- what is not told


def test_nothing_of_a_turn_is_told_that_the_client_does_not_know():
    told = Line().happens(
        SpeechStopped(TURN, USER, 900),
        TranscriptFinal(TURN, "what", "en"),
        ReplyText(TURN, "Hi."),
        ReplyAudio(TURN, 0, bytes(960), 24_000),
        ToolCalled(TURN, MessageId("msg_call"), CALL),
        ReplyEnded(TURN, complete=True),
        Interrupted(TURN, "", 0),
        TurnEnded(TURN, "interrupted", None),
    )
    assert told == []


def test_nothing_of_a_reply_follows_its_end():
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Hi."), ReplyEnded(TURN, complete=True))
    assert (
        line.happens(
            ReplyText(TURN, "More."), ReplyAudio(TURN, 0, bytes(960), 24_000), TurnEnded(TURN, "completed", None)
        )
        == []
    )


def test_every_event_has_an_id_of_its_own():
    line = Line()
    line.told(line.codec.greet())
    line.hears()
    line.answers()
    line.refusal("nonsense")
    assert len(line.event_ids) == len(set(line.event_ids)) > 15


def test_events_are_json_as_any_client_reads_it():
    line = Line()
    line.hears()
    assert json.dumps(line.happens(ReplyText(TURN, "你好 🙂")), ensure_ascii=False).count("🙂") == 1
