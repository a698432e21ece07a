"""ONNX models on onnxruntime: opened one way, and silent.

onnxruntime's official packages send usage data to Microsoft from Linux and macOS too (pull request 27379 there), with a
persistent device id. The variable that turns this off counts only before the library is loaded, so nothing in Myna
imports onnxruntime, or a package that does, without `load_onnxruntime` first.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from myna.core.errors import WeightsDamaged

_NICE = 10
"""Of patient threads: a fifth to a tenth of the time of an ordinary one that wants the same core."""


class OnnxSession(Protocol):
    """The part of ``onnxruntime.InferenceSession`` that engines use. ``run`` blocks and may be called from threads."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any]) -> list[Any]:
        """The named outputs (all of them for None) for these inputs."""
        ...


def load_onnxruntime() -> ModuleType:
    """The onnxruntime module, its telemetry off. Slow the first time: call it in an engine's opener only."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # what some versions called it
    import onnxruntime  # noqa: PLC0415 - heavy, and only after the variables

    return cast(ModuleType, onnxruntime)


def open_onnx(path: Path, *, threads: int, patient: bool = False) -> OnnxSession:
    """Load a model for the CPU. Blocks.

    Args:
        path: The ``.onnx`` file.
        threads: How many threads one inference uses. They sleep between inferences: the LLM needs the cores.
        patient: Whether they, but for the one that calls, give way to the process's other threads. On Linux only.

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

    def load() -> OnnxSession:
        return cast(OnnxSession, ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))

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
