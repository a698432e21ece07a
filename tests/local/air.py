"""Devices in a room that is reckoned: what the loudspeaker plays comes back to the microphone."""

import threading
import time

import numpy as np
from tests.local.rooms import Room, noise

from myna.engines.base import Samples
from myna.engines.samples import resample
from myna.local.devices import DEVICE_RATE, Exchange

BLOCK = DEVICE_RATE // 100
BLOCK_S = 0.01


class Air:
    """A `DuplexDevice` in a room, where somebody speaks (`say`).

    Args:
        room: None carries nothing back, as headphones do.

    Attributes:
        played: All blocks that the loudspeaker was given.
    """

    blocks_ahead = 4
    name = "a microphone in the air"

    def __init__(self, room: Room | None = None) -> None:
        self.played: list[Samples] = []
        self._response = room.response(DEVICE_RATE) if room else np.zeros(1, np.float32)
        self._coming = np.zeros(len(self._response) + BLOCK, np.float32)
        self._said = np.zeros(0, np.float32)
        self._exchange: Exchange | None = None
        self._closed = threading.Event()

    def say(self, samples: Samples, rate: int) -> None:
        """Somebody says this, after what was said before."""
        self._said = np.concatenate([self._said, resample(samples, rate, DEVICE_RATE)])

    async def start(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def close(self) -> None:
        self._closed.set()

    def step(self) -> None:
        """10 ms pass."""
        if self._exchange is None or self._closed.is_set():
            return
        said, self._said = self._said[:BLOCK], self._said[BLOCK:]
        near = self._coming[:BLOCK] + noise(BLOCK)
        near[: len(said)] += said
        out = self._exchange(near)
        self._coming = np.concatenate([self._coming[BLOCK:], np.zeros(BLOCK, np.float32)])
        self._coming[: len(self._response) + BLOCK - 1] += np.convolve(out, self._response)
        self.played.append(out)

    @property
    def sound(self) -> Samples:
        """All that was played."""
        return np.concatenate([np.zeros(0, np.float32), *self.played])


class TimedAir(Air):
    """An `Air` whose time passes by itself, in a thread, as a sound card's does."""

    async def start(self, exchange: Exchange) -> None:
        await super().start(exchange)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._closed.wait(max(0.0, due - time.monotonic())):
            self.step()
            due += BLOCK_S


def audible(samples: Samples, level: float = 1e-3) -> bool:
    return bool(np.abs(samples).max(initial=0.0) > level)
