"""A scripted ASR."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from myna.core.audio import HEARING_RATE
from myna.core.errors import MynaError
from myna.engines.base import ASRInfo, ASROptions, Samples, Transcript, TranscriptSegment
from myna.testing.llm import Pause

Step: TypeAlias = str | Transcript | Pause | MynaError
"""What a call does next: take its time, or end with a text, a whole transcript or a failure."""


@dataclass(frozen=True, slots=True)
class ScriptedHearing:
    """A call that came."""

    samples: Samples
    options: ASROptions


class ScriptedASR:
    """Hears what it was told: each call the next transcript, and the last one from then on; nothing in no samples.

    Waits by the event loop's clock, so a virtual clock makes them short.

    ::

        asr = ScriptedASR("你好", [Pause(0.3), "今天天气怎么样"], [HANG], EngineUnavailable("No memory."))

    Attributes:
        calls: What was asked, in order.
    """

    def __init__(self, *hearings: Step | Sequence[Step], language: str = "zh") -> None:
        self._hearings: list[Sequence[Step]] = [
            hearing if isinstance(hearing, Sequence) and not isinstance(hearing, str) else [hearing]
            for hearing in hearings
        ] or [[]]
        self._language = language
        self.calls: list[ScriptedHearing] = []

    @property
    def info(self) -> ASRInfo:
        """A model of that name, for any language."""
        return ASRInfo(model="scripted", sample_rate=HEARING_RATE, languages=frozenset(), word_times=False)

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        """Play the next call."""
        script = self._hearings[min(len(self.calls), len(self._hearings) - 1)]
        self.calls.append(ScriptedHearing(samples, options))
        for step in script if len(samples) else ():
            match step:
                case Pause():
                    await step.wait()
                case MynaError():
                    raise step
                case Transcript():
                    return step
                case str():
                    return self._whole(step, len(samples), options)
        return Transcript("", None)

    def _whole(self, text: str, samples: int, options: ASROptions) -> Transcript:
        segment = TranscriptSegment(text, 0.0, samples / HEARING_RATE)
        return Transcript(text, options.language or self._language, (segment,)) if text else Transcript("", None)
