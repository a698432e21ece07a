"""One utterance while it is heard: its audio, and what has to be heard of it next. Awaits nothing.

A long utterance is heard in windows. When its rest, of which nothing is settled, has grown longer than a window, it is
cut at its quietest place; what is before the cut is heard at full quality, once, and its audio dropped. So what is left
to hear at the end is short, and no audio is heard in two finals.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.errors import MynaError
from myna.core.ids import MessageId, TurnId, new_message_id, new_turn_id
from myna.engines.base import Samples, Transcript
from myna.engines.samples import from_pcm16
from myna.session.notes import Utterance
from myna.session.transcripts import Draft

Kind: TypeAlias = Literal["partial", "window", "final"]

DETECTED_S = 8
"""What a turn detector is given, in seconds: all that Smart Turn takes."""

FIRST_LOOK_S = 0.4
"""In less speech there is hardly a word."""

BRIEF_S = 1.2
"""The language of so little speech is a guess. Of 18 Chinese backchannels that were spoken over a reply Whisper took 4
for English, and made "No", "Enough" and "What?" of them. When it is told that they are Chinese nothing of that is left,
and "stop" and "wait" are heard all the same."""

_STEP = HEARING_RATE // 50
_SMOOTH = 15  # steps: 0.3 s
_NOTHING = Transcript("", None)


@dataclass(frozen=True, slots=True)
class Work:
    """What an ASR has to hear next: the samples from ``first`` to ``end`` of all the audio."""

    kind: Kind
    first: int
    end: int


@dataclass(slots=True)
class Recognition:
    """An utterance that is heard. Places are samples, counted in all the audio of the session.

    Attributes:
        first: Where it begins, pre-roll included.
        onset: Where its speech begins.
        window: How much may be heard at a time, in samples.
        tick: How much new audio a partial transcript waits for.
        told: Its onset was told.
        began: That it is an utterance was told.
        supposed: What it is supposed to be was told, and not doubted since.
        spoken: Where its last speech ended.
        wanted: A final transcript is wanted up to here.
        final: That transcript.
        failed: Why there will be none.
        looked_to: How far the ASR has looked.
        waits_since: When it was over, or a window of it was heard since, by the event loop's clock; None: it goes on,
            or it is of a recording, for which nobody waits.
    """

    first: int
    onset: int
    window: int
    tick: int
    turn_id: TurnId = field(default_factory=new_turn_id)
    utterance_id: MessageId = field(default_factory=new_message_id)
    draft: Draft = field(default_factory=Draft)
    told: bool = False
    began: bool = False
    supposed: bool = False
    spoken: int = 0
    wanted: int | None = None
    final: Utterance | None = None
    failed: MynaError | None = None
    looked_to: int = 0
    waits_since: float | None = None
    _audio: bytearray = field(default_factory=bytearray)
    _kept: int = 0  # the first sample that is still there
    _rest: int = 0  # from here on nothing is settled

    def __post_init__(self) -> None:
        self._kept = self._rest = self.first
        self.looked_to = self.onset

    @property
    def end(self) -> int:
        """Where its audio ends."""
        return self._kept + len(self._audio) // BYTES_PER_SAMPLE

    @property
    def unheard(self) -> int:
        """So many samples are not settled."""
        return max(self.end - self._rest, 0)

    def is_brief(self, end: int) -> bool:
        """Whether what is spoken up to ``end`` is too short to tell its language by."""
        return end - self.onset < BRIEF_S * HEARING_RATE

    def waited_s(self, now: float) -> float:
        """How long somebody has waited, and nothing of it was heard."""
        return 0.0 if self.waits_since is None else now - self.waits_since

    def append(self, pcm: bytes | bytearray) -> None:
        """More of it; in vain if it has failed."""
        if self.failed is None:
            self._audio += pcm

    def samples(self, first: int, end: int) -> Samples:
        """A stretch of its audio, as far as it is still there."""
        first = max(first - self._kept, 0) * BYTES_PER_SAMPLE
        return from_pcm16(self._audio[first : (end - self._kept) * BYTES_PER_SAMPLE])

    def after(self, place: int) -> bytes:
        """What follows ``place``, as PCM."""
        return bytes(self._audio[max(place - self._kept, 0) * BYTES_PER_SAMPLE :])

    def last(self) -> Samples:
        """What a turn detector is given."""
        return self.samples(self.end - DETECTED_S * HEARING_RATE, self.end)

    # ----------------------------------------------------------------------------------------------- what to hear next

    def work(self, *, looks: bool) -> Work | None:
        """What has to be heard next, if anything; partial transcripts only if somebody ``looks``."""
        if self.failed is not None or self.final is not None:
            return None
        until = self.end if self.wanted is None else self.wanted
        if until - self._rest > self.window:
            return Work("window", self._rest, self._cut(until))
        if self.wanted is not None:
            return Work("final", self._rest, self.wanted)
        if looks and self.end - self.looked_to >= self.tick and self.end - self.onset >= FIRST_LOOK_S * HEARING_RATE:
            return Work("partial", self._rest, self.end)
        return None

    def want(self, end: int, spoken: int) -> None:
        """What was said up to ``end`` has to be known; the last speech in it ended at ``spoken``."""
        self.wanted, self.spoken = end, spoken
        self.final = None
        if spoken <= self._rest:  # all of it is settled
            self.final = self.draft.utterance(_NOTHING, self._rest, end)

    def go_on(self) -> None:
        """There was more to come."""
        self.wanted = self.final = None

    def _cut(self, until: int) -> int:
        """The quietest place in the second half of the window that begins with the rest."""
        samples = self.samples(self._rest, min(self._rest + self.window, until))
        steps = np.square(samples[: len(samples) // _STEP * _STEP]).reshape(-1, _STEP).sum(axis=1)
        loudness = np.convolve(steps, np.ones(_SMOOTH), "same")
        half = len(loudness) // 2
        quietest = half + int(np.argmin(loudness[half : len(loudness) - _SMOOTH // 2]))
        return self._rest + quietest * _STEP

    # -------------------------------------------------------------------------------------------------- what was heard

    def take(self, work: Work, result: Transcript | MynaError, *, over: bool) -> bool:
        """What came of ``work``; ``over``: the utterance is. Whether the text is another one now."""
        whole = self.wanted == work.end
        if isinstance(result, MynaError):
            if work.kind == "window" or (work.kind == "final" and over):
                self.fail(result)
            elif work.kind == "final" and whole:
                self.go_on()  # asked again when it is over
            else:
                self.looked(work, None)
        elif work.kind == "window":
            self.settle(work, result)
        elif work.kind == "final" and whole:
            return self.close(work, result)
        else:
            return self.looked(work, result)
        return False

    def looked(self, work: Work, transcript: Transcript | None) -> bool:
        """A look has found this, or failed. Whether the text is another one now."""
        self.looked_to = max(self.looked_to, work.end)
        if transcript is None or work.first != self._rest:
            return False
        return self.draft.propose(transcript)

    def settle(self, work: Work, transcript: Transcript) -> None:
        """A window says this, for good: its audio is not heard again."""
        self.draft.settle(transcript, work.first, work.end)
        self._rest = work.end
        keep = min(self._rest, self.end - DETECTED_S * HEARING_RATE)
        if keep > self._kept:
            del self._audio[: (keep - self._kept) * BYTES_PER_SAMPLE]
            self._kept = keep
        if self.wanted is not None and self.spoken <= self._rest:
            self.final = self.draft.utterance(_NOTHING, self._rest, self.wanted)

    def close(self, work: Work, transcript: Transcript) -> bool:
        """The rest says this, if nothing follows. Whether the text is another one now."""
        self.looked_to = max(self.looked_to, work.end)
        self.final = self.draft.utterance(transcript, work.first, work.end)
        return self.draft.propose(transcript)

    def give_up(self, error: MynaError) -> None:
        """Wait no longer for its text, if that is not known yet."""
        if self.final is None and self.failed is None:
            self.fail(error)

    def fail(self, error: MynaError) -> None:
        """It cannot be known what was said: nothing more is kept of it."""
        self.failed = error
        self._audio.clear()
