"""Hearing: from audio to utterances. The shell around the rules of `turn_taking`: it asks the engines.

The session's owner feeds audio and is given notes of what came of it. What takes long runs as a job in the session's
task group; its end is sent to the owner's inbox and comes back by `Hearing.settle`, so that all state is changed by one
task. There is one job of the ASR at a time: a partial transcript gives way to a final one, a final to nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

import anyio
import numpy as np
from anyio.abc import TaskGroup

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.errors import MynaError
from myna.core.events import LevelsHeard
from myna.core.ids import new_message_id, new_turn_id
from myna.core.preferences import Preferences
from myna.engines.base import ASROptions, Transcript
from myna.engines.samples import from_pcm16
from myna.session.ears import Asking, Done, Ears, HearingOptions, Job
from myna.session.meter import Meter
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
from myna.session.recognition import Recognition, Work
from myna.session.turn_taking import (
    ONSET_WINDOW_MS,
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
from myna.session.voice_activity import VoiceActivity
from myna.session.waiting import LAGS, Waiting

SHORTEST_WINDOW_S = 2.0
"""In less there may be no pause to cut at."""

UNHEARD_S = 60.0
"""Of the utterance that goes on, so much may wait for the ASR before no more audio should be fed, if it can wait."""

_PER_MS = HEARING_RATE // 1000


class Hearing:
    """Everything that is heard in one session. Belongs to the session's owner: no method is called concurrently."""

    def __init__(
        self, ears: Ears, options: HearingOptions, jobs: TaskGroup, done: Callable[[Done], Awaitable[None]]
    ) -> None:
        self._ears = ears
        self._options = options
        self._asking = Asking(ears, options.limits.hear_s, jobs, done)
        self._preferences = Preferences()
        self._rules = TurnTaking(self._preferences.turn_taking, longest_ms=options.max_utterance_s * 1000)
        self._voice = VoiceActivity(ears.vad) if ears.vad is not None else None
        self._rules.detects = ears.detector is not None
        self._pending = bytearray()  # less than a frame
        self._before = bytearray()  # in no utterance yet: what may become pre-roll
        self._place = options.missed  # up to here, in samples, all is in an utterance or before one
        self._open: Recognition | None = None
        self._ended = Waiting(options.limits.hear_s)
        self._hearing: Job | None = None
        self._detecting: Job | None = None
        self._meter: Meter | None = None
        self._language = options.language

    # --------------------------------------------------------------------------------------------- what the owner does

    @property
    def phase(self) -> Phase:
        """What the assistant does; the owner says it."""
        return self._rules.phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._rules.phase = phase

    @property
    def _automatic(self) -> bool:
        return self._voice is not None and self._preferences.turn_taking.automatic

    @property
    def heard_ms(self) -> int:
        """All the audio that was appended, in milliseconds."""
        return (self._place + len(self._pending) // BYTES_PER_SAMPLE) // _PER_MS

    @property
    def open(self) -> bool:
        """Whether somebody speaks, or seems to, and it is not over."""
        return self._automatic and self._open is not None

    def configure(self, preferences: Preferences) -> Sequence[Note]:
        """From now on hear like this. Where it changes who ends an utterance, what is not over is forgotten."""
        changes = preferences.turn_taking.automatic != self._preferences.turn_taking.automatic
        notes = self.clear() if changes else ()
        self._preferences = preferences
        self._rules.preferences = preferences.turn_taking
        if preferences.levels != (self._meter is not None):
            self._meter = Meter() if preferences.levels else None
        return notes

    @property
    def lags(self) -> bool:
        """Whether the ASR is behind by so much that audio that can wait should wait until it has caught up."""
        most = max(UNHEARD_S, 2 * self._options.decode_window_s) * HEARING_RATE
        return len(self._ended) >= LAGS or (self._open is not None and self._open.unheard > most)

    @property
    def kept_waiting(self) -> bool:
        """Whether audio is kept from it."""
        return self._options.pace.waits

    async def feed(self, pcm: bytes) -> Sequence[Note]:
        """Hear ``pcm``: 16 kHz, any number of samples."""
        if self._voice is None or not self._automatic:
            return self._collect(pcm)
        self._pending += pcm
        whole = len(self._pending) - len(self._pending) % self._voice.frame_bytes
        if not whole:
            return ()
        frames = bytes(self._pending[:whole])
        del self._pending[:whole]
        size = self._voice.frame_bytes
        probabilities, notes = await self._judge(self._voice, frames)
        if self._meter is not None:
            self._meter.hear(frames, max(probabilities))
        for number, probability in enumerate(probabilities):
            self._keep(frames[number * size : (number + 1) * size])
            frame_ms = size / BYTES_PER_SAMPLE / _PER_MS
            notes += self._act(self._rules.frame(probability, frame_ms, self._place / _PER_MS))
            self._hear_on()
        return notes

    def levels(self) -> LevelsHeard | None:
        """What meters are to show of what was fed, if that is due and the client asked for it."""
        if self._meter is None or not self._meter.due:
            return None
        return self._meter.read(self._place // _PER_MS, self._rules, automatic=self._automatic)

    def stalled(self, ms: float) -> Sequence[Note]:
        """No audio has come for ``ms``, as from a microphone behind a gate: silence, which is no audio."""
        notes = self._act(self._rules.stalled(ms))
        self._hear_on()
        return notes

    def commit(self) -> Sequence[Note]:
        """The utterance is over: all the audio that is in none that has ended.

        Where the VAD decides and has found no speech, that is no more than the pre-roll: what came before was silence.
        """
        self._keep(bytes(self._pending))
        self._pending.clear()
        notes: list[Note] = []
        if self._rules.undecided:
            notes += self._act([Meant()])
        self._rules.reset()
        recognition = self._open or self._begin(self._place)
        notes += self._end(recognition, self._place / _PER_MS, 0.0)
        self._hear_on()
        return notes

    def clear(self) -> Sequence[Note]:
        """Forget all the audio that is in no utterance that has ended. One that was begun ends as nothing."""
        notes: list[Note] = []
        recognition = self._open
        self._place += len(self._pending) // BYTES_PER_SAMPLE
        self._pending.clear()
        if recognition is not None and not recognition.began and recognition.told:
            notes.append(Dismissed(recognition.turn_id))
        elif recognition is not None and (recognition.began or recognition.draft.text):
            turn_id, utterance_id = recognition.turn_id, recognition.utterance_id
            notes.append(SpeechEnded(turn_id, utterance_id, self._place // _PER_MS, 0.0))
            notes.append(FinalHeard(turn_id, utterance_id, Utterance("", None)))
        self._leave()
        self._before.clear()
        self._rules.reset()
        return notes

    # -------------------------------------------------------------------------------------------------- audio comes in

    async def _judge(self, voice: VoiceActivity, frames: bytes) -> tuple[Sequence[float], list[Note]]:
        """The speech probabilities of ``frames``; of a VAD that fails there are none, and that is told."""
        try:
            return await voice.judge(frames, self._preferences.turn_taking.silence_rms), []
        except MynaError as error:
            nothing = [0.0] * (len(frames) // voice.frame_bytes)
            return nothing, [HearingFailed(new_turn_id(), new_message_id(), error)]

    def _keep(self, pcm: bytes) -> None:
        self._place += len(pcm) // BYTES_PER_SAMPLE
        if self._open is not None:
            self._open.append(pcm)
            return
        self._before += pcm
        needed = int((self._preferences.turn_taking.pre_roll_ms + 2 * ONSET_WINDOW_MS) * _PER_MS) * BYTES_PER_SAMPLE
        if len(self._before) > 2 * needed:
            del self._before[:-needed]

    def _collect(self, pcm: bytes) -> Sequence[Note]:
        """The client will say when an utterance is over."""
        if not pcm:
            return ()
        if self._meter is not None:
            self._meter.hear(pcm, None)
        if self._open is None:
            self._open = self._begin(self._place)
        self._keep(pcm)
        samples = from_pcm16(pcm)
        if float(np.sqrt(np.mean(np.square(samples)))) >= self._preferences.turn_taking.silence_rms:
            self._open.spoken = self._place
        if self._place - self._open.first >= self._options.max_utterance_s * HEARING_RATE:
            return self.commit()
        self._hear_on()
        return ()

    def _begin(self, onset: int) -> Recognition:
        """A new utterance, with what came before its onset."""
        first = max(onset - int(self._preferences.turn_taking.pre_roll_ms * _PER_MS), 0)
        before = b""
        if self._automatic and first < self._place:
            before = self._before[-(self._place - first) * BYTES_PER_SAMPLE :]
        recognition = Recognition(
            self._place - len(before) // BYTES_PER_SAMPLE,
            onset,
            window=int(max(self._options.decode_window_s, SHORTEST_WINDOW_S) * HEARING_RATE),
            tick=int(self._options.tick_s * HEARING_RATE),
        )
        recognition.append(before)
        self._before.clear()
        return recognition

    # ------------------------------------------------------------------------------------------- what the rules decide

    def _act(self, decisions: Sequence[Decision]) -> list[Note]:
        notes: list[Note] = []
        for decision in decisions:
            if isinstance(decision, Began):
                self._open = self._begin(round(decision.at_ms * _PER_MS))
                self._open.told = decision.told
                notes += [Onset(self._open.turn_id)] if decision.told else []
            elif self._open is not None:
                notes += self._go_on(self._open, decision)
        return notes

    def _go_on(self, open_: Recognition, decision: Meant | Dropped | Paused | Resumed | Over) -> list[Note]:
        match decision:
            case Meant():
                return self._meant(open_)
            case Dropped():
                self._before += open_.after(open_.end - len(open_.last()))
                self._leave()
                return [Dismissed(open_.turn_id)] if open_.told else []
            case Paused(at_ms):
                open_.want(self._place, round(at_ms * _PER_MS))
                self._detect(open_)
                return []
            case Resumed():
                doubted = open_.supposed
                open_.supposed = False
                open_.go_on()
                return [Doubted(open_.turn_id)] if doubted else []
            case Over(at_ms, silence_ms):
                return self._end(open_, at_ms, silence_ms)
            case _:
                assert_never(decision)

    def _meant(self, open_: Recognition) -> list[Note]:
        """Tell of an utterance, and what was held back of it."""
        notes: list[Note] = [] if open_.told else [Onset(open_.turn_id)]
        notes.append(SpeechBegan(open_.turn_id, open_.utterance_id, open_.first // _PER_MS))
        open_.told = open_.began = True
        return notes + (self._partial(open_) if open_.draft.text else []) + self._suppose(open_)

    def _partial(self, open_: Recognition) -> list[Note]:
        draft = open_.draft
        return [PartialHeard(open_.turn_id, open_.utterance_id, draft.text, draft.stable, draft.language)]

    def _suppose(self, open_: Recognition) -> list[Note]:
        if open_.final is None or not open_.final.text or not open_.began or open_.supposed:
            return []
        open_.supposed = True
        return [Supposed(open_.turn_id, open_.final)]

    def _end(self, recognition: Recognition, at_ms: float, silence_ms: float) -> list[Note]:
        """The utterance is over, and known at once if nothing was said since it was heard last."""
        notes: list[Note] = [SpeechEnded(recognition.turn_id, recognition.utterance_id, round(at_ms), silence_ms)]
        if recognition.wanted is None:
            recognition.want(recognition.end, recognition.end)
        self._before = bytearray(recognition.after(recognition.wanted or self._place))
        if self._open is recognition:
            self._open = None
        self._ended.add(recognition, live=not self._options.pace.ahead)
        return notes + self._tell()

    def _tell(self) -> list[Note]:
        return self._ended.tell(self._hearing.recognition if self._hearing is not None else None)

    def _leave(self) -> None:
        """Forget the utterance that is going on."""
        open_, self._open = self._open, None
        if self._hearing is not None and self._hearing.recognition is open_:
            self._hearing.scope.cancel()
            self._hearing = None

    # -------------------------------------------------------------------------------------------------------- the jobs

    def _hear_on(self) -> None:
        """Have the ASR do what is due."""
        running = self._hearing
        nothing_to_hear = self._open is None and not self._ended
        if nothing_to_hear or (running is not None and not running.gives_way):
            return
        for recognition in (*self._ended, *([self._open] if self._open is not None else [])):
            work = recognition.work(looks=self._looks(recognition) and running is None)
            if work is not None:
                break
        else:
            return
        if running is not None:
            if work.kind == "partial":
                return
            running.scope.cancel()
        doubted = recognition is self._open and self._rules.undecided
        likely = self._language if doubted and recognition.is_brief(work.end) else None
        options = ASROptions(
            language=recognition.draft.settled_language or self._preferences.language or likely,
            hint=self._preferences.hint,
            partial=work.kind == "partial",
            awaited=doubted,
        )
        self._hearing = self._asking.transcribe(recognition, work, options)

    def _looks(self, recognition: Recognition) -> bool:
        if self._automatic:
            return self._rules.speaking
        return recognition.spoken > recognition.looked_to

    def _detect(self, recognition: Recognition) -> None:
        """Ask whether the utterance sounds complete."""
        detector = self._ears.detector
        if detector is None or not self._preferences.turn_taking.detector:
            return
        if self._detecting is not None:
            self._detecting.scope.cancel()
        self._detecting = self._asking.detect(detector, recognition)

    def settle(self, done: Done) -> Sequence[Note]:
        """A job has ended. One that was given up meanwhile settles nothing."""
        job, result = done.job, done.result
        notes: list[Note] = []
        if job is self._detecting:
            self._detecting = None
            if self._meter is not None and isinstance(result, float):
                self._meter.detected(result, self.heard_ms)
            if job.recognition is self._open:
                notes = self._act(self._rules.completeness(result if isinstance(result, float) else None))
        elif job is self._hearing and job.work is not None and isinstance(result, Transcript | MynaError):
            self._hearing = None
            notes = self._heard(job.recognition, job.work, result)
        self._hear_on()
        return notes

    def _heard(self, recognition: Recognition, work: Work, result: Transcript | MynaError) -> list[Note]:
        over = recognition is not self._open
        changed = recognition.take(work, result, over=over)
        if (final := recognition.final) and not recognition.is_brief(recognition.spoken):
            self._language = final.language or self._language
        if over:
            recognition.waits_since = anyio.current_time() if recognition.waits_since is not None else None
            return self._tell()
        notes: list[Note] = []
        if changed and (recognition.began or not self._automatic):
            notes += self._partial(recognition)
        notes += self._suppose(recognition)
        if isinstance(result, MynaError) or not self._automatic:
            return notes
        if work.kind == "window" and recognition.final is None:  # the text is as old as the last look
            return notes
        text = recognition.draft.text if recognition.final is None else recognition.final.text
        return notes + self._act(self._rules.heard(text, work.end / _PER_MS, whole=recognition.final is not None))
