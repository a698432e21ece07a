"""Every event of a client, as the commands and replies that it comes to: exactly."""

import json
from base64 import b64encode
from typing import Any

import pytest
from tests.wire.realtime.talking import HI, TURN, Line, kinds, user

from myna.core.commands import (
    AllowTool,
    AppendAudio,
    ClearAudio,
    CommitAudio,
    Configure,
    Interrupt,
    ReportPlayed,
    Say,
)
from myna.core.errors import BadInput, Busy, EngineUnavailable
from myna.core.events import (
    Interrupted,
    Refused,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    TurnEnded,
)
from myna.core.ids import MessageId
from myna.core.messages import UserMessage
from myna.wire.audio_formats import A_LAW
from myna.wire.realtime.client_events import CLIENT_EVENTS

HALF_SECOND = b64encode(bytes(24_000)).decode()


def test_there_are_the_eleven_events_of_openai_and_two_of_myna_s():
    assert len(CLIENT_EVENTS) == 13
    ours = [kind for kind in CLIENT_EVENTS if kind.startswith("myna.")]
    assert ours == ["myna.playback.played", "myna.tool.allow"]


# ---------------------------------------------------------------------------------------------------------------- audio


def test_appended_audio_is_heard_at_16_khz():
    line = Line()
    commands, told = line.send("input_audio_buffer.append", audio=HALF_SECOND)
    more, _ = line.send("input_audio_buffer.append", audio=HALF_SECOND)
    assert told == []
    heard = b"".join(command.pcm for command in (*commands, *more) if isinstance(command, AppendAudio))
    assert 31_000 < len(heard) <= 32_000


def test_g711_is_heard_too():
    line = Line()
    line.set(audio={"input": {"format": {"type": "audio/pcma"}}})
    loud = A_LAW.compress(b"\x00\x40" * 8000)
    (command,), _ = line.send("input_audio_buffer.append", audio=b64encode(loud).decode())
    assert isinstance(command, AppendAudio)
    assert 31_000 < len(command.pcm) <= 32_000
    assert command.pcm[-2:] > b"\x00\x30"


def test_what_was_said_before_the_format_changed_is_heard_whole():
    line = Line()
    first, _ = line.send("input_audio_buffer.append", audio=HALF_SECOND)
    rest, _ = line.send("session.update", session={"audio": {"input": {"format": {"type": "audio/pcmu"}}}})
    heard = b"".join(command.pcm for command in (*first, *rest) if isinstance(command, AppendAudio))
    assert len(heard) == 16_000


def test_half_a_sample_waits_for_its_other_half():
    line = Line()
    line.set(audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}}})
    assert line.send("input_audio_buffer.append", audio=b64encode(b"\x01").decode()) == ((), [])
    commands, _ = line.send("input_audio_buffer.append", audio=b64encode(b"\x02\x03").decode())
    assert commands == (AppendAudio(b"\x01\x02"),)


@pytest.mark.parametrize("audio", ["####", "AAA", "AA=A", "A A A A", "é", "AAAA\n"])
def test_audio_that_is_no_base64_is_refused(audio: str):
    assert Line().refusal("input_audio_buffer.append", audio=audio) == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "The audio is no base64.",
        "param": "audio",
        "event_id": None,
    }


def test_no_audio_is_nothing():
    assert Line().send("input_audio_buffer.append", audio="") == ((), [])


def test_a_commit_is_heard_and_not_answered():
    line = Line()
    line.set(audio={"input": {"turn_detection": None}})
    line.send("input_audio_buffer.append", audio=HALF_SECOND)
    (rest, commit), told = line.send("input_audio_buffer.commit")
    assert isinstance(rest, AppendAudio)
    assert commit == CommitAudio(replies=False, ref="ref_1")
    assert told == []


