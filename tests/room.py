"""A room with a robot or a computer in it: a real sound server, PulseAudio, whose sound cards are nobody's.

Its microphone hears the mouth, and the loudspeaker too, more softly and a little later, as in every room.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tests import debian

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import from_pcm16

PACKAGES = ("pulseaudio", "pulseaudio-utils", "libasound2-plugins", "alsa-utils")
RATE = 48_000
_STAYS = "source_dont_move=true sink_dont_move=true"  # whatever else the default becomes
STARTS_S = 30
LATE_MS = 30
"""How late a sound is heard, at least."""

LOUD = 0.01
QUIET_S = 2.0
"""Between two sentences of a reply it is quiet for less."""

ALSA = "pcm.!default pulse\nctl.!default pulse\npcm.pulse { type pulse }\nctl.pulse { type pulse }\n"
"""What ALSA's programs use where PulseAudio runs."""


@dataclass(frozen=True)
class Room:
    """A sound server that runs.

    Attributes:
        environ: With what programs find it, of PulseAudio and of ALSA.
    """

    environ: Mapping[str, str]
    folder: Path

    def say(self, samples: Samples) -> "subprocess.Popen[bytes]":
        """Say something in the room, at 16 kHz; the process ends when all of it was said."""
        path = self.folder / f"said-{time.monotonic_ns()}.wav"
        soundfile.write(path, samples, HEARING_RATE, subtype="PCM_16")
        return subprocess.Popen(["paplay", "--device=mouth", path], env=dict(self.environ))

    @contextmanager
    def recording(self) -> Generator[Callable[[], Samples]]:
        """A function that gives what the loudspeaker has played meanwhile, at 16 kHz."""
        path = self.folder / f"played-{time.monotonic_ns()}.raw"
        what = ["--device=loudspeaker.monitor", "--raw", "--format=s16le", f"--rate={HEARING_RATE}", "--channels=1"]
        recorder = subprocess.Popen(["parecord", *what, path], env=dict(self.environ))
        try:
            yield lambda: from_pcm16(path.read_bytes()) if path.exists() else np.zeros(0, np.float32)
        finally:
            recorder.terminate()
            recorder.wait()


def is_over(samples: Samples) -> bool:
    """Whether something was said, at 16 kHz, and no more is."""
    loud = np.flatnonzero(np.abs(samples) > LOUD)
    return bool(len(loud)) and len(samples) - int(loud[-1]) > QUIET_S * HEARING_RATE


@contextmanager
def open_room(*, echo: float) -> Generator[Room]:
    """A room.

    Args:
        echo: How loud the microphone hears the loudspeaker: 0 not at all, as with headphones, 1 as loud as it is.
    """
    debian.ensure(*PACKAGES)
    with tempfile.TemporaryDirectory(prefix="myna-room-") as name:
        folder = Path(name)
        (folder / "asound.conf").write_text(f"</usr/share/alsa/alsa.conf>\n{ALSA}")
        environ = dict(os.environ) | {
            "PULSE_SERVER": f"unix:{folder}/socket",
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_STATE_PATH": str(folder),
            "PULSE_COOKIE": str(folder / "cookie"),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        ways = {"mouth": 1.0} | ({"loudspeaker": echo} if echo else {})
        modules = [
            f"module-native-protocol-unix socket={folder}/socket auth-anonymous=1",
            *(f"module-null-sink sink_name={sink} rate={RATE}" for sink in ("ear", "mouth", "loudspeaker")),
            *(f"module-loopback source={sink}.monitor sink=ear latency_msec={LATE_MS} {_STAYS}" for sink in ways),
        ]
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *(f"--load={module}" for module in modules)], env=environ, stdout=log, stderr=log
            )
        try:
            _wait_for(process, environ, folder / "log")
            _ask(environ, "set-default-sink", "loudspeaker")
            _ask(environ, "set-default-source", "ear.monitor")
            inputs = _ask(environ, "list", "short", "sink-inputs").splitlines()
            for line, loudness in zip(inputs, ways.values(), strict=True):
                _ask(environ, "set-sink-input-volume", line.split()[0], str(round(0x10000 * loudness ** (1 / 3))))
            yield Room(environ, folder)
        finally:
            process.terminate()
            process.wait()


def _ask(environ: dict[str, str], *words: str) -> str:
    return subprocess.run(["pactl", *words], env=environ, capture_output=True, text=True, check=True, timeout=10).stdout


def _wait_for(process: "subprocess.Popen[bytes]", environ: dict[str, str], log: Path) -> None:
    ends_at = time.monotonic() + STARTS_S
    while subprocess.run(["pactl", "info"], env=environ, capture_output=True, check=False, timeout=10).returncode:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.05)
