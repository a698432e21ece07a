"""When somebody begins to speak, whether it is meant for us, and when it is over. Pure.

It is fed with frames of audio and with what becomes known of them, and answers with decisions. It counts milliseconds
of audio (and of `TurnTaking.stalled` time, in which none came) and reads no clock.

::

    Began ─► Meant ─► Paused ─► Resumed ─► Paused … ─► Over
      └────► Dropped

``Meant`` follows at once where nothing is thought out or spoken. Elsewhere `Began` is only a suspicion, which the text,
or in its place the length of the speech, confirms or drops (``_verdict``).
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from myna.core.preferences import Eagerness, TurnTakingPreferences
from myna.text.backchannels import is_backchannel, is_clause, is_objection, is_stop, letters, may_be_backchannel
from myna.text.endings import dictates, ends_sentence, is_open

Phase: TypeAlias = Literal["listening", "thinking", "speaking"]
"""What the assistant does: nothing, or a reply is thought out, or spoken."""

ONSET_MS = 96
ONSET_WINDOW_MS = 192
"""Speech begins with `ONSET_MS` of it within `ONSET_WINDOW_MS`; a click is shorter."""

SUSPICION_MS = 64
SUSPICION = 0.2
SURELY = 0.8
"""While a reply runs so much will do, of frames that are so much less probable, or one frame that surely is speech: it
is only a suspicion, and has to pause the reply before anybody is annoyed. Nineteen of twenty interruptions are noticed
in 112 ms so, and in 153 with 0.1 and two frames always. Of 92 other sounds 56 pause a reply, and not 52."""

HYSTERESIS = 0.15
"""Within speech a frame may be so much less probable; from Silero's own ``VADIterator``."""

RETURN_MS = 64
"""So much speech in one piece ends a silence."""

SUPPOSED_MS = 200
"""From this silence on it is worth finding out what was said, and whether it sounds complete."""

WORDLESS_MS = 4000
"""Sound that goes on for so long without a word in it is not speech."""

DOUBT_MS = 2000
"""The longest that a reply is paused for a suspicion."""

MEANT_MS = 1200
"""So much speech whose text is not known is meant."""

BRIEF_MS = 720
"""In speech shorter than this an ASR hears words where nobody said any: of 嗯, 好的, uh-huh and coughs it makes whole
sentences. While a reply is spoken only calls to stop, objections and clauses count in it."""

OBJECTION_MS = 320
"""In speech shorter than this even those are made up, but for calls to stop."""

CLAUSE_MS = 480
"""Three words or four Chinese characters need so long; the sentences that are made up are said in less."""

WORD_MS = 128
"""No word is shorter than this."""

GOES_ON_MS = 400
"""Few words that do not suffice are dropped in such a silence, not sooner: speakers halt behind a first word."""

PATIENCE = 1.5
"""So many times ``end_silence_ms`` is waited for who dictates, or does not sound as if they had ended at all."""

EAGERNESS: dict[Eagerness, float] = {"low": 1.5, "medium": 1.0, "high": 0.7}
"""What every silence that ends an utterance is multiplied by."""

ECHO_TAIL_MS = 300
"""For so long after a reply a client without echo cancellation still hears it."""


@dataclass(frozen=True, slots=True)
class Began:
    """There is speech, since ``at_ms``. ``told``: whether it is worth pausing for, before more is known."""

    at_ms: float
    told: bool


@dataclass(frozen=True, slots=True)
class Meant:
    """The speech is an utterance."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The speech was none, or a backchannel."""


@dataclass(frozen=True, slots=True)
class Paused:
    """There is a silence since ``at_ms``: what was said so far may be all."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The silence was a pause."""


@dataclass(frozen=True, slots=True)
class Over:
    """The utterance is over: its last speech ended at ``at_ms``, ``silence_ms`` ago."""

    at_ms: float
    silence_ms: float


Decision: TypeAlias = Began | Meant | Dropped | Paused | Resumed | Over


@dataclass(slots=True)
class _Speech:
    began_ms: float
    ended_ms: float
    told: bool
    wordless: bool = False  # a sound that goes on behind one that was dropped: only words make it an utterance
    meant: bool = False
    paused: bool = False
    elapsed_ms: float = 0.0
    voiced_ms: float = 0.0
    silence_ms: float = 0.0
    returning_ms: float = 0.0
    text: str = ""
    known_ms: float | None = None  # up to where the text is known
    changed_ms: float = 0.0  # since when it is this text
    whole: bool = False  # the text is of all that was said
    completeness: float | None = None
    asked: bool = False  # the detector has not answered yet