def test_a_commit_of_nothing_is_refused():
    line = Line()
    line.set(audio={"input": {"turn_detection": None}})
    line.send("input_audio_buffer.append", audio=b64encode(bytes(2400)).decode())
    refusal = line.refusal("input_audio_buffer.commit", event_id="evt")
    assert (refusal["code"], refusal["event_id"]) == ("input_audio_buffer_commit_empty", "evt")
    assert refusal["message"] == "There is too little audio to commit: 50 ms, of at least 100 ms."


@pytest.mark.parametrize("detection", [None, {"type": "server_vad"}, {"type": "semantic_vad"}])
def test_a_commit_of_nothing_is_refused_however_turns_are_taken(detection: dict[str, str] | None):
    line = Line()
    line.set(audio={"input": {"turn_detection": detection}})
    assert line.refusal("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"
    line.send("input_audio_buffer.append", audio=HALF_SECOND)
    assert line.send("input_audio_buffer.commit")[1] == []


def test_minutes_in_one_event_are_made_ready_a_second_at_a_time():
    line = Line()
    event = {"type": "input_audio_buffer.append", "audio": b64encode(bytes(48_000 * 60)).decode()}
    commands = iter(line.codec.decode(json.dumps(event)).commands)
    first = next(commands)
    assert isinstance(first, AppendAudio)
    assert 0 < len(first.pcm) <= 32_000
    assert len(list(commands)) == 59


def test_what_was_committed_or_cleared_is_not_committed_again():
    line = Line()
    line.set(audio={"input": {"turn_detection": None}})
    line.send("input_audio_buffer.append", audio=HALF_SECOND)
    line.send("input_audio_buffer.commit")
    assert line.refusal("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"
    line.send("input_audio_buffer.append", audio=HALF_SECOND)
    assert line.send("input_audio_buffer.clear") == ((ClearAudio(),), [{"type": "input_audio_buffer.cleared"}])
    assert line.refusal("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_clearing_the_output_ends_what_is_spoken_and_says_so():
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once"), ReplyAudio(TURN, 0, bytes(4800), 24_000))
    assert line.send("output_audio_buffer.clear") == ((Interrupt(turn_id=TURN),), [])
    told = line.happens(Interrupted(TURN, "", 0), TurnEnded(TURN, "interrupted", None))
    assert kinds(told)[-2:] == ["response.done", "output_audio_buffer.cleared"]
    assert told[-2]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert told[-1]["response_id"] == "resp_a"


def test_what_was_all_sent_and_is_still_played_can_be_cleared():
    line = Line()
    line.hears()
    line.happens(ReplyText(TURN, "Once"), ReplyEnded(TURN, complete=True))
    assert line.send("output_audio_buffer.clear")[0] == (Interrupt(turn_id=TURN),)
    told = line.happens(Interrupted(TURN, "", 0), TurnEnded(TURN, "interrupted", None))
    assert kinds(told) == ["output_audio_buffer.cleared"]
    assert line.refusal("output_audio_buffer.clear")["code"] == "output_audio_buffer_clear_not_active"


def test_what_a_client_has_played_is_reported():
    line = Line()
    line.hears()
    commands, told = line.send("myna.playback.played", response_id="resp_a", audio_end_ms=250)
    assert (commands, told) == ((ReportPlayed(TURN, 250),), [])
    line.answers()
    assert line.send("myna.playback.played", response_id="resp_a", audio_end_ms=300) == ((), [])
    refusal = line.refusal("myna.playback.played", response_id="resp_x", audio_end_ms=1)
    assert (refusal["code"], refusal["param"]) == ("response_not_found", "response_id")


# ---------------------------------------------------------------------------------------------------------------- tools


@pytest.mark.parametrize("allowed", [True, False])
def test_what_the_user_says_of_a_tool_is_handed_on(allowed: bool):
    line = Line()
    line.hears()
    (command,), told = line.send("myna.tool.allow", call_id="call_9", allowed=allowed)
    assert (command, told) == (AllowTool("call_9", allowed, ref="ref_1"), [])


def test_an_answer_that_comes_too_late_is_refused_by_the_name_of_its_event():
    line = Line()
    (command,), _ = line.send("myna.tool.allow", event_id="evt_7", call_id="call_9", allowed=True)
    assert isinstance(command, AllowTool)
    [told] = line.happens(Refused(command.ref, "unknown_name", "Nobody asks about call_9.", ""))
    assert (told["type"], told["error"]["event_id"]) == ("error", "evt_7")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"allowed": True}, "call_id"),
        ({"call_id": "c"}, "allowed"),
        ({"call_id": "c", "allowed": "yes"}, "allowed"),
        ({"call_id": "", "allowed": True}, "call_id"),
        ({"call_id": "c", "allowed": True, "always": True}, "always"),
    ],
)
def test_an_answer_that_is_none_is_refused(fields: dict[str, Any], param: str):
    assert Line().refusal("myna.tool.allow", **fields)["param"] == param


