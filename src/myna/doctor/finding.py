"""What a check finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        check: What was checked, in a word or two: ``memory``, ``tts zh``.
        verdict: ``problem`` is what keeps Myna, or a part of it, from working; ``warning`` what makes it worse.
        measured: The figures, in words.
        meaning: What they mean for the user; empty where they say it themselves.
        advice: What to do; empty where nothing has to be done.
        figures: The figures for programs, with their units in their names.
        took_s: How long the check took, divided among its findings; filled in by `myna.doctor.examine`.
    """

    check: str
    verdict: Verdict
    measured: str
    meaning: str = ""
    advice: str = ""
    figures: Mapping[str, object] = field(default_factory=dict[str, object])
    took_s: float = 0.0


def worst(findings: Sequence[Finding]) -> Verdict:
    """The verdict over all of them."""
    verdicts = {finding.verdict for finding in findings}
    return "problem" if "problem" in verdicts else "warning" if "warning" in verdicts else "ok"
