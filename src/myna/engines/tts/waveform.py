"""What is done to a voice's samples after the model: silence at the ends, loudness, pitch."""

import numpy as np
import soxr

from myna.engines.base import Samples

FRAME_S = 0.005
LEAD_S = 0.03
"""How much of the silence before the first sound stays."""

FADE_S = 0.005