@dataclass(slots=True)
class TurnTaking:
    """The rules. Every method gives the decisions that follow from what it was told.

    Attributes:
        preferences: May be changed at any time.
        detects: Whether `completeness` will be told for every pause.
        longest_ms: An utterance that is longer is over.
        phase: What the assistant does now; set by the owner.
    """

    preferences: TurnTakingPreferences
    detects: bool = False
    longest_ms: float = 1_800_000.0
    _phase: Phase = "listening"
    _speech: _Speech | None = None
    _voiced: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])
    _deaf_ms: float = 0.0
    _wordless: bool = False

    @property
    def phase(self) -> Phase:
        """What the assistant does now."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        if phase == "listening" and self._phase == "speaking" and self.preferences.barge_in == "stop_words":
            self._deaf_ms = ECHO_TAIL_MS
        self._phase = phase

    @property
    def undecided(self) -> bool:
        """Whether there is speech of which it is not known yet if it is meant."""
        return self._speech is not None and not self._speech.meant

    @property
    def speaking(self) -> bool:
        """Whether the user speaks right now."""
        return self._speech is not None and not self._speech.silence_ms

    @property
    def waiting(self) -> tuple[float, float] | None:
        """The silence that lasts within speech, and the one that would end the utterance as things are."""
        if self._speech is None or not self._speech.silence_ms:
            return None
        return self._speech.silence_ms, self._wait_ms(self._speech)

    def reset(self) -> None:
        """Forget the utterance: somebody else has ended it."""
        self._speech = None
        self._voiced.clear()

    # ------------------------------------------------------------------------------------------------- what it is told

    def frame(self, probability: float, frame_ms: float, end_ms: float) -> list[Decision]:
        """A frame of ``frame_ms`` that ends at ``end_ms`` of all the audio is speech with this probability."""
        if self._deaf_ms > 0:
            self._deaf_ms -= frame_ms
            probability = 0.0
            if self._speech is not None and not self._speech.meant:
                return self._drop()
        if self._speech is None:
            return self._await_onset(probability, frame_ms, end_ms)
        decisions = self._follow(self._speech, probability, frame_ms, end_ms)
        return decisions + self._conclude()

    def stalled(self, ms: float) -> list[Decision]:
        """No audio came for ``ms``, which counts as silence."""
        speech = self._speech
        if speech is None:
            self._voiced.clear()
            return []
        return self._hush(speech, ms) + self._conclude()

    def heard(self, text: str, until_ms: float, *, whole: bool) -> list[Decision]:
        """The speech up to ``until_ms`` says ``text``; ``whole`` if that is all of it, and silence has followed."""
        speech = self._speech
        if speech is None:
            return []
        if speech.known_ms is None or letters(text) != letters(speech.text):
            speech.changed_ms = until_ms
        speech.text, speech.known_ms, speech.whole = text, until_ms, whole and speech.paused
        return self._conclude()

    def completeness(self, probability: float | None) -> list[Decision]:
        """How probable it is that the utterance is complete at this pause; None if nobody can tell."""
        if self._speech is None or not self._speech.paused:
            return []
        self._speech.completeness, self._speech.asked = probability, False
        return self._conclude()

    # ------------------------------------------------------------------------------------------------------- beginning

    def _await_onset(self, probability: float, frame_ms: float, end_ms: float) -> list[Decision]:
        if probability < self.preferences.speech_threshold - (SUSPICION if self._doubts else 0):
            while self._voiced and self._voiced[0][0] <= end_ms - ONSET_WINDOW_MS:
                self._voiced.popleft()
            if not self._voiced:
                self._wordless = False
            return []
        self._voiced.append((end_ms - frame_ms, frame_ms))
        while self._voiced[0][0] <= end_ms - ONSET_WINDOW_MS:
            self._voiced.popleft()
        voiced_ms = sum(ms for _, ms in self._voiced)
        if voiced_ms < (SUSPICION_MS if self._doubts else ONSET_MS) and not (self._doubts and probability >= SURELY):
            return []
        told = not self._wordless and not (self._doubts and self.preferences.barge_in == "stop_words")
        speech = _Speech(self._voiced[0][0], end_ms, told, self._wordless, elapsed_ms=end_ms - self._voiced[0][0])
        speech.voiced_ms, speech.changed_ms = voiced_ms, end_ms
        self._speech = speech
        self._voiced.clear()
        return [Began(speech.began_ms, told), *self._conclude()]

    @property
    def _doubts(self) -> bool:
        return self._phase != "listening" and self.preferences.barge_in != "never"

    # -------------------------------------------------------------------------------------------------------- going on

    def _follow(self, speech: _Speech, probability: float, frame_ms: float, end_ms: float) -> list[Decision]:
        threshold = self.preferences.speech_threshold
        if speech.silence_ms == 0:
            if probability < threshold - HYSTERESIS:
                return self._hush(speech, frame_ms)
            speech.voiced_ms += frame_ms
        else:
            if probability < threshold:
                return self._hush(speech, frame_ms)
            speech.returning_ms += frame_ms
            if speech.returning_ms < RETURN_MS:
                speech.silence_ms += frame_ms
                speech.elapsed_ms += frame_ms
                return []
            speech.voiced_ms += speech.returning_ms
            speech.silence_ms = speech.returning_ms = 0.0
            speech.changed_ms = max(speech.changed_ms, end_ms)  # in a silence no text changes
        speech.elapsed_ms += frame_ms
        speech.ended_ms = end_ms
        return self._resume(speech)

    def _hush(self, speech: _Speech, ms: float) -> list[Decision]:
        speech.elapsed_ms += ms
        speech.silence_ms += ms
        speech.returning_ms = 0.0
        if speech.paused or speech.silence_ms < SUPPOSED_MS:
            return []
        speech.paused = True
        speech.completeness, speech.asked = None, self.detects and self.preferences.detector
        return [Paused(speech.ended_ms)]

    def _resume(self, speech: _Speech) -> list[Decision]:
        if not speech.paused:
            return []
        speech.paused = speech.whole = speech.asked = False
        speech.completeness = None
        return [Resumed()]

    # ---------------------------------------------------------------------------------------------------------- ending

    def _conclude(self) -> list[Decision]:
        speech = self._speech
        if speech is None:
            return []
        decisions: list[Decision] = []
        if not speech.meant:
            match self._verdict(speech):
                case None:
                    return []
                case False:
                    return self._drop()
                case True:
                    speech.meant = True
                    decisions.append(Meant())
        if not speech.returning_ms and (over := self._over(speech)):
            self._wordless = not speech.silence_ms
            self.reset()
            decisions.append(over)
        return decisions

    def _drop(self) -> list[Decision]:
        speech = self._speech
        self._wordless = speech is not None and not speech.silence_ms
        self.reset()
        return [Dropped()]

    def _verdict(self, speech: _Speech) -> bool | None:
        """Whether the speech is meant; None as long as that cannot be said."""
        if not (self._doubts or speech.wordless) or is_stop(speech.text):
            return True
        if self._doubts and speech.paused and speech.voiced_ms < WORD_MS:
            return False
        last = speech.whole or speech.elapsed_ms >= DOUBT_MS
        if self._doubts and self.preferences.barge_in == "stop_words":
            return False if last else None
        if speech.text and self._says_something(speech, last=last):
            return True
        if last and speech.text and speech.elapsed_ms < DOUBT_MS and not is_backchannel(speech.text):
            last = speech.silence_ms >= GOES_ON_MS
        unknown_ms = speech.voiced_ms if speech.known_ms is None else speech.ended_ms - speech.known_ms
        if speech.wordless or unknown_ms < (BRIEF_MS if last and speech.known_ms is None else MEANT_MS):
            return False if last else None
        return True

    def _says_something(self, speech: _Speech, *, last: bool) -> bool:
        if not self._doubts:
            return True
        if is_backchannel(speech.text) or (not last and may_be_backchannel(speech.text)):
            return False
        if self._phase == "thinking":  # nothing is heard yet, so little is lost, and who was not done says little
            return speech.voiced_ms >= OBJECTION_MS
        heard_ms = min(speech.voiced_ms, (speech.known_ms or speech.ended_ms) - speech.began_ms)  # by the ASR
        if heard_ms >= BRIEF_MS or not last:
            return heard_ms >= BRIEF_MS
        objects = speech.voiced_ms >= OBJECTION_MS and is_objection(speech.text)
        return objects or (speech.voiced_ms >= CLAUSE_MS and is_clause(speech.text))

    def _over(self, speech: _Speech) -> Over | None:
        if speech.elapsed_ms >= self.longest_ms:
            return Over(speech.ended_ms, speech.silence_ms)
        if speech.silence_ms and speech.silence_ms >= self._wait_ms(speech):
            return Over(speech.ended_ms, speech.silence_ms)
        if speech.known_ms is None:
            return None
        same_ms = speech.known_ms - speech.changed_ms
        stable_ms = self.preferences.stable_nochange_ms if speech.text else WORDLESS_MS
        if same_ms >= stable_ms * EAGERNESS[self.preferences.eagerness]:
            return Over(speech.changed_ms, speech.elapsed_ms - (speech.changed_ms - speech.began_ms))
        return None

    def _wait_ms(self, speech: _Speech) -> float:
        """The silence that ends the utterance, as far as it is known."""
        wanted = self.preferences
        if wanted.short_pause_ms >= wanted.end_silence_ms:  # silence alone is to decide
            return EAGERNESS[wanted.eagerness] * wanted.end_silence_ms
        longest_ms = PATIENCE * wanted.end_silence_ms
        if dictates(speech.text) or is_open(speech.text):
            wait_ms = longest_ms
        elif speech.completeness is not None:
            wait_ms = longest_ms + (wanted.short_pause_ms - longest_ms) * speech.completeness
        elif speech.asked or not speech.whole or not ends_sentence(speech.text):
            wait_ms = wanted.end_silence_ms
        else:
            wait_ms = wanted.short_pause_ms
        wait_ms = min(wait_ms, max(wanted.end_silence_ms, wanted.stable_nochange_ms))
        return EAGERNESS[wanted.eagerness] * wait_ms
