"""A VAD that is not asked about silence: most of what a session is sent is silence, and sessions are many."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.errors import BadConfig, MynaError
from myna.engines.base import VAD, Samples, VADStream
from myna.engines.samples import from_pcm16
from myna.session.bounds import within

HELD = 4
"""So many silent frames are given to the VAD with the next loud one: between syllables it hears all. Behind a longer
silence it begins anew, with these as its past."""

JUDGE_S = 2.0
"""How long a VAD may take for what it is given at a time."""

DEAF_S = 5.0
"""For so much audio a VAD that failed is not asked again."""


class VoiceActivity:
    """Judges the audio of one session, a frame at a time. The VAD's stream is made for the first frame that is loud."""

    def __init__(self, vad: VAD) -> None:
        if vad.info.sample_rate != HEARING_RATE:
            raise BadConfig(
                f"The VAD {vad.info.model} wants {vad.info.sample_rate} Hz, and hearing has {HEARING_RATE} Hz.",
                hint="Choose another one as `vad.engine`.",
            )
        self.frame_bytes = vad.info.frame_samples * BYTES_PER_SAMPLE
        self._vad = vad
        self._stream: VADStream | None = None
        self._held: deque[Samples] = deque(maxlen=HELD)
        self._silent = 0
        self._deaf = 0

    async def judge(self, frames: bytes, silence_rms: float) -> Sequence[float]:
        """The speech probability of each frame: 0 below the level ``silence_rms``, else the VAD's.

        Raises:
            MynaError: The VAD failed, or did not answer in time. What comes next counts as silence, for `DEAF_S`.
        """
        number = len(frames) // self.frame_bytes
        if self._deaf > 0:
            self._deaf -= number
            return [0.0] * number
        samples = from_pcm16(frames).reshape(-1, self._vad.info.frame_samples)
        loud = np.einsum("ij,ij->i", samples, samples) >= silence_rms**2 * self._vad.info.frame_samples
        if not loud.any():  # as nearly always: at once
            self._hold(samples)
            return [0.0] * number
        try:
            return await within(JUDGE_S, self._judge(samples, loud), f"The VAD {self._vad.info.model}")
        except MynaError:
            self._stream = None
            self._held.clear()
            self._deaf = round(DEAF_S * HEARING_RATE / self._vad.info.frame_samples)
            raise

    def _hold(self, silence: Samples) -> None:
        self._silent += len(silence)
        self._held.extend(silence)

    async def _judge(self, samples: Samples, loud: NDArray[np.bool_]) -> Sequence[float]:
        probabilities = [0.0] * len(samples)
        batch: list[Samples] = []
        asked: list[int] = []  # which frame of ours each of the batch is; -1 for those of earlier
        for place, frame in enumerate(samples):
            if not loud[place]:
                self._hold(samples[place : place + 1])
                continue
            if self._stream is None or self._silent > HELD:
                await self._ask(batch, asked, probabilities)
                self._stream = self._stream or self._vad.stream()
                self._stream.reset()
                batch, asked = [], []
            batch += [*self._held, frame]
            asked += [*([-1] * len(self._held)), place]
            self._held.clear()
            self._silent = 0
        await self._ask(batch, asked, probabilities)
        return probabilities

    async def _ask(self, batch: Sequence[Samples], asked: Sequence[int], probabilities: list[float]) -> None:
        if self._stream is None or not batch:
            return
        for place, probability in zip(asked, await self._stream.feed(np.concatenate(batch)), strict=False):
            if place >= 0:
                probabilities[place] = probability
