import math
from collections.abc import Sequence
from itertools import pairwise

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.ear_players import Room, kinds, room, silence, speech

from myna.core.audio import HEARING_RATE
from myna.core.errors import EngineUnavailable
from myna.core.preferences import BargeIn, Preferences, TurnTakingPreferences
from myna.engines.base import ASROptions, Samples, Transcript
from myna.session.bounds import Limits
from myna.session.hear import Ears, HearingOptions
from myna.session.notes import (
    Dismissed,
    Doubted,
    FinalHeard,
    HearingFailed,
    Note,
    Onset,
    PartialHeard,
    SpeechBegan,
    SpeechEnded,
    Supposed,
    Utterance,
)
from myna.session.turn_taking import Phase
from myna.session.voice_activity import DEAF_S
from myna.testing.asr import ScriptedASR
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause
from myna.testing.vad import ScriptedVAD

MANUAL = TurnTakingPreferences(automatic=False)
QUICK = Pause(0.1)


def ears(*hearings: object) -> Ears:
    return Ears(ScriptedASR(*hearings), ScriptedVAD())  # pyright: ignore[reportArgumentType]


def asr_of(one: Room) -> ScriptedASR:
    asr = one.hearing._ears.asr  # pyright: ignore[reportPrivateUsage]
    assert isinstance(asr, ScriptedASR)
    return asr


def seconds(asr: ScriptedASR) -> list[tuple[float, bool]]:
    """How much audio each call was given, and whether it was a partial one."""
    return [(round(len(call.samples) / HEARING_RATE, 2), call.options.partial) for call in asr.calls]


class Detector:
    """Finds every utterance as complete as it was told, and keeps what it was asked."""

    sample_rate = HEARING_RATE

    def __init__(self, probability: float | EngineUnavailable | Pause) -> None:
        self.probability = probability
        self.asked: list[tuple[Samples, str]] = []

    async def completeness(self, samples: Samples, text: str) -> float:
        self.asked.append((samples, text))
        match self.probability:
            case Pause():
                await self.probability.wait()
                return 0.0
            case float() | int():
                return self.probability
            case EngineUnavailable():
                raise self.probability


# --------------------------------------------------------------------------------------------------- one utterance


@on_virtual_clock
async def test_an_utterance_is_told_from_its_onset_to_its_text():
    async with room(ears([QUICK, "今天"], [QUICK, "今天天气"], [QUICK, "今天天气好"])) as user:
        notes = await user.say(silence(1000), speech(1200), silence(1200))
    assert kinds(notes) == ["Onset", "SpeechBegan", "Supposed", "SpeechEnded", "FinalHeard"]
    _, began, *_, supposed, ended, final = [note for note in notes if not isinstance(note, PartialHeard)]
    assert isinstance(began, SpeechBegan)
    assert isinstance(supposed, Supposed)
    assert isinstance(ended, SpeechEnded)
    assert isinstance(final, FinalHeard)
    assert began.at_ms == pytest.approx(1000 - 300, abs=32)
    assert ended.at_ms == pytest.approx(2200, abs=32)
    assert ended.silence_ms == pytest.approx(800, abs=32)
    assert final.utterance == supposed.utterance
    assert (final.utterance.text, final.utterance.language) == ("今天天气好", "zh")
    assert final.utterance.parts[0].start_ms == began.at_ms
    assert {note.turn_id for note in notes} == {began.turn_id}
    assert final.utterance_id == began.utterance_id


@on_virtual_clock
async def test_partial_transcripts_are_told_when_they_change_and_say_what_is_stable():
    script = [[QUICK, text] for text in ("今天", "今天", "今天天气", "今天天气不错。")]
    async with room(ears(*script)) as user:
        notes = await user.say(silence(500), speech(2000), silence(1200))
    told = [(note.text, note.stable) for note in notes if isinstance(note, PartialHeard)]
    assert told == [("今天", 0), ("今天天气", 2), ("今天天气不错。", 4)]


@on_virtual_clock
async def test_the_final_text_is_found_in_the_first_silence_and_not_again():
    async with room(ears([Pause(0.4), "你好"])) as user:
        await user.say(silence(500), speech(1000), silence(200))
        began = len(asr_of(user).calls)
        await user.say(silence(2000))
        finals = [whole for whole in seconds(asr_of(user)) if not whole[1]]
    assert len(finals) == 1
    assert len(asr_of(user).calls) - began <= 1
    assert user.texts() == ["你好"]


