"""A scripted turn detector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from myna.core.audio import HEARING_RATE
from myna.core.errors import MynaError
from myna.engines.base import Samples
from myna.testing.llm import Pause

Step: TypeAlias = float | Pause | MynaError
"""What a call does next: take its time, or end with a probability or a failure."""


@dataclass(frozen=True, slots=True)
class ScriptedJudgement:
    """A call that came."""

    samples: Samples
    text: str


class ScriptedTurnDetector:
    """Judges as it was told: each call the next script, and the last one from then on.

    Waits by the event loop's clock, so a virtual clock makes them short. A script without a probability, and none at
    all, end with 1.

    ::

        detector = ScriptedTurnDetector(0.1, [Pause(0.05), 0.9], [HANG], EngineUnavailable("Gone."))

    Attributes:
        calls: What was asked, in order.
    """

    sample_rate = HEARING_RATE

    def __init__(self, *judgements: Step | Sequence[Step]) -> None:
        self._judgements: list[Sequence[Step]] = [
            judgement if isinstance(judgement, Sequence) else [judgement] for judgement in judgements
        ] or [[]]
        self.calls: list[ScriptedJudgement] = []

    async def completeness(self, samples: Samples, text: str) -> float:
        """Play the next call."""
        script = self._judgements[min(len(self.calls), len(self._judgements) - 1)]
        self.calls.append(ScriptedJudgement(samples, text))
        for step in script:
            match step:
                case Pause():
                    await step.wait()
                case MynaError():
                    raise step
                case float() | int():
                    return step
        return 1.0
