from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.preferences import BargeIn, Eagerness, TurnTakingPreferences
from myna.session.turn_taking import (
    DOUBT_MS,
    ECHO_TAIL_MS,
    Began,
    Decision,
    Dropped,
    Meant,
    Over,
    Paused,
    Phase,
    Resumed,
    TurnTaking,
)

FRAME_MS = 32.0
LOUD, QUIET = 0.9, 0.0


@dataclass
class Talk:
    """Audio that goes by, frame by frame, and what was decided when."""

    rules: TurnTaking
    now_ms: float = 0.0
    decided: list[tuple[float, Decision]] = field(default_factory=list[tuple[float, Decision]])

    def frames(self, ms: float, probability: float) -> None:
        for _ in range(round(ms / FRAME_MS)):
            self.now_ms += FRAME_MS
            self.note(self.rules.frame(probability, FRAME_MS, self.now_ms))

    def speech(self, ms: float) -> None:
        self.frames(ms, LOUD)

    def silence(self, ms: float) -> None:
        self.frames(ms, QUIET)

    def note(self, decisions: Sequence[Decision]) -> None:
        self.decided += [(self.now_ms, decision) for decision in decisions]

    def hears(self, text: str, *, whole: bool = False) -> None:
        self.note(self.rules.heard(text, self.now_ms, whole=whole))

    def kinds(self) -> list[str]:
        return [type(decision).__name__ for _, decision in self.decided]

    def over(self) -> Over | None:
        return next((decision for _, decision in self.decided if isinstance(decision, Over)), None)


def talk(phase: Phase = "listening", *, detects: bool = False, **wanted: object) -> Talk:
    rules = TurnTaking(TurnTakingPreferences(**wanted), detects=detects)  # pyright: ignore[reportArgumentType]
    rules.phase = phase
    return Talk(rules)


# ------------------------------------------------------------------------------------------------------- beginning


def test_speech_begins_where_it_began_not_where_it_was_found():
    user = talk()
    user.silence(640)
    user.speech(128)
    assert user.decided == [(736, Began(640, told=True)), (736, Meant())]


def test_a_click_is_no_speech():
    user = talk()
    for _ in range(20):
        user.speech(64)
        user.silence(320)
    assert user.decided == []


def test_a_reply_is_suspended_sooner_and_for_less_probable_frames():
    listening, speaking = talk(), talk("speaking")
    for user in (listening, speaking):
        user.frames(320, 0.42)
    assert listening.decided == []
    assert speaking.decided == [(64, Began(0, told=True))]


def test_one_frame_that_surely_is_speech_suspends_a_reply():
    listening, speaking = talk(), talk("speaking")
    for user in (listening, speaking):
        user.frames(32, 0.95)
    assert listening.decided == []
    assert speaking.decided == [(32, Began(0, told=True))]


def test_within_speech_a_frame_may_be_less_probable():
    user = talk()
    user.speech(320)
    user.frames(960, 0.4)
    assert "Paused" not in user.kinds()
    user.frames(960, 0.3)
    assert "Paused" in user.kinds()


# ---------------------------------------------------------------------------------------------------------- ending


@pytest.mark.parametrize(("eagerness", "wait_ms"), [("low", 1200), ("medium", 800), ("high", 560)])
def test_a_long_silence_ends_the_utterance(eagerness: Eagerness, wait_ms: float):
    user = talk(eagerness=eagerness)
    user.speech(640)
    user.silence(2400)
    over = user.over()
    assert over is not None
    assert over.at_ms == 640
    assert wait_ms <= over.silence_ms < wait_ms + FRAME_MS
    assert user.kinds() == ["Began", "Meant", "Paused", "Over"]


def test_a_short_pause_ends_what_ends_in_sentence_punctuation():
    user = talk()
    user.speech(640)
    user.silence(224)
    user.hears("今天天气怎么样？", whole=True)
    user.silence(960)
    assert user.over() == Over(640, 320)


def test_punctuation_behind_an_older_text_ends_nothing():
    user = talk()
    user.speech(640)
    user.hears("今天天气。")
    user.speech(320)
    user.silence(700)
    assert user.over() is None


