"""Something that a microphone takes for speech, and that needs no voice."""

import numpy as np

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples

PITCH_HZ = 140
SYLLABLES_HZ = 4


def babble(length_s: float) -> Samples:
    """Syllables of a buzz, at 16 kHz: a steady tone would be taken for noise by the browser, and taken out."""
    at = np.arange(round(length_s * HEARING_RATE)) / HEARING_RATE
    glide = PITCH_HZ * at + 3 * np.sin(2 * np.pi * 1.3 * at)
    buzz = sum(np.sin(2 * np.pi * harmonic * glide) / harmonic for harmonic in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * SYLLABLES_HZ * at), 0, 1)
    return (0.35 * syllables * buzz).astype(np.float32)
