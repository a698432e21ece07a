"""Checks of the machine itself: Python, cores, memory, GPUs, folders. All of them block for a moment."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import myna
from myna.config.load import Folders
from myna.doctor.finding import Finding
from myna.weights.machine import BUSY, Machine, look, writing_cores

LEAST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1_000_000_000
"""On a disk that data is written to."""

GPU_ENGINES_S = 20.0

SEES_GPU = {
    "llama.cpp": "import xllamacpp as x; cpu = x.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU; "
    "raise SystemExit(all(device['type'] == cpu for device in x.get_device_info()))",
    "faster-whisper": "import ctranslate2; raise SystemExit(ctranslate2.get_cuda_device_count() == 0)",
    "transformers": "import torch; raise SystemExit(not torch.cuda.is_available())",
}
"""Programs that end with 0 where a library sees a GPU. Of their own, since a driver's fault may end the process."""

NEEDS = {"transformers": "torch"}
"""Packages that a library need not find here: it comes with an extra."""

NEVER_ON_GPU = (
    "Voice activity detection, turn detection and embeddings run on the CPU; so does Kokoro, unless onnxruntime-gpu is "
    "installed and its model is in floating point."
)


def python() -> Sequence[Finding]:
    """Python, and what it runs on."""
    version = platform.python_version()
    old = sys.version_info < LEAST_PYTHON
    return [
        Finding(
            "python",
            "problem" if old else "ok",
            f"Python {version}, Myna {myna.__version__}, {platform.system()} on {platform.machine()}",
            advice="Myna needs Python 3.11 or newer." if old else "",
            figures={"python": version, "myna": myna.__version__, "platform": platform.platform()},
        )
    ]


def machine(needed: Callable[[], int] | None) -> Sequence[Finding]:
    """Cores, memory and GPUs; ``needed`` gives the bytes of memory that the engines take, where that can be known."""
    this = look()
    return [*cores(this), *memory(this, needed() if needed else None), *gpus(this)]


def cores(machine: Machine) -> Sequence[Finding]:
    """The cores, and how fast they read memory, which bounds the LLM."""
    speed = machine.read_bytes_per_s / 1e9
    writers = writing_cores(machine.cores)
    told = f"{machine.cores} cores, of which {writers} read{'s' if writers == 1 else ''} {speed:.0f} GB/s from memory"
    figures = {"cores": machine.cores, "read_gb_per_s": speed, "busy": machine.busy}
    if machine.busy > BUSY:
        meaning = f"Other programs use {machine.busy:.0%} of them now: everything below is slower than it would be."
        return [Finding("cpu", "warning", told, meaning, "Look again when they have ended.", figures)]
    if machine.cores < 2:
        meaning = "Thinking and speaking share one core: replies pause."
        return [Finding("cpu", "warning", told, meaning, "Give Myna a second core.", figures)]
    return [Finding("cpu", "ok", told, figures=figures)]


def memory(machine: Machine, needed_bytes: int | None) -> Sequence[Finding]:
    """Memory, against what the configured engines take; None where that is unknown."""
    free = machine.available_bytes
    figures: dict[str, object] = {"total_gb": machine.memory_bytes / 1e9, "available_gb": free / 1e9}
    told = f"{free / 1e9:.1f} GB free of {machine.memory_bytes / 1e9:.1f}"
    if needed_bytes is None:
        return [Finding("memory", "ok", told, figures=figures)]
    figures["needed_gb"] = needed_bytes / 1e9
    told = f"{told}; the engines take about {needed_bytes / 1e9:.1f}"
    if needed_bytes <= free:
        return [Finding("memory", "ok", told, figures=figures)]
    return [
        Finding(
            "memory",
            "problem",
            told,
            "The system may end Myna, or swap and become very slow.",
            "Close other programs, or take smaller models: myna models recommend",
            figures,
        )
    ]


def gpus(machine: Machine) -> Sequence[Finding]:
    """NVIDIA GPUs, and which engines see them. Blocks up to `GPU_ENGINES_S` an engine, where there is one."""
    if not machine.gpus:
        return [Finding("gpu", "ok", "no NVIDIA GPU", "Everything runs on the CPU.", figures={"gpus": []})]
    here = {name: program for name, program in SEES_GPU.items() if name not in NEEDS or find_spec(NEEDS[name])}
    using = [name for name, program in here.items() if _sees(program)]
    listed = [
        f"{g.name}, {g.free_bytes / 1e9:.0f} GB free of {g.memory_bytes / 1e9:.0f}, driver {g.driver}"
        for g in machine.gpus
    ]
    figures = {"gpus": listed, "used_by": using}
    unused = [name for name in here if name not in using]
    if not unused:
        meaning = f"Used by {' and '.join(using)}. {NEVER_ON_GPU}"
        return [Finding("gpu", "ok", "; ".join(listed), meaning, figures=figures)]
    advice = (
        "llama.cpp needs a CUDA build of xllamacpp, faster-whisper the CUDA libraries cuBLAS and cuDNN, transformers a "
        "driver that is new enough for PyTorch."
    )
    meaning = f"{' and '.join(unused)} would run on the CPU."
    return [Finding("gpu", "warning", "; ".join(listed), meaning, advice, figures)]


def _sees(program: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a constant
            (sys.executable, "-P", "-c", program), capture_output=True, timeout=GPU_ENGINES_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def folders(where: Folders, download_bytes: int) -> Sequence[Finding]:
    """The cache and the data folder: whether they may be written, and have room for what has to be fetched."""
    return [
        _folder("cache folder", where.cache, max(LEAST_FREE_BYTES, round(1.3 * download_bytes))),
        _folder("data folder", where.data, LEAST_FREE_BYTES),
    ]


def _folder(check: str, folder: Path, wanted_bytes: int) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        if not there.is_dir():
            raise NotADirectoryError(0, f"{there} is no folder")
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(os.urandom(4096))
            file.flush()
        free = shutil.disk_usage(there).free
    except OSError as error:
        advice = "Make it writable for this user, or name another folder with MYNA_HOME."
        return Finding(check, "problem", f"{folder} cannot be written: {error.strerror or error}", advice=advice)
    told = f"{folder}, {free / 1e9:.1f} GB free"
    figures = {"path": str(folder), "free_gb": free / 1e9, "wanted_gb": wanted_bytes / 1e9}
    if free >= wanted_bytes:
        return Finding(check, "ok", told, figures=figures)
    advice = f"Free some {wanted_bytes / 1e9:.1f} GB, or name another folder with MYNA_HOME."
    return Finding(check, "problem", told, "It is too little.", advice, figures)