def test_with_a_detector_punctuation_ends_nothing_and_its_answer_decides():
    complete, incomplete = talk(detects=True), talk(detects=True)
    for user, probability in ((complete, 0.9), (incomplete, 0.0)):
        user.speech(640)
        user.silence(224)
        user.hears("我想。", whole=True)
        user.silence(320)
        assert user.over() is None
        user.note(user.rules.completeness(probability))
        user.silence(2400)
    assert complete.over() == Over(640, 544)
    late = incomplete.over()
    assert late is not None
    assert late.silence_ms == 1216


def test_a_detector_that_fails_leaves_it_to_the_punctuation():
    user = talk(detects=True)
    user.speech(640)
    user.silence(224)
    user.hears("你好。", whole=True)
    user.note(user.rules.completeness(None))
    user.silence(96)
    assert user.over() == Over(640, 320)


@pytest.mark.parametrize(
    "text", ["我的电话是一三八", "My number is 1 3 8", "john dot smith at", "我想要那个。", "It is because."]
)
def test_who_dictates_or_stops_in_the_midst_gets_more_time(text: str):
    user = talk()
    user.speech(640)
    user.silence(224)
    user.hears(text, whole=True)
    user.silence(896)
    assert user.over() is None
    user.silence(128)
    assert user.over() is not None


def test_a_text_that_stays_the_same_ends_the_utterance_in_noise():
    user = talk()
    user.speech(960)
    user.hears("打开灯")
    for _ in range(5):
        user.speech(320)
        user.hears("打开灯。")
    assert user.over() == Over(960, 1600)
    user.speech(1600)
    assert user.decided[-1][1] == Began(2560, told=False)
    user.hears("再见")
    assert user.kinds()[-1] == "Meant"


def test_a_text_that_stays_the_same_over_a_pause_ends_nothing():
    user = talk()
    user.speech(640)
    user.hears("4 9 8 9")
    user.silence(1024)
    user.speech(640)
    user.hears("4 9 8 9")
    assert user.over() is None


def test_an_asr_that_hangs_ends_nothing():
    user = talk()
    user.speech(640)
    user.hears("打开灯")
    user.speech(6400)
    assert user.over() is None


def test_a_noise_without_a_word_is_no_utterance_for_ever():
    user = talk()
    for _ in range(30):
        user.speech(320)
        user.hears("")
    assert user.over() is not None
    told = [decision for _, decision in user.decided if isinstance(decision, Began) and decision.told]
    assert len(told) == 1  # what goes on behind it does not begin another


def test_a_click_does_not_begin_the_silence_anew():
    user = talk()
    user.speech(640)
    user.silence(416)
    user.speech(32)
    user.silence(352)
    assert user.over() == Over(640, 800)


def test_an_utterance_does_not_end_while_somebody_goes_on():
    user = talk()
    user.speech(640)
    user.silence(768)
    user.speech(640)
    assert user.kinds() == ["Began", "Meant", "Paused", "Resumed"]


def test_an_utterance_that_is_too_long_is_over():
    user = Talk(TurnTaking(TurnTakingPreferences(), longest_ms=3200))
    user.speech(3200)
    assert user.over() == Over(3200, 0)


def test_time_without_audio_is_silence():
    user = talk()
    user.speech(640)
    user.note(user.rules.stalled(500))
    user.note(user.rules.stalled(500))
    assert user.over() == Over(640, 1000)


# ------------------------------------------------------------------------------------------------------ barging in


@pytest.mark.parametrize("phase", ["thinking", "speaking"])
@pytest.mark.parametrize("text", ["停", "等等！", "Stop!", "Oh, wait.", "等一下"])
def test_a_stop_word_interrupts_at_once(phase: Phase, text: str):
    user = talk(phase)
    user.speech(320)
    user.hears(text)
    assert user.kinds() == ["Began", "Meant"]


@pytest.mark.parametrize("phase", ["thinking", "speaking"])
@pytest.mark.parametrize("text", ["嗯", "对对对。", "Uh-huh.", "I see.", ""])
def test_a_backchannel_and_a_cough_are_dropped(phase: Phase, text: str):
    user = talk(phase)
    user.speech(640)
    user.hears(text)
    user.silence(224)
    user.hears(text, whole=True)
    user.silence(3200)
    assert user.kinds() == ["Began", "Paused", "Dropped"]


