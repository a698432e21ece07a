"""The part of a reply that was really heard: what history keeps after an interruption."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from myna.core.reply import Segment
from myna.text.characters import CJK
from myna.text.speakable import speakable

ROUNDING_MS = 20
"""A segment counts as whole when no more than this is missing: clients report whole milliseconds, or whole frames."""

_WORD = re.compile(rf"\s*(?:[^\w\s]*[{CJK}]|[^\s{CJK}]+)[^\w\s“‘「『（《【(\[]*")


class Mark(Protocol):
    """At ``time_ms`` of a segment's audio, the characters of its speech text before ``offset`` have been spoken."""

    @property
    def offset(self) -> int: ...  # noqa: D102 - the class says it

    @property
    def time_ms(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Spoken:
    """A segment whose audio was sent.

    Attributes:
        duration_ms: How long its audio is, as far as it is known.
        marks: Which character is spoken when, if the TTS told. In order.
        whole: All of its audio is known.
        voiced_ms: Where in it the first sound begins and the last one ends; None: it sounds all the time.
    """

    segment: Segment
    duration_ms: float
    marks: tuple[Mark, ...] = ()
    whole: bool = True
    voiced_ms: tuple[float, float] | None = None


def heard_prefix(spoken: Iterable[Spoken], played_ms: float) -> str:
    """The beginning of the display text that was heard when ``played_ms`` of the audio had been played.

    Segments that were played whole, and of the one after them the whole words (in Chinese, characters) up to the last
    mark; without marks, in proportion to the time in which it sounds.
    """
    heard = ""
    left_ms = played_ms
    for one in spoken:
        if left_ms <= 0:
            break
        if not one.whole or left_ms < one.duration_ms - ROUNDING_MS:
            return heard + _heard_of(one, left_ms)
        heard += one.segment.display
        left_ms -= one.duration_ms
    return heard


def _heard_of(spoken: Spoken, played_ms: float) -> str:
    speech = spoken.segment.speech
    if spoken.marks:
        said = _sounds(speech[: max((mark.offset for mark in spoken.marks if mark.time_ms <= played_ms), default=0)])
    else:
        begin_ms, end_ms = spoken.voiced_ms or (0.0, spoken.duration_ms)
        part = (played_ms - begin_ms) / max(end_ms - begin_ms, 1.0)
        said = int(_sounds(speech) * min(max(part, 0.0), 1.0))
    if said == 0:
        return ""
    display = spoken.segment.display
    ends = [word.end() for word in _WORD.finditer(display)]
    # Where a text is cut in the midst of markup its sounds may be off by some; the result is a prefix all the same.
    last = bisect_right(ends, said, key=lambda end: _sounds(speakable(display[:end])))
    return display[: ends[last - 1]] if last else ""


def _sounds(speech: str) -> int:
    """How many characters of ``speech`` are heard as something."""
    return sum(map(str.isalnum, speech))