@on_virtual_clock
async def test_a_partial_transcript_gives_way_to_the_final_one():
    async with room(ears([HANG], [QUICK, "你好"])) as user:
        await user.say(silence(500), speech(1000), silence(1000))
    assert [partial for _, partial in seconds(asr_of(user))] == [True, False]
    assert user.texts() == ["你好"]


@on_virtual_clock
async def test_what_was_supposed_is_doubted_when_somebody_goes_on():
    texts = ["我想", "我想", "我想。", "我想去", "我想去北京"]
    async with room(ears(*([QUICK, text] for text in texts))) as user:
        notes = await user.say(silence(500), speech(900), silence(600), speech(900), silence(1200))
    assert kinds(notes) == ["Onset", "SpeechBegan", "Supposed", "Doubted", "Supposed", "SpeechEnded", "FinalHeard"]
    assert user.texts() == ["我想去北京"]
    assert isinstance(notes[-1], FinalHeard)


@on_virtual_clock
async def test_speech_that_goes_on_while_it_is_transcribed_is_transcribed_whole():
    async with room(ears([Pause(1.0), "我想"], [Pause(1.0), "我想去"], [Pause(1.0), "我想去北京"])) as user:
        await user.say(silence(500), speech(400), silence(300), speech(900), silence(2500))
    last = [length for length, partial in seconds(asr_of(user)) if not partial][-1]
    assert last == pytest.approx(0.3 + 0.4 + 0.3 + 0.9 + 0.2, abs=0.08)
    assert user.texts() == ["我想去北京"]


@on_virtual_clock
async def test_a_noise_ends_as_an_utterance_without_text():
    async with room(ears("")) as user:
        notes = await user.say(silence(500), speech(300), silence(2000))
    assert kinds(notes) == ["Onset", "SpeechBegan", "SpeechEnded", "FinalHeard"]
    assert user.texts() == [""]


@on_virtual_clock
async def test_the_next_utterance_shares_no_audio_with_the_one_before():
    async with room(ears("你好")) as user:
        await user.say(silence(500), speech(600), silence(900), speech(600), silence(1200))
    first, second = [call.samples for call in asr_of(user).calls if not call.options.partial]
    assert user.texts() == ["你好", "你好"]
    loud = [int(np.count_nonzero(np.abs(samples) > 0.01)) for samples in (first, second)]
    assert loud == pytest.approx([9600, 9600], abs=1100)


@on_virtual_clock
async def test_language_and_hint_of_the_client_reach_the_asr():
    async with room(ears("hello")) as user:
        user.hearing.configure(Preferences(language="en", hint="Myna"))
        await user.say(silence(500), speech(900), silence(900))
    assert {(call.options.language, call.options.hint) for call in asr_of(user).calls} == {("en", "Myna")}
    assert ASROptions("en", "Myna", partial=False) in [call.options for call in asr_of(user).calls]


@on_virtual_clock
async def test_a_client_that_sends_nothing_in_silence_is_heard_as_well():
    async with room(ears([QUICK, "你好"])) as user:
        await user.say(silence(500), speech(800))
        assert user.hearing.open
        before = user.hearing.heard_ms
        for _ in range(5):
            await user.wait(0.2)
            user.notes += user.hearing.stalled(200)
    assert user.texts() == ["你好"]
    assert user.hearing.heard_ms == before == 1300
    assert not user.hearing.open


@on_virtual_clock
async def test_an_utterance_that_is_too_long_is_ended_and_the_next_begins():
    options = HearingOptions(max_utterance_s=3.0)
    async with room(Ears(Counting(), ScriptedVAD()), options=options) as user:
        notes = await user.say(silence(500), speech(5000), silence(1500))
    assert kinds(notes).count("FinalHeard") == kinds(notes).count("SpeechEnded") == 2


# ------------------------------------------------------------------------------------------------- long utterances