@pytest.mark.parametrize(("phase", "voiced_ms"), [("speaking", 448), ("thinking", 256)])
def test_what_an_asr_makes_of_a_short_sound_does_not_interrupt(phase: Phase, voiced_ms: float):
    user = talk(phase)
    user.speech(voiced_ms)
    user.silence(224)
    user.hears("You want it?", whole=True)
    user.silence(224)
    assert user.kinds() == ["Began", "Paused", "Dropped"]


def test_who_halts_behind_a_first_word_interrupts_all_the_same():
    user = talk("speaking")
    user.speech(320)
    user.silence(256)
    user.hears("丰富", whole=True)
    user.silence(96)
    user.speech(512)
    user.hears("丰富香港人民")
    assert user.kinds() == ["Began", "Paused", "Resumed", "Meant"]


def test_words_that_were_made_up_of_the_beginning_do_not_count_for_more_as_the_sound_goes_on():
    user = talk("speaking")
    user.speech(416)
    user.hears("So")
    user.speech(512)
    assert user.kinds() == ["Began"]
    user.silence(224)
    user.hears("Oh, okay.", whole=True)
    assert user.kinds() == ["Began", "Paused", "Dropped"]


def test_a_backchannel_is_dropped_as_soon_as_it_is_known():
    user = talk("speaking")
    user.speech(320)
    user.silence(224)
    user.hears("嗯嗯", whole=True)
    assert user.kinds() == ["Began", "Paused", "Dropped"]


def test_a_few_words_are_enough_before_the_reply_is_heard():
    user = talk("thinking")
    user.speech(448)
    user.silence(224)
    user.hears("和明天", whole=True)
    assert user.kinds() == ["Began", "Paused", "Meant"]


def test_a_sound_shorter_than_any_word_is_dropped_without_asking():
    user = talk("speaking")
    user.speech(96)
    user.silence(224)
    assert user.kinds() == ["Began", "Paused", "Dropped"]


@pytest.mark.parametrize("text", ["不对", "No!", "为什么？"])
def test_a_short_objection_interrupts(text: str):
    user = talk("speaking")
    user.speech(384)
    user.silence(224)
    user.hears(text, whole=True)
    assert user.kinds() == ["Began", "Paused", "Meant"]


def test_words_interrupt():
    user = talk("speaking")
    user.speech(480)
    user.hears("我想")
    user.speech(320)
    user.hears("我想换")
    assert user.kinds() == ["Began", "Meant"]


def test_the_beginning_of_a_backchannel_does_not_interrupt_yet():
    user = talk("speaking")
    user.speech(800)
    user.hears("ye")
    assert user.kinds() == ["Began"]
    user.hears("yesterday")
    assert user.kinds() == ["Began", "Meant"]


def test_long_speech_interrupts_without_its_text():
    user = talk("speaking")
    user.speech(1600)
    assert user.kinds() == ["Began", "Meant"]
    assert user.decided[-1][0] == 1216


def test_a_noise_that_an_asr_finds_no_words_in_is_dropped_and_pauses_nothing_more():
    user = talk("speaking")
    for _ in range(30):
        user.speech(320)
        user.hears("")
    assert user.kinds()[:2] == ["Began", "Dropped"]
    assert user.decided[1][0] <= DOUBT_MS + FRAME_MS
    assert not any(decision.told for _, decision in user.decided[2:] if isinstance(decision, Began))
    assert "Meant" not in user.kinds()
    user.hears("等等")
    assert user.kinds()[-1] == "Meant"
    user.rules.reset()
    user.silence(640)
    user.speech(128)
    assert user.decided[-1][1] == Began(user.now_ms - 128, told=True)


def test_short_speech_whose_text_never_comes_is_dropped_and_longer_one_meant():
    short, longer = talk("speaking"), talk("speaking")
    short.speech(320)
    longer.speech(800)
    for user in (short, longer):
        user.silence(3200)
    assert short.kinds() == ["Began", "Paused", "Dropped"]
    assert longer.kinds() == ["Began", "Paused", "Meant", "Over"]