# -------------------------------------------------------------------------------------------------------------- session


def test_an_update_is_told_at_once_and_configures_the_session():
    line = Line()
    commands, told = line.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
    assert commands == (Configure(line.codec.preferences),)
    assert line.codec.preferences.instructions == "Be brief."
    assert kinds(told) == ["session.updated"]
    assert told[0]["session"]["instructions"] == "Be brief."


def test_an_update_that_changes_nothing_configures_nothing():
    commands, told = Line().send("session.update", session={"type": "realtime", "tracing": "auto"})
    assert (commands, kinds(told)) == ((), ["session.updated"])


def test_a_client_that_asks_for_it_is_greeted_once():
    line = Line()
    commands, told = line.send("session.update", session={"myna": {"events": ["greeting"]}})
    assert commands == (Say("Hello!"),)
    assert told[1:] == [{"type": "myna.greeting", "text": "Hello!"}]
    assert line.send("session.update", session={"myna": {"events": ["greeting"]}})[0] == ()


def test_a_client_chooses_among_the_greetings():
    commands, told = Line().send("session.update", session={"myna": {"events": ["greeting"], "greeting": 1}})
    assert commands == (Say("Well, hello there."),)
    assert told[0]["session"]["myna"]["greeting"] == 1


def test_a_conversation_that_goes_on_is_not_greeted_again():
    line = Line(history=(UserMessage(MessageId("m1"), TURN, "Hello"),))
    commands, told = line.send("session.update", session={"myna": {"events": ["greeting"]}})
    assert (commands, kinds(told)) == ((), ["session.updated"])


# --------------------------------------------------------------------------------------- what the session does not take


def test_a_response_that_the_session_did_not_take_is_not_active():
    line = Line()
    (command,), _ = line.send("response.create", event_id="evt")
    [error] = line.told(line.codec.refused(command, EngineUnavailable("There is no LLM.", hint="Start one.")))
    assert error["error"] == {
        "type": "server_error",
        "code": "engine_unavailable",
        "message": "There is no LLM. Start one.",
        "param": None,
        "event_id": "evt",
    }
    assert len(line.send("response.create")[0]) == 1


def test_an_item_that_the_session_did_not_take_is_none():
    line = Line()
    (command,), _ = line.send("conversation.item.create", item=user(HI, id="mine"))
    [error] = line.told(line.codec.refused(command, BadInput("The text is too long.")))
    assert error["error"]["type"] == "invalid_request_error"
    assert len(line.send("conversation.item.create", item=user(HI, id="mine"))[0]) == 1


def test_a_failure_outside_of_any_event_has_no_event_id():
    line = Line()
    line.send("input_audio_buffer.clear", event_id="evt")
    line.send("input_audio_buffer.append", audio=HALF_SECOND)
    [error] = line.told(line.codec.refused(AppendAudio(b""), Busy("Too much.")))
    assert error["error"]["event_id"] is None