class Counting:
    """An ASR that hears something else every time, and counts what it was given at full quality."""

    info = ScriptedASR().info

    def __init__(self) -> None:
        self.finals: list[int] = []
        self.partials = 0
        self.longest = 0

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        await anyio.sleep(0.3)
        self.longest = max(self.longest, len(samples))
        if options.partial:
            self.partials += 1
            return Transcript(f"{self.partials}", "zh")
        self.finals.append(len(samples))
        return Transcript("啊", "zh")


@given(pauses=st.lists(st.integers(20, 90), max_size=6), manual=st.booleans(), tail_ms=st.integers(0, 500))
@settings(max_examples=15, deadline=None)
@on_virtual_clock
async def test_long_utterances_are_heard_in_windows_without_loss_or_repetition(
    pauses: list[int], manual: bool, tail_ms: int
):
    asr = Counting()
    audio = b"".join(speech(9000 / (n + 1)) + silence(ms) for n, ms in enumerate(pauses)) + speech(12_000)
    async with room(Ears(asr, ScriptedVAD()), MANUAL if manual else None) as user:
        await user.say(audio, silence(tail_ms), piece_ms=100)
        user.commit()
        await user.wait(30)
    everything = len(audio) // 2 + 16 * tail_ms
    assert everything - (0 if manual else 16 * tail_ms) <= sum(asr.finals) <= everything
    assert asr.longest <= 8.5 * HEARING_RATE
    assert user.texts() == ["啊" * len(asr.finals)]


@on_virtual_clock
async def test_a_window_is_cut_in_the_longest_pause():
    asr = Counting()
    async with room(Ears(asr, ScriptedVAD())) as user:
        await user.say(speech(6000), silence(400), speech(3000), silence(1500), piece_ms=100)
    assert asr.finals[0] / HEARING_RATE == pytest.approx(6.2, abs=0.2)


@on_virtual_clock
async def test_memory_stays_bounded_however_long_somebody_speaks():
    async with room(Ears(Counting(), ScriptedVAD())) as user:
        for _ in range(30):
            await user.say(speech(2000), piece_ms=500)
            open_ = user.hearing._open  # pyright: ignore[reportPrivateUsage]
            assert open_ is not None
            assert len(open_.after(0)) / 2 / HEARING_RATE < 20
        await user.say(silence(1200))
    assert len(user.texts()) == 1


# ------------------------------------------------------------------------------------------------------ barging in


@pytest.mark.parametrize("text", ["嗯", "对对对。", "Uh-huh.", ""])
@on_virtual_clock
async def test_a_backchannel_pauses_and_is_dismissed(text: str):
    async with room(ears([QUICK, text])) as user:
        user.hearing.phase = "speaking"
        notes = await user.say(silence(500), speech(400), silence(2000))
    assert kinds(notes, partials=True) == ["Onset", "Dismissed"]


@on_virtual_clock
async def test_real_speech_interrupts_and_what_was_held_back_follows():
    async with room(ears([Pause(0.2), "我想换个话题"])) as user:
        user.hearing.phase = "speaking"
        notes = await user.say(silence(500), speech(1500), silence(1200))
    assert kinds(notes, partials=True) == [
        "Onset",
        "SpeechBegan",
        "PartialHeard",
        "Supposed",
        "SpeechEnded",
        "FinalHeard",
    ]


@on_virtual_clock
async def test_what_is_asked_while_a_reply_is_silent_for_it_goes_first():
    async with room(ears([QUICK, "我"], [QUICK, "我想换个话题"])) as user:
        user.hearing.phase = "speaking"
        await user.say(silence(500), speech(1600), silence(200))
        options = [call.options for call in asr_of(user).calls]
    assert (options[0].partial, options[0].awaited) == (True, True)
    assert options[-1].awaited is False


@on_virtual_clock
async def test_a_brief_sound_over_a_reply_is_heard_in_the_language_of_the_conversation():
    english = Transcript("Tell me about Paris.", "en")
    async with room(ears([QUICK, "嗯"], [QUICK, english]), options=HearingOptions(language="zh")) as user:

        async def languages(phase: Phase, *audio: bytes) -> list[str | None]:
            user.hearing.phase = phase
            before = len(asr_of(user).calls)
            await user.say(silence(500), *audio, silence(2000))
            return [call.options.language for call in asr_of(user).calls[before:]]

        assert set(await languages("speaking", speech(400))) == {"zh"}
        assert set(await languages("listening", speech(400))) == {None}
        long = await languages("speaking", speech(2000))
        assert (long[0], long[-1]) == ("zh", None)
        assert user.texts()[-1] == english.text
        assert set(await languages("speaking", speech(400))) == {"en"}