def test_where_only_stop_words_interrupt_nothing_else_pauses():
    user = talk("speaking", barge_in="stop_words")
    user.speech(1600)
    user.hears("我想知道明天的天气")
    user.silence(224)
    user.hears("我想知道明天的天气", whole=True)
    user.silence(960)
    user.speech(320)
    user.hears("停")
    assert [type(d).__name__ for _, d in user.decided if not isinstance(d, Paused)] == [
        "Began",
        "Dropped",
        "Began",
        "Meant",
    ]
    assert not any(decision.told for _, decision in user.decided if isinstance(decision, Began))


def test_the_tail_of_an_echo_is_no_utterance():
    user = talk("speaking", barge_in="stop_words")
    user.speech(640)
    user.rules.phase = "listening"
    user.speech(ECHO_TAIL_MS - 12)
    user.silence(960)
    assert "Meant" not in user.kinds()
    user.speech(160)
    assert user.kinds()[-1] == "Meant"


def test_where_nothing_interrupts_speech_is_an_utterance_of_its_own():
    user = talk("speaking", barge_in="never")
    user.speech(320)
    user.silence(960)
    assert user.kinds() == ["Began", "Meant", "Paused", "Over"]


def test_when_the_reply_has_ended_a_suspicion_is_an_utterance():
    user = talk("speaking")
    user.speech(320)
    user.rules.phase = "listening"
    user.silence(32)
    assert user.kinds() == ["Began", "Meant"]


# -------------------------------------------------------------------------------------------------- whatever comes

AFTER: dict[type[Decision] | None, tuple[type[Decision], ...]] = {
    None: (Began,),
    Began: (Meant, Dropped, Paused),
    Meant: (Paused, Resumed, Over),
    Paused: (Resumed, Meant, Dropped, Over),
    Resumed: (Paused, Meant, Dropped, Over),
    Dropped: (Began,),
    Over: (Began,),
}


@dataclass(frozen=True)
class Frames:
    number: int
    probability: float


@dataclass(frozen=True)
class Heard:
    text: str
    whole: bool


@dataclass(frozen=True)
class Judged:
    probability: float | None


@dataclass(frozen=True)
class Stalled:
    ms: float


Happening: TypeAlias = Frames | Heard | Judged | Stalled | Phase

happenings = st.one_of(
    st.builds(Frames, st.integers(1, 80), st.floats(0, 1)),
    st.builds(Heard, st.sampled_from(["", "嗯", "停", "你好。", "my number is 1 2 3", "一二三"]), st.booleans()),
    st.builds(Judged, st.one_of(st.none(), st.floats(0, 1))),
    st.builds(Stalled, st.floats(0, 3000)),
    st.sampled_from(["listening", "thinking", "speaking"]),
)


@given(
    happenings=st.lists(happenings, max_size=40),
    barge_in=st.sampled_from(["pause", "stop_words", "never"]),
    detects=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_decisions_follow_each_other_and_hearing_comes_to_rest(
    happenings: list[Happening], barge_in: BargeIn, detects: bool
):
    user = talk(barge_in=barge_in, detects=detects)
    for happening in happenings:
        match happening:
            case Frames(number, probability):
                doubted_ms = 0.0
                for _ in range(number):
                    user.frames(FRAME_MS, probability)
                    doubted_ms = doubted_ms + FRAME_MS if user.rules.undecided else 0.0
                    assert doubted_ms <= DOUBT_MS + FRAME_MS
            case Heard(text, whole):
                user.hears(text, whole=whole)
            case Judged(probability):
                user.note(user.rules.completeness(probability))
            case Stalled(ms):
                user.note(user.rules.stalled(ms))
            case phase:
                user.rules.phase = phase
    user.silence(DOUBT_MS + 3200)
    before: type[Decision] | None = None
    for _, decision in user.decided:
        assert type(decision) in AFTER[before], user.kinds()
        before = type(decision)
    assert before in (None, Dropped, Over)
    assert not user.rules.undecided
    assert not user.rules.speaking
