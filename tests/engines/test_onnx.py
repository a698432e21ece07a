import os
import subprocess
import sys
from pathlib import Path

import pytest

from myna.core.errors import WeightsDamaged
from myna.engines.onnx import open_onnx
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
    started = {int(task.name) for task in tasks.iterdir()} - before
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