@on_virtual_clock
async def test_an_asr_that_hangs_does_not_keep_a_reply_paused():
    async with room(ears([HANG])) as user:
        user.hearing.phase = "speaking"
        short = await user.say(silence(500), speech(400), silence(3000))
        long = await user.say(speech(1600))
    assert kinds(short) == ["Onset", "Dismissed"]
    assert kinds(long) == ["Onset", "SpeechBegan"]


@on_virtual_clock
async def test_where_only_stop_words_interrupt_nothing_is_told_of_anything_else():
    async with room(ears([QUICK, "我想换个话题"]), TurnTakingPreferences(barge_in="stop_words")) as user:
        user.hearing.phase = "speaking"
        assert await user.say(silence(500), speech(1500), silence(1200)) == []
    async with room(ears([QUICK, "停"]), TurnTakingPreferences(barge_in="stop_words")) as user:
        user.hearing.phase = "speaking"
        notes = await user.say(silence(500), speech(600), silence(1200))
    assert kinds(notes) == ["Onset", "SpeechBegan", "Supposed", "SpeechEnded", "FinalHeard"]
    assert user.texts() == ["停"]


# ----------------------------------------------------------------------------------------------- the turn detector


@pytest.mark.parametrize(
    ("says", "silence_ms"),
    [(1.0, 304), (0.5, 750), (0.0, 1200), (EngineUnavailable("No."), 800), (HANG, 800)],
)
@on_virtual_clock
async def test_a_detector_shortens_and_lengthens_the_wait(says: float | EngineUnavailable | Pause, silence_ms: float):
    detector = Detector(says)
    scripted = ears([QUICK, "你好"])
    async with room(Ears(scripted.asr, scripted.vad, detector)) as user:
        notes = await user.say(silence(500), speech(800), silence(3000))
    ended = next(note for note in notes if isinstance(note, SpeechEnded))
    assert ended.silence_ms == pytest.approx(silence_ms, abs=64)
    [(samples, text)] = detector.asked
    assert len(samples) / HEARING_RATE == pytest.approx(0.3 + 0.8 + 0.2, abs=0.08)
    assert text == "你好"


@on_virtual_clock
async def test_a_client_may_do_without_the_detector():
    detector = Detector(1.0)
    scripted = ears([QUICK, "你好"])
    async with room(Ears(scripted.asr, scripted.vad, detector), TurnTakingPreferences(detector=False)) as user:
        await user.say(silence(500), speech(800), silence(1500))
    assert detector.asked == []
    assert user.texts() == ["你好"]


# --------------------------------------------------------------------------------------------------------- by hand


@on_virtual_clock
async def test_push_to_talk_ends_an_utterance_by_a_commit_alone():
    async with room(ears([QUICK, "你好"]), MANUAL) as user:
        notes = await user.say(silence(500), speech(900), silence(3000), speech(500))
        assert kinds(notes, partials=True) == ["PartialHeard"]
        user.commit()
        await user.wait(1)
    assert kinds(user.notes) == ["SpeechEnded", "FinalHeard"]
    assert len({note.turn_id for note in user.notes}) == 1
    assert asr_of(user).calls[-1].samples.shape == (round(4.9 * HEARING_RATE),)


@pytest.mark.parametrize("taking", [MANUAL, TurnTakingPreferences()])
@on_virtual_clock
async def test_a_commit_of_nothing_is_an_utterance_without_text(taking: TurnTakingPreferences):
    async with room(ears("你好"), taking) as user:
        user.commit()
        user.commit()
    assert user.texts() == ["", ""]
    assert asr_of(user).calls == []


@on_virtual_clock
async def test_without_a_vad_only_commits_count():
    async with room(Ears(ScriptedASR([QUICK, "你好"]))) as user:
        notes = await user.say(speech(900), silence(3000))
        assert kinds(notes) == []
        user.commit()
        await user.wait(1)
    assert user.texts() == ["你好"]


