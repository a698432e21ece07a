"""Where long audio is cut for a recogniser that hears a bounded window at a time. Pure: speech probabilities in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AUDIBLE = 0.2
"""From this probability on, a frame may be speech.

Of 724 noises, sounds and pieces of music 603 stay below it in every frame, of 420 utterances,
mostly of one word and some very quiet, two do.
"""

MARGIN_S = 0.5
PAUSE_S = 3.0
"""In a silence this long nothing is decoded: recognisers make things up there."""

_SMOOTH_S = 0.3


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of audio, in frames: ``first`` is in it, ``end`` is not."""

    first: int
    end: int


def speech_windows(probabilities: NDArray[np.float32], frame_s: float, longest_s: float) -> Sequence[Window]:
    """The stretches that may hold speech, in order, apart from each other, each at most ``longest_s`` long.

    Every audible frame is in one of them. What is too long is cut at its quietest place.

    Args:
        probabilities: Of speech, for each frame, shape ``(n,)``.
        frame_s: How long a frame is, in seconds.
        longest_s: How long a window may be, in seconds.
    """
    audible = np.flatnonzero(probabilities >= AUDIBLE)
    if not len(audible):
        return ()
    margin = round(MARGIN_S / frame_s)
    longest = int(longest_s / frame_s)
    kernel = np.ones(max(1, round(_SMOOTH_S / frame_s)))
    smooth = np.convolve(probabilities, kernel, "same")
    windows: list[Window] = []
    for stretch in np.split(audible, np.flatnonzero(np.diff(audible) * frame_s > PAUSE_S) + 1):
        first = max(0, int(stretch[0]) - margin)
        end = min(len(probabilities), int(stretch[-1]) + 1 + margin)
        while end - first > longest:
            cut = first + longest // 2 + int(np.argmin(smooth[first + longest // 2 : first + longest]))
            windows.append(Window(first, cut))
            first = cut
        windows.append(Window(first, end))
    return windows
