import os
from pathlib import Path

import psutil
import pytest

from myna.weights.machine import (
    MIB,
    READ_BYTES,
    block_bytes,
    count_cores,
    look,
    memory,
    nvidia_gpus,
    read_nvidia_smi,
    read_speed,
    writing_cores,
)


def test_this_machine_has_cores_memory_and_a_speed():
    machine = look()
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert 0 < machine.available_bytes <= machine.memory_bytes <= psutil.virtual_memory().total
    assert machine.read_bytes_per_s > 0
    assert 0 <= machine.busy <= 1


def test_a_container_counts_with_its_share_of_the_cores(tmp_path: Path):
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert count_cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert count_cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert count_cores(tmp_path) == count_cores(tmp_path / "none")


def test_a_container_counts_with_its_own_memory_and_the_page_cache_is_free(tmp_path: Path):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 400000\ninactive_file 300000\n")
    assert memory(tmp_path) == (1_000_000, 600_000)
    (tmp_path / "memory.current").write_text("2000000\n")
    assert memory(tmp_path) == (1_000_000, 0)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory(tmp_path)[0] == psutil.virtual_memory().total


def test_half_the_cores_write_and_one_at_least():
    assert [writing_cores(cores) for cores in (1, 2, 4, 7)] == [1, 1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells it")
def test_two_threads_of_one_core_are_one_core(tmp_path: Path):
    for cpu in os.sched_getaffinity(0):
        (tmp_path / f"cpu{cpu}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{cpu}" / "topology" / "thread_siblings_list").write_text("0-1023\n")
    assert count_cores(tmp_path / "none", tmp_path) == 1


def test_however_short_the_measurement_each_thread_reads_once():
    assert read_speed(2, 1 << 30, seconds=0) > 0


def test_all_readers_take_a_quarter_of_the_memory_at_most():
    assert block_bytes(2, 16 << 30) == READ_BYTES
    assert 64 * block_bytes(64, 1 << 30) <= (1 << 30) // 4
    assert block_bytes(64, 0) == MIB


def test_gpus_are_read_from_the_lines_of_nvidia_smi():
    said = "NVIDIA H200, 143771, 143151, 570.86\nTesla, T4, 1\nNVIDIA T4, 15360, 15000, 570.86\n"
    first, second = read_nvidia_smi(said)
    assert (first.name, first.memory_bytes, first.driver) == ("NVIDIA H200", 143771 << 20, "570.86")
    assert second.free_bytes == 15000 << 20


@pytest.mark.parametrize("script", ["exit 9", "echo 'NVIDIA-SMI has failed because it could not talk to the driver'"])
def test_a_failing_nvidia_smi_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_gpus() == ()
