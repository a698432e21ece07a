"""ONNX models on onnxruntime: opened one way, and silent.

onnxruntime's official packages send usage data to Microsoft from Linux and macOS too (pull request 27379 there), with a
persistent device id. The variable that turns this off counts only before the library is loaded, so nothing in Myna
imports onnxruntime, or a package that does, without `load_onnxruntime` first.
"""

import logging
import mmap
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from myna.core.errors import WeightsDamaged

log = logging.getLogger(__name__)

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

FOR_CPUS = (b"ConvInteger", b"DynamicQuantizeLinear", b"DynamicQuantizeLSTM")
"""Operators of models that were quantized for CPUs. onnxruntime has none of them for CUDA and takes each back to the
CPU: a model of 12 ms took 232 (issue 10267 there)."""

_NICE = 10
"""Of patient threads: a fifth to a tenth of the time of an ordinary one that wants the same core."""


class OnnxSession(Protocol):
    """The part of ``onnxruntime.InferenceSession`` that engines use. ``run`` blocks and may be called from threads."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any]) -> list[Any]:
        """The named outputs (all of them for None) for these inputs."""
        ...

    def get_providers(self) -> list[str]:
        """Where it computes: what the first cannot, the next one does."""
        ...


def load_onnxruntime() -> ModuleType:
    """The onnxruntime module, its telemetry off. Slow the first time: call it in an engine's opener only."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # what some versions called it
    import onnxruntime  # noqa: PLC0415 - heavy, and only after the variables

    return cast(ModuleType, onnxruntime)


def choose_providers(path: Path, device: str, available: Sequence[str]) -> list[str]:
    """Where a model is to compute. With CUDA the CPU stands behind it, for what CUDA has no kernels for.

    Args:
        path: The model.
        device: ``cpu``; or ``auto`` or ``cuda``, which take the GPU where that can be.
        available: What this onnxruntime was built with; CUDA needs the package onnxruntime-gpu.
    """
    if device == "cpu" or CUDA not in available:
        return [CPU]
    if _is_for_cpus(path):
        log.info("%s stays on the CPU: it was quantized for CPUs, and would be slower on a GPU.", path.name)
        return [CPU]
    return [CUDA, CPU]


def _is_for_cpus(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as model:
        return any(model.find(operator) >= 0 for operator in FOR_CPUS)


def device_of(session: OnnxSession) -> str:
    """``cuda`` or ``cpu``: where a model computes, whatever was wanted."""
    return "cuda" if CUDA in session.get_providers() else "cpu"


def open_onnx(path: Path, *, threads: int, patient: bool = False, device: str = "cpu") -> OnnxSession:
    """Load a model. Blocks.

    Args:
        path: The ``.onnx`` file.
        threads: How many threads one inference uses. They sleep between inferences: the LLM needs the cores.
        patient: Whether they, but for the one that calls, give way to the process's other threads. On Linux only.
        device: See `choose_providers`. Tiny models are quicker on the CPU than on their way to a GPU and back.

    Raises:
        WeightsDamaged: The file is no model that onnxruntime can read.
    """
    ort = load_onnxruntime()
    state = ort.capi.onnxruntime_pybind11_state
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3

    providers = choose_providers(path, device, ort.get_available_providers())

    def load() -> OnnxSession:
        return cast(OnnxSession, ort.InferenceSession(str(path), options, providers=providers))

    try:
        return _in_patient_thread(load) if patient and sys.platform == "linux" else load()
    except (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile) as error:
        raise WeightsDamaged(
            f"{path} cannot be loaded as an ONNX model.", hint="`myna models verify` says what is wrong with it."
        ) from error


def _in_patient_thread(load: Callable[[], OnnxSession]) -> OnnxSession:
    """What ``load`` gives; the threads that it starts inherit the low priority of the one it runs in."""

    def give_way() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)

    with ThreadPoolExecutor(1, initializer=give_way) as patient:
        return patient.submit(load).result()