@on_virtual_clock
async def test_a_commit_ends_an_utterance_that_was_found_by_listening():
    async with room(ears([QUICK, "你好"])) as user:
        await user.say(silence(500), speech(800))
        user.commit()
        await user.wait(1)
        await user.say(silence(2000))
    assert kinds(user.notes) == ["Onset", "SpeechBegan", "SpeechEnded", "FinalHeard"]


@on_virtual_clock
async def test_what_is_cleared_is_forgotten():
    async with room(ears([QUICK, "你好"]), MANUAL) as user:
        await user.say(speech(300))
        user.notes += user.hearing.clear()
        assert user.notes == []
        user.commit()
    assert user.texts() == [""]
    async with room(ears([QUICK, "你好"])) as user:
        await user.say(silence(500), speech(800))
        user.notes += user.hearing.clear()
        await user.say(silence(2000))
    assert kinds(user.notes) == ["Onset", "SpeechBegan", "SpeechEnded", "FinalHeard"]
    assert user.texts() == [""]


@on_virtual_clock
async def test_clearing_a_suspicion_dismisses_it():
    async with room(ears([HANG])) as user:
        user.hearing.phase = "speaking"
        await user.say(silence(500), speech(300))
        notes = user.hearing.clear()
    assert kinds(notes) == ["Dismissed"]


@on_virtual_clock
async def test_a_change_to_push_to_talk_ends_what_was_begun():
    async with room(ears([QUICK, "你好"])) as user:
        await user.say(silence(500), speech(300))
        notes = user.hearing.configure(Preferences(turn_taking=MANUAL))
        assert kinds(notes) == ["SpeechEnded", "FinalHeard"]
        await user.say(speech(500))
        user.commit()
        await user.wait(1)
    assert user.texts() == ["你好"]


# ---------------------------------------------------------------------------------------------------------- faults


@on_virtual_clock
async def test_a_partial_transcript_that_fails_is_nobodys_business():
    bad = EngineUnavailable("Out of memory.")
    async with room(ears([bad], [bad], [bad], [bad], [QUICK, "你好"])) as user:
        notes = await user.say(silence(500), speech(1300), silence(1500))
    assert kinds(notes) == ["Onset", "SpeechBegan", "Supposed", "SpeechEnded", "FinalHeard"]


@on_virtual_clock
async def test_a_final_transcript_that_fails_is_tried_once_more_then_told_and_the_next_utterance_works():
    bad = EngineUnavailable("Out of memory.")
    async with room(ears([bad], [bad], [QUICK, "你好"])) as user:
        first = await user.say(silence(500), speech(300), silence(1500))
        second = await user.say(speech(300), silence(1500))
    assert kinds(first) == ["Onset", "SpeechBegan", "SpeechEnded", "HearingFailed"]
    assert len(asr_of(user).calls) == 3
    assert kinds(second)[-1] == "FinalHeard"


@on_virtual_clock
async def test_an_asr_that_hangs_is_given_up_and_the_next_utterance_works():
    options = HearingOptions(Limits(hear_s=5.0))
    async with room(ears([HANG], [QUICK, "你好"]), options=options) as user:
        await user.say(silence(500), speech(300), silence(10_000))
        assert kinds(user.notes)[-1] == "HearingFailed"
        await user.say(speech(300), silence(1500))
    assert user.texts() == ["你好"]


@on_virtual_clock
async def test_utterances_that_wait_for_an_asr_that_hangs_are_bounded():
    async with room(ears([HANG])) as user:
        for _ in range(12):
            await user.say(speech(300), silence(900))
        failed = [note for note in user.notes if isinstance(note, HearingFailed)]
    assert len(failed) == 0  # in their order, and the first still waits
    assert len(user.hearing._ended) == 12  # pyright: ignore[reportPrivateUsage]


class Broken:
    """An ASR with a bug."""

    info = ScriptedASR().info

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        raise ZeroDivisionError


@on_virtual_clock
async def test_an_asr_with_a_bug_fails_the_utterance_and_not_the_session():
    async with room(Ears(Broken(), ScriptedVAD())) as user:
        await user.say(silence(500), speech(300), silence(1500))
    assert kinds(user.notes)[-1] == "HearingFailed"


@pytest.mark.parametrize("before", [HANG, EngineUnavailable("No.")])
@on_virtual_clock
async def test_a_vad_that_fails_is_told_and_asked_again_later(before: Pause | EngineUnavailable):
    async with room(Ears(ScriptedASR("你好"), ScriptedVAD(before))) as user:
        await user.say(speech(2000 * DEAF_S + 100))
    assert kinds(user.notes) == ["HearingFailed"] * 3


@on_virtual_clock
async def test_of_an_utterance_that_has_failed_nothing_more_is_kept():
    bad = EngineUnavailable("Out of memory.")
    async with room(ears([bad])) as user:
        await user.say(speech(12_000), piece_ms=100)
        open_ = user.hearing._open  # pyright: ignore[reportPrivateUsage]
        assert open_ is not None
        assert open_.after(0) == b""
        await user.say(silence(1500))
    assert kinds(user.notes) == ["Onset", "SpeechBegan", "SpeechEnded", "HearingFailed"]


# -------------------------------------------------------------------------------------------------- whatever comes

sounds = st.lists(
    st.tuples(
        st.sampled_from(["speech", "silence", "commit", "clear", "stall", "thinking", "speaking", "listening"]),
        st.integers(20, 1500),
    ),
    max_size=8,
)
transcripts = st.lists(
    st.tuples(
        st.floats(0.01, 1.5),
        st.sampled_from(["", "嗯", "停", "你好。", "my number is 1 2 3", EngineUnavailable("No.")]),
    ),
    min_size=1,
    max_size=8,
)


def grammar(notes: Sequence[Note], *, automatic: bool) -> None:
    """That what was told of each utterance is told in its order, and that each comes to an end."""
    for turn_id in dict.fromkeys(note.turn_id for note in notes):
        told = [type(note) for note in notes if note.turn_id == turn_id]
        if told == [HearingFailed]:
            continue
        ends = [kind for kind in told if kind in (FinalHeard, HearingFailed, Dismissed)]
        assert len(ends) == 1
        assert told[-1] is ends[0]
        if ends[0] is Dismissed:
            assert told == [Onset, Dismissed]
            continue
        assert told[-2] is SpeechEnded
        assert told[:2] == [Onset, SpeechBegan] or SpeechBegan not in told
        doubts = [kind for kind in told if kind in (Supposed, Doubted)]
        assert all(one is not other for one, other in pairwise(doubts))
        if doubts and doubts[-1] is Supposed:
            *_, supposed = [note for note in notes if note.turn_id == turn_id and isinstance(note, Supposed)]
            *_, final = [note for note in notes if note.turn_id == turn_id and isinstance(note, FinalHeard)]
            assert final.utterance in (supposed.utterance, Utterance("", None))


async def play(
    sounds: list[tuple[str, int]],
    transcripts: list[tuple[float, object]],
    taking: TurnTakingPreferences,
    piece_ms: float,
) -> tuple[list[Note], Room]:
    script = [[Pause(pause), text] for pause, text in transcripts]
    async with room(ears(*script), taking) as user:
        for what, ms in sounds:
            match what:
                case "speech":
                    await user.say(speech(ms), piece_ms=piece_ms)
                case "silence":
                    await user.say(silence(ms), piece_ms=piece_ms)
                case "commit":
                    user.commit()
                case "clear":
                    user.notes += user.hearing.clear()
                case "stall":
                    await user.wait(ms / 1000)
                    user.notes += user.hearing.stalled(ms)
                case "thinking" | "speaking" | "listening":
                    user.hearing.phase = what
                case _:
                    raise AssertionError(what)
        await user.say(silence(4000), piece_ms=piece_ms)
        if not taking.automatic:
            user.commit()
        await user.wait(1000)
        return user.notes, user


@given(
    sounds=sounds,
    transcripts=transcripts,
    automatic=st.booleans(),
    barge_in=st.sampled_from(["pause", "stop_words", "never"]),
    piece_ms=st.sampled_from([20.0, 50.0, 200.0]),
)
@settings(max_examples=40, deadline=None)
@on_virtual_clock
async def test_whatever_is_said_every_utterance_is_told_in_order_and_comes_to_its_end(
    sounds: list[tuple[str, int]],
    transcripts: list[tuple[float, object]],
    automatic: bool,
    barge_in: BargeIn,
    piece_ms: float,
):
    taking = TurnTakingPreferences(automatic=automatic, barge_in=barge_in)
    notes, user = await play(sounds, transcripts, taking, piece_ms)
    grammar(notes, automatic=automatic)
    assert not user.hearing.open


