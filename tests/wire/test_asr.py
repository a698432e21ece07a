import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.commands import AppendAudio, CommitAudio, Configure
from myna.core.errors import BadInput, EngineTimeout
from myna.core.events import (
    Failed,
    Refused,
    ReplyText,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPart,
    TranscriptPartial,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import MessageId, TurnId
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.wire.asr import ASRCodec, failed
from myna.wire.decoded import Decoded, ServerEvent

TURN, UTTERANCE = TurnId("turn_1"), MessageId("msg_1")
PREFERENCES = Preferences(language="en", turn_taking=TurnTakingPreferences(replies=False, end_silence_ms=500))


@pytest.fixture
def codec() -> ASRCodec:
    return ASRCodec(PREFERENCES)


def op(**fields: object) -> str:
    return json.dumps(fields)


def pcm(decoded: Decoded) -> bytes:
    return b"".join(command.pcm for command in decoded.commands if isinstance(command, AppendAudio))


def partial(text: str) -> TranscriptPartial:
    return TranscriptPartial(TURN, UTTERANCE, text, 0, "zh")


def final(text: str, *parts: TranscriptPart) -> TranscriptFinal:
    return TranscriptFinal(TURN, text, "zh" if text else None, parts)


# -------------------------------------------------------------------------------------------------------- what comes in


def test_binary_frames_are_pcm_at_16_khz(codec: ASRCodec) -> None:
    assert codec.decode(b"\x01\x02\x03\x04") == Decoded((AppendAudio(b"\x01\x02\x03\x04"),))


@given(st.lists(st.binary(max_size=7), max_size=20))
def test_half_a_sample_waits_for_its_other_half(frames: list[bytes]) -> None:
    codec = ASRCodec(PREFERENCES)
    heard = b"".join(pcm(codec.decode(frame)) for frame in frames)
    sent = b"".join(frames)
    assert heard == sent[: len(sent) // 2 * 2]


def test_a_rate_is_taken_and_audio_comes_out_at_16_khz(codec: ASRCodec) -> None:
    codec.decode(op(op="config", sampleRate=48_000))
    heard = b"".join(pcm(codec.decode(bytes(1920))) for _ in range(50)) + pcm(codec.decode(op(op="commit")))
    assert len(heard) == 2 * 16_000


def test_what_was_said_at_the_old_rate_goes_before_what_is_said_at_the_new_one(codec: ASRCodec) -> None:
    codec.decode(op(op="config", sampleRate=8_000))
    before = pcm(codec.decode(bytes(1600)))
    rest = pcm(codec.decode(op(op="config", sampleRate=16_000)))
    assert len(before) + len(rest) == 2 * 1600
    assert pcm(codec.decode(b"\x01\x02")) == b"\x01\x02"


def test_the_same_config_again_changes_nothing(codec: ASRCodec) -> None:
    codec.decode(op(op="config", sampleRate=8_000))
    before = pcm(codec.decode(bytes(1600)))
    assert codec.decode(op(op="config", sampleRate=8_000)) == Decoded()
    assert len(before) + len(pcm(codec.decode(op(op="commit")))) == 2 * 1600


@pytest.mark.parametrize(
    ("language", "code"), [("zh", "zh"), ("zh-CN", "zh"), ("zh_CN", "zh"), ("EN", "en"), ("auto", None)]
)
def test_a_language_is_taken_and_all_else_stays_as_configured(codec: ASRCodec, language: str, code: str | None) -> None:
    (command,) = codec.decode(op(op="config", language=language)).commands
    assert command == Configure(Preferences(language=code, turn_taking=PREFERENCES.turn_taking))


def test_a_language_that_the_asr_does_not_understand_is_told_and_changes_nothing() -> None:
    codec = ASRCodec(PREFERENCES, frozenset({"zh", "en"}))
    decoded = codec.decode(op(op="config", language="FR_fr", sampleRate=8000))
    (reply,) = decoded.replies
    assert (reply["type"], reply["code"], decoded.commands) == ("error", "bad_input", ())
    assert reply["message"] == "language: 'fr' is not understood here. Send auto, or one of en, zh."
    assert codec.decode(bytes(320)) == Decoded((AppendAudio(bytes(320)),))  # still at 16 kHz
    for understood in ("zh-CN", "auto"):
        assert codec.decode(op(op="config", language=understood)).replies == ()


def test_minutes_in_one_frame_are_made_ready_a_second_at_a_time(codec: ASRCodec) -> None:
    codec.decode(op(op="config", sampleRate=48_000))
    commands = iter(codec.decode(bytes(48_000 * 2 * 60)).commands)
    first = next(commands)
    assert isinstance(first, AppendAudio)
    assert 0 < len(first.pcm) <= 32_000
    rest = [command.pcm for command in commands if isinstance(command, AppendAudio)]
    assert len(rest) == 59
    assert len(first.pcm) + sum(map(len, rest)) + len(pcm(codec.decode(op(op="commit")))) == 32_000 * 60


def test_what_other_clients_put_into_a_config_is_left_alone(codec: ASRCodec) -> None:
    assert codec.decode(op(op="config", sampleRate=16_000, channels=1, format="pcm16")) == Decoded()


def test_a_commit_is_an_utterance_that_is_over(codec: ASRCodec) -> None:
    assert codec.decode(op(op="commit")) == Decoded((CommitAudio(replies=False),))


def test_the_end_is_a_commit_and_nothing_follows(codec: ASRCodec) -> None:
    assert codec.decode(op(op="end")) == Decoded((CommitAudio(replies=False),), ends=True)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("hello", "no JSON"),
        ("", "no JSON"),
        ("[" * 1000, "no JSON"),
        ("[" * 100_000, "at most 10000"),
        ("[]", "no such op"),
        ("{}", "no such op"),
        ('"config"', "no such op"),
        (op(op="start"), "start"),
        (op(op="config", sampleRate=100), "sampleRate"),
        (op(op="config", sampleRate=10**9), "sampleRate"),
        (op(op="config", sampleRate="fast"), "sampleRate"),
        (op(op="config", language="Klingon"), "language"),
        (op(op="config", language=5), "language"),
    ],
)
def test_what_is_not_understood_is_told_and_changes_nothing(codec: ASRCodec, message: str, told: str) -> None:
    decoded = codec.decode(message)
    (reply,) = decoded.replies
    assert (reply["type"], reply["code"], decoded.commands) == ("error", "bad_input", ())
    assert told in reply["message"]
    assert len(reply["message"]) < 400
    assert codec.decode(b"\x01\x02") == Decoded((AppendAudio(b"\x01\x02"),))


