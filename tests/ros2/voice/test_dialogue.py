"""What follows from the server's events; the events are as `/v1/realtime` sends them."""

import base64
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna_ros.dialogue import MOST_TOOL_ROUNDS, Dialogue, Told, session_update
from myna_ros.news import Call, Emotion, Fault, Flush, Heard, Interrupted, Reply, Send, State, Words
from myna_ros.player import Player, Sound

RATE = 24_000
SECOND = base64.b64encode(bytes(RATE * 2)).decode()


class Talk:
    """A dialogue, and all that came of it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.dialogue = Dialogue(Player(RATE, lead_ms=100))
        self.told: list[Told] = []

    def take(self, kind: str, **fields: Any) -> None:
        self.told += self.dialogue.take({"type": kind, **fields}, self.now_s)

    def keep(self, told: Iterable[Told]) -> None:
        self.told += told

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.now_s += 0.01
            self.told += self.dialogue.tick(self.now_s)

    def asks(self) -> None:
        """The user says something."""
        self.take("input_audio_buffer.speech_started")
        self.take("myna.transcript.partial", text="左")
        self.take("input_audio_buffer.speech_stopped")
        self.take("input_audio_buffer.committed")
        self.take("conversation.item.input_audio_transcription.completed", transcript="左转")

    def answers(self, response: str = "r1", seconds: int = 2) -> None:
        """The server says something; all of it has come."""
        self.take("response.created", response={"id": response})
        self.take("myna.emotion", response_id=response, emotion="开心")
        self.take("response.output_audio_transcript.delta", response_id=response, delta="好的。")
        for _ in range(seconds):
            self.take("response.output_audio.delta", response_id=response, delta=SECOND)
        self.take("response.done", response={"id": response, "status": "completed"})

    def calls(self, response: str = "r1", *call_ids: str) -> None:
        self.take("response.created", response={"id": response})
        for call_id in call_ids or ("c1",):
            item = {"type": "function_call", "call_id": call_id, "name": "move", "arguments": "{}"}
            self.take("response.output_item.done", response_id=response, item=item)

    def done(self, response: str = "r1", status: str = "completed") -> None:
        self.take("response.done", response={"id": response, "status": status})

    def of(self, *kinds: type) -> list[Any]:
        return [each for each in self.told if isinstance(each, kinds)]

    def states(self) -> list[str]:
        return [each.name for each in self.of(State)]

    def sent(self, kind: str) -> list[Mapping[str, Any]]:
        return [each.message for each in self.of(Send) if each.message["type"] == kind]


def test_a_turn_is_heard_thought_spoken_and_over() -> None:
    talk = Talk()
    talk.wait(0.1)
    talk.asks()
    talk.answers()
    talk.wait(4)
    talk.take("myna.turn.ended", response_id="r1", item_id="i1", outcome="completed", heard="好的。")
    assert talk.of(Heard) == [Heard("左", final=False), Heard("左转", final=True)]
    assert (talk.of(Words), talk.of(Reply), talk.of(Emotion)) == (
        [Words("好的。")],
        [Reply("好的。")],
        [Emotion("开心")],
    )
    assert sum(len(sound.pcm) for sound in talk.of(Sound)) == RATE * 2 * 2
    assert talk.states() == ["listening", "hearing", "thinking", "speaking", "listening"]
    played = [each["audio_end_ms"] for each in talk.sent("myna.playback.played")]
    assert played == sorted(played)
    assert played[-1] == 2000


def test_an_interruption_silences_at_once_and_says_what_was_played() -> None:
    talk = Talk()
    talk.answers(seconds=5)
    talk.wait(1)
    talk.take("myna.playback.paused", response_id="r1", audio_end_ms=900)
    talk.told.clear()
    talk.wait(0.5)
    assert talk.of(Sound) == []
    assert talk.sent("myna.playback.played")[-1]["audio_end_ms"] == pytest.approx(1100, abs=20)
    talk.take("input_audio_buffer.speech_started")
    assert (talk.of(Flush), talk.of(Interrupted)) == ([Flush()], [Interrupted()])
    talk.take("response.output_audio.delta", response_id="r1", delta=SECOND)
    talk.take("response.output_audio_transcript.delta", response_id="r1", delta="more")
    talk.wait(2)
    assert talk.of(Sound, Words) == []
    talk.take("myna.turn.ended", response_id="r1", item_id=None, outcome="interrupted", heard="好")
    assert talk.of(Reply) == [Reply("好")]
    assert talk.states() == ["hearing"]


def test_a_cough_only_pauses() -> None:
    talk = Talk()
    talk.answers(seconds=2)
    talk.wait(0.5)
    talk.take("myna.playback.paused", response_id="r1", audio_end_ms=400)
    talk.wait(1)
    talk.take("myna.playback.resumed", response_id="r1")
    talk.wait(3)
    assert sum(len(sound.pcm) for sound in talk.of(Sound)) == RATE * 2 * 2
    assert talk.of(Flush, Interrupted) == []
    assert talk.states() == ["thinking", "speaking", "paused", "speaking", "listening"]


def test_stopping_ends_what_is_made_sent_and_played() -> None:
    talk = Talk()
    talk.answers(seconds=5)
    talk.wait(1)
    talk.told.clear()
    talk.keep(talk.dialogue.stop(talk.now_s))
    assert [send.message["type"] for send in talk.of(Send)] == [
        "myna.playback.played",
        "output_audio_buffer.clear",
        "response.cancel",
    ]
    assert talk.of(Flush) == [Flush()]
    talk.take("response.output_audio.delta", response_id="r1", delta=SECOND)
    talk.take("output_audio_buffer.cleared", response_id="r1")
    talk.wait(1)
    assert talk.of(Sound) == []
    assert talk.of(Flush) == [Flush()]
    talk.answers("r2", seconds=1)
    talk.wait(2)
    assert sum(len(sound.pcm) for sound in talk.of(Sound)) == RATE * 2


def test_results_of_tools_are_answered_once_all_are_there() -> None:
    talk = Talk()
    talk.asks()
    talk.calls("r1", "c1", "c2")
    assert [call.call_id for call in talk.of(Call)] == ["c1", "c2"]
    talk.keep(talk.dialogue.tool_done("c1", "left"))
    talk.done()
    assert talk.sent("response.create") == []
    assert talk.states()[-1] == "thinking"
    talk.keep(talk.dialogue.tool_done("c2", "right"))
    assert [each["item"]["output"] for each in talk.sent("conversation.item.create")] == ["left", "right"]
    assert talk.sent("response.create") == [{"type": "response.create"}]
    talk.keep(talk.dialogue.tool_done("c2", "again"))
    assert len(talk.sent("conversation.item.create")) == 2


def test_who_goes_on_talking_is_not_answered_about_tools_of_before() -> None:
    talk = Talk()
    talk.asks()
    talk.calls()
    talk.done()
    talk.take("input_audio_buffer.speech_started")
    talk.keep(talk.dialogue.tool_done("c1", "left"))
    assert len(talk.sent("conversation.item.create")) == 1
    assert talk.sent("response.create") == []


def test_a_cancelled_call_is_not_answered() -> None:
    talk = Talk()
    talk.calls()
    talk.done(status="cancelled")
    talk.keep(talk.dialogue.tool_done("c1", "left"))
    assert talk.sent("response.create") == []
    talk.wait(0.1)
    assert talk.states()[-1] == "listening"


def test_a_model_that_never_stops_calling_has_to_answer() -> None:
    talk = Talk()
    talk.asks()
    for number in range(MOST_TOOL_ROUNDS):
        talk.calls(f"r{number}", f"c{number}")
        talk.done(f"r{number}")
        talk.keep(talk.dialogue.tool_done(f"c{number}", "done"))
    chosen = [each.get("response", {}).get("tool_choice") for each in talk.sent("response.create")]
    assert chosen == [None] * (MOST_TOOL_ROUNDS - 1) + ["none"]


def test_a_call_that_comes_after_a_stop_is_not_run() -> None:
    talk = Talk()
    talk.asks()
    talk.take("response.created", response={"id": "r1"})
    talk.keep(talk.dialogue.stop(talk.now_s))
    talk.calls()
    talk.done()
    assert talk.of(Call) == []
    assert [each["item"]["output"] for each in talk.sent("conversation.item.create")] == ["Not done: it was stopped."]
    assert talk.sent("response.create") == []


def test_when_something_began_to_be_said_is_told_with_it() -> None:
    talk = Talk()
    talk.wait(1)
    talk.take("input_audio_buffer.speech_started")
    began_s = talk.now_s
    talk.wait(1)
    talk.take("conversation.item.input_audio_transcription.completed", transcript="左转")
    assert [each.began_s for each in talk.of(Heard)] == [began_s]


def test_what_is_no_reply_is_not_played_once_it_was_silenced() -> None:
    talk = Talk()
    stopped = threading.Event()
    talk.keep(talk.dialogue.play(bytes(RATE * 2), stopped, talk.now_s))
    talk.wait(0.2)
    talk.take("input_audio_buffer.speech_started")
    assert stopped.is_set()
    talk.told.clear()
    talk.keep(talk.dialogue.play(bytes(RATE * 2), stopped, talk.now_s))
    talk.wait(1)
    assert talk.of(Sound) == []


def test_speech_that_was_nothing_ends_in_listening() -> None:
    talk = Talk()
    talk.take("input_audio_buffer.speech_started")
    talk.take("input_audio_buffer.speech_stopped")
    talk.take("myna.turn.ended", response_id=None, item_id="i1", outcome="silent", heard=None)
    assert talk.states()[-1] == "listening"
    assert talk.of(Reply) == []


def test_faults_are_told_but_for_reports_that_came_too_late() -> None:
    talk = Talk()
    talk.take("error", error={"code": "not_found", "message": "over", "event_id": "report"})
    talk.take("error", error={"code": "bad_input", "message": "no", "event_id": None})
    error = {"code": "engine_timeout", "message": "too slow"}
    talk.take("response.done", response={"id": "r1", "status": "failed", "status_details": {"error": error}})
    assert talk.of(Fault) == [Fault("bad_input", "no"), Fault("engine_timeout", "too slow")]


def test_what_a_session_begins_with_is_as_the_protocol_has_it() -> None:
    asked = session_update(rates=(16_000, 24_000), tools=[], language="zh", keywords=("停",), barge_in="stop_words")
    assert asked["session"]["audio"]["input"]["transcription"] == {"language": "zh", "keywords": ["停"]}
    assert asked["session"]["myna"]["barge_in"] == "stop_words"
    assert "instructions" not in asked["session"]


FIELDS = ["id", "type", "status", "item", "response", "response_id", "call_id", "name", "arguments", "error", "message",
          "code", "delta", "text", "transcript", "emotion", "outcome", "heard", "status_details"]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["r1", "c1", "cancelled", "AAAA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=10,
)
KINDS = [
    "error", "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
    "myna.transcript.partial", "conversation.item.input_audio_transcription.completed", "response.created",
    "conversation.item.input_audio_transcription.failed", "response.output_audio_transcript.delta", "response.done",
    "response.output_audio.delta", "response.output_item.done", "myna.emotion", "myna.playback.paused",
    "myna.playback.resumed", "output_audio_buffer.cleared", "myna.turn.ended", "of another protocol",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), VALUES)), max_size=20))
def test_events_that_make_no_sense_do_no_harm(events: list[tuple[str, dict[str, Any]]]) -> None:
    talk = Talk()
    for kind, fields in events:
        with suppress(ValueError):  # audio that is no base64: the line tells it
            talk.keep(talk.dialogue.take({**fields, "type": kind}, talk.now_s))
        talk.wait(0.05)
    assert len(talk.states()) <= len(talk.told)
