from importlib.util import find_spec
from pathlib import Path

import pytest

from myna.config.load import Folders
from myna.doctor import machine as machines
from myna.doctor.finding import Finding
from myna.doctor.machine import LEAST_FREE_BYTES, cores, folders, gpus, memory, python
from myna.weights.machine import GPU, Machine

GB = 1_000_000_000
DESKTOP = Machine(8, 32 * GB, 24 * GB, 35 * GB)


def test_this_python_is_new_enough():
    (found,) = python()
    assert found.verdict == "ok"
    assert "Python 3" in found.measured


def test_cores_are_told_with_what_they_read():
    (found,) = cores(DESKTOP)
    assert (found.verdict, found.measured) == ("ok", "8 cores, of which 4 read 35 GB/s from memory")


def test_one_core_and_a_busy_machine_are_warnings():
    (one,) = cores(Machine(1, GB, GB, GB))
    assert (one.verdict, one.advice) == ("warning", "Give Myna a second core.")
    (busy,) = cores(Machine(8, GB, GB, GB, busy=0.9))
    assert busy.verdict == "warning"
    assert "90%" in busy.meaning


def test_memory_is_held_against_what_the_engines_take():
    assert memory(DESKTOP, 4 * GB)[0].verdict == "ok"
    assert memory(DESKTOP, None)[0].verdict == "ok"
    (found,) = memory(DESKTOP, 30 * GB)
    assert found.verdict == "problem"
    assert found.measured == "24.0 GB free of 32.0; the engines take about 30.0"
    assert "myna models recommend" in found.advice


def test_a_machine_without_a_gpu_is_well():
    (found,) = gpus(DESKTOP)
    assert (found.verdict, found.figures) == ("ok", {"gpus": []})


@pytest.mark.parametrize(("seen", "verdict"), [(True, "ok"), (False, "warning")])
def test_a_gpu_that_no_engine_uses_is_a_warning(monkeypatch: pytest.MonkeyPatch, seen: bool, verdict: str):
    monkeypatch.setattr(
        machines, "SEES_GPU", {"llama.cpp": "raise SystemExit(0)", "faster-whisper": f"raise SystemExit({not seen})"}
    )
    (found,) = gpus(Machine(8, GB, GB, GB, gpus=(GPU("NVIDIA T4", 16 * GB, 15 * GB, "570"),)))
    assert found.verdict == verdict
    assert found.measured == "NVIDIA T4, 15 GB free of 16, driver 570"
    assert found.figures["used_by"] == (["llama.cpp", "faster-whisper"] if seen else ["llama.cpp"])


def test_the_engines_on_this_machine_can_be_asked_for_a_gpu():
    """The programs that ask are right, whatever this machine has: an error in them would end with 1 and a traceback."""
    import subprocess
    import sys

    for name, program in machines.SEES_GPU.items():
        if name in machines.NEEDS and not find_spec(machines.NEEDS[name]):
            continue
        done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1)
        assert "Traceback" not in done.stderr


def told(home: Path, download_bytes: int = 0) -> list[Finding]:
    return list(folders(Folders(home / "data", home / "cache", home), download_bytes))


def test_folders_that_do_not_exist_yet_are_well_and_stay_so(tmp_path: Path):
    home = tmp_path / "deep" / "home"
    assert [found.verdict for found in told(home)] == ["ok", "ok"]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path: Path):
    (tmp_path / "file").write_text("")
    cache, data = told(tmp_path / "file")
    assert (cache.verdict, data.verdict) == ("problem", "problem")
    assert "cannot be written" in cache.measured
    assert "MYNA_HOME" in cache.advice


def test_a_disk_too_small_for_what_has_to_be_fetched_is_a_problem(tmp_path: Path):
    cache, data = told(tmp_path, download_bytes=10**18)
    assert (cache.verdict, data.verdict) == ("problem", "ok")
    assert data.figures["wanted_gb"] == LEAST_FREE_BYTES / 1e9