@given(
    sounds=st.lists(st.tuples(st.sampled_from(["speech", "silence"]), st.integers(20, 1500)), max_size=6),
    text=st.sampled_from(["嗯", "对对", "uh-huh", ""]),
    phase=st.sampled_from(["thinking", "speaking"]),
)
@settings(max_examples=40, deadline=None)
@on_virtual_clock
async def test_a_backchannel_never_interrupts(sounds: list[tuple[str, int]], text: str, phase: str):
    notes, _ = await play([(phase, 0), *sounds], [(0.2, text)], TurnTakingPreferences(), 50.0)
    assert not any(isinstance(note, SpeechBegan) for note in notes)


@given(
    sounds=st.lists(st.tuples(st.sampled_from(["speech", "silence"]), st.integers(20, 1500)), max_size=6),
    cuts=st.lists(st.integers(1, 6400), min_size=1, max_size=30),
)
@settings(max_examples=40, deadline=None)
@on_virtual_clock
async def test_however_the_audio_is_cut_the_notes_are_the_same(sounds: list[tuple[str, int]], cuts: list[int]):
    pcm = b"".join(speech(ms) if what == "speech" else silence(ms) for what, ms in sounds) + silence(3000)

    async def told(sizes: list[int]) -> list[str]:
        async with room(Ears(ScriptedASR("你好"), ScriptedVAD())) as user:
            place = number = 0
            while place < len(pcm):
                end = min(place + 2 * sizes[number % len(sizes)], len(pcm), (place // 3200 + 1) * 3200)
                user.notes += await user.hearing.feed(pcm[place:end])
                number += 1
                place = end
                if place % 3200 == 0:  # the ASR answers every 100 ms, however the audio comes
                    await user.wait(0.001)
            await user.wait(1)
            return [_plain(note) for note in user.notes]

    assert await told(cuts) == await told([320])


def _plain(note: Note) -> str:
    """A note without its ids."""
    text = repr(note)
    for name in (note.turn_id, getattr(note, "utterance_id", note.turn_id)):
        text = text.replace(name, "id")
    return text


@given(
    sounds=st.lists(st.tuples(st.sampled_from(["speech", "silence"]), st.integers(20, 2500)), min_size=1, max_size=6),
    slow_s=st.floats(0.01, 1.2),
)
@settings(max_examples=40, deadline=None)
@on_virtual_clock
async def test_every_sample_between_pre_roll_and_end_is_heard_in_exactly_one_final(
    sounds: list[tuple[str, int]], slow_s: float
):
    pcm = b"".join(speech(ms) if what == "speech" else silence(ms) for what, ms in sounds) + silence(4000)
    asr = Listing(slow_s)
    async with room(Ears(asr, ScriptedVAD())) as user:
        await user.say(pcm, piece_ms=50)
        await user.wait(100)
    began = [note.at_ms for note in user.notes if isinstance(note, SpeechBegan)]
    ended = [note.at_ms for note in user.notes if isinstance(note, SpeechEnded)]
    finals = [note.utterance for note in user.notes if isinstance(note, FinalHeard)]
    assert len(began) == len(ended) == len(finals)
    last_ms = 0
    for start_ms, end_ms, final in zip(began, ended, finals, strict=True):
        assert start_ms >= last_ms
        assert [part.start_ms for part in final.parts][:1] == [start_ms]
        assert all(one.end_ms == other.start_ms for one, other in pairwise(final.parts))
        last_ms = final.parts[-1].end_ms
        assert last_ms >= end_ms


class Listing:
    """An ASR that always hears something, from the first to the last sample that it is given."""

    info = ScriptedASR().info

    def __init__(self, slow_s: float) -> None:
        self.slow_s = slow_s

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        await anyio.sleep(self.slow_s if math.isfinite(self.slow_s) else 0)
        return Transcript("啊", "zh")