@given(st.text() | st.binary())
def test_nothing_that_a_client_sends_breaks_it(message: str | bytes) -> None:
    decoded = ASRCodec(PREFERENCES).decode(message)
    json.dumps(decoded.replies)


# ------------------------------------------------------------------------------------------------------- what goes out


def test_a_partial_is_told_when_it_changed(codec: ASRCodec) -> None:
    told = [codec.encode(partial(text)) for text in ("今天", "今天", "今天天气")]
    assert told == [
        ({"type": "partial", "text": "今天", "language": "zh"},),
        (),
        ({"type": "partial", "text": "今天天气", "language": "zh"},),
    ]


def test_after_a_final_the_same_partial_is_a_new_one(codec: ASRCodec) -> None:
    codec.encode(partial("好"))
    codec.encode(final("好"))
    assert codec.encode(partial("好"))


def test_a_final_has_segments_in_seconds(codec: ASRCodec) -> None:
    parts = (TranscriptPart("今天天气", 200, 1250), TranscriptPart("不错。", 1250, 2000))
    assert codec.encode(final("今天天气不错。", *parts)) == (
        {
            "type": "final",
            "text": "今天天气不错。",
            "segments": [
                {"start": 0.2, "end": 1.25, "text": "今天天气"},
                {"start": 1.25, "end": 2.0, "text": "不错。"},
            ],
        },
    )


def test_a_final_of_the_same_audio_is_told_once_and_the_same_words_said_again_are_told_again(codec: ASRCodec) -> None:
    here, later = TranscriptPart("好", 0, 400), TranscriptPart("好", 3000, 3400)
    assert [len(codec.encode(final("好", part))) for part in (here, here, later)] == [1, 0, 1]


def test_a_commit_of_nothing_is_answered_each_time(codec: ASRCodec) -> None:
    nothing: ServerEvent = {"type": "final", "text": "", "segments": []}
    assert [codec.encode(final("")) for _ in range(2)] == [(nothing,), (nothing,)]


@pytest.mark.parametrize("event", [Failed(TURN, "busy", "Full.", "Wait."), Refused("", "busy", "Full.", "Wait.")])
def test_a_failure_is_an_error(codec: ASRCodec, event: Failed | Refused) -> None:
    assert codec.encode(event) == ({"type": "error", "code": "busy", "message": "Full. Wait."},)


def test_errors_of_no_event_have_the_same_form(codec: ASRCodec) -> None:
    error = EngineTimeout("Late.", hint="Again.")
    expected = {"type": "error", "code": "engine_timeout", "message": "Late. Again."}
    assert failed(error) == expected
    assert codec.refused(CommitAudio(), error) == (expected,)
    assert failed(BadInput("No."))["message"] == "No."


def test_all_else_is_not_for_this_client(codec: ASRCodec) -> None:
    for event in (
        SpeechStarted(TURN, UTTERANCE, 0),
        SpeechStopped(TURN, UTTERANCE, 900),
        TurnStarted(TURN, UTTERANCE, None),
        TurnEnded(TURN, "completed", None),
        ReplyText(TURN, "你好"),
    ):
        assert codec.encode(event) == ()
    assert codec.greet() == ()
