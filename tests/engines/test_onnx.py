import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from myna.core.errors import WeightsDamaged
from myna.engines.onnx import CPU, CUDA, FOR_CPUS, choose_providers, device_of, open_onnx
from myna.weights.locate import Weights

OPEN_A_MODEL = """
import sys
from pathlib import Path
from myna.engines.onnx import open_onnx
session = open_onnx(Path(sys.argv[1]), threads=1)
"""


def test_a_file_that_is_no_model_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(WeightsDamaged, match=r"model\.onnx cannot be loaded"):
        open_onnx(path, threads=1)


BUILT_FOR_GPUS = ["TensorrtExecutionProvider", CUDA, CPU]


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_model_goes_to_the_gpu_where_onnxruntime_has_cuda_with_the_cpu_behind_it(tmp_path: Path, device: str) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"\x08\x08Conv MatMul LSTM")
    assert choose_providers(model, device, BUILT_FOR_GPUS) == [CUDA, CPU]
    assert choose_providers(model, device, [CPU]) == [CPU]
    assert choose_providers(model, "cpu", BUILT_FOR_GPUS) == [CPU]


@pytest.mark.parametrize("operator", FOR_CPUS)
def test_a_model_that_was_quantized_for_cpus_stays_there(tmp_path: Path, operator: bytes) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"\x08\x08Conv" * 1000 + operator)
    assert choose_providers(model, "cuda", BUILT_FOR_GPUS) == [CPU]


def test_an_empty_file_is_left_to_onnxruntime_to_refuse(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"")
    assert choose_providers(model, "cuda", BUILT_FOR_GPUS) == [CUDA, CPU]


@pytest.mark.models
def test_the_kokoro_of_the_catalog_was_quantized_for_cpus_and_silero_was_not(weights: Weights) -> None:
    (kokoro,) = weights.locate("kokoro-v1.0").glob("*.onnx")
    assert choose_providers(kokoro, "cuda", BUILT_FOR_GPUS) == [CPU]
    assert choose_providers(weights.locate("silero-vad"), "cuda", BUILT_FOR_GPUS) == [CUDA, CPU]


@pytest.mark.models
def test_without_a_gpu_a_model_that_may_use_one_computes_on_the_cpu_and_says_so(weights: Weights) -> None:
    assert device_of(open_onnx(weights.locate("silero-vad"), threads=1, device="auto")) == "cpu"


@pytest.mark.models
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
@pytest.mark.parametrize(("patient", "nice"), [(False, 0), (True, 10)])
def test_the_threads_of_a_patient_model_give_way_and_the_caller_does_not(
    patient: bool, nice: int, weights: Weights
) -> None:
    tasks = Path("/proc/self/task")
    before = {int(task.name) for task in tasks.iterdir()}
    session = open_onnx(weights.locate("silero-vad"), threads=3, patient=patient)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    until = time.monotonic() + 20  # the thread that loaded it has ended, and the kernel still shows it for a moment
    while len(started := {int(task.name) for task in tasks.iterdir()} - before) > 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert [os.getpriority(os.PRIO_PROCESS, thread) for thread in started] == [max(own, nice)] * 2
    del session


@pytest.mark.models
def test_loading_a_model_leaves_no_telemetry_behind(tmp_path: Path, weights: Weights) -> None:
    """Without the variables onnxruntime writes ``Microsoft/DeveloperTools/.onnxruntime/deviceid`` into the cache."""
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")}
    environ |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", OPEN_A_MODEL, str(weights.locate("silero-vad"))]
    subprocess.run(command, env=environ, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []
