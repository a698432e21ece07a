import os
from pathlib import Path

import pytest
from tests.weights.conftest import lying_about
from tests.weights.models import catalog, hf, model_file, noise

from myna.core.errors import Busy, NoRoom, UnknownName, WeightsMissing
from myna.weights.catalog import ModelFile
from myna.weights.locate import Weights
from myna.weights.store import Checked, WeightsStore, check

ONE, TWO = noise(1000, 1), noise(2000, 2)


@pytest.fixture
def store(root: Path) -> WeightsStore:
    return WeightsStore(root, catalog(model_file(ONE, hf(), path="one.bin"), model_file(TWO, hf(), path="sub/two.bin")))


@pytest.fixture
def filled(store: WeightsStore) -> WeightsStore:
    (store.root / "tiny" / "sub").mkdir(parents=True)
    (store.root / "tiny" / "one.bin").write_bytes(ONE)
    (store.root / "tiny" / "sub" / "two.bin").write_bytes(TWO)
    return store


def test_a_model_of_several_files_is_located_as_its_folder(filled: WeightsStore) -> None:
    weights: Weights = filled
    assert weights.locate("tiny") == filled.root / "tiny"


def test_a_model_of_one_file_is_located_as_that_file(root: Path) -> None:
    (root / "tiny").mkdir(parents=True)
    (root / "tiny" / "weights.bin").write_bytes(ONE)
    assert WeightsStore(root, catalog(model_file(ONE, hf()))).locate("tiny") == root / "tiny" / "weights.bin"


def test_a_model_that_is_not_here_is_told_with_the_command_that_fetches_it(store: WeightsStore) -> None:
    with pytest.raises(WeightsMissing, match="tiny") as error:
        store.locate("tiny")
    assert "myna models pull tiny" in error.value.hint


def test_a_model_with_a_file_of_another_size_is_not_here(filled: WeightsStore) -> None:
    (filled.root / "tiny" / "one.bin").write_bytes(ONE[:-1])
    with pytest.raises(WeightsMissing):
        filled.locate("tiny")


def test_a_folder_copied_from_another_machine_is_as_good(filled: WeightsStore) -> None:
    for path in (filled.root / "tiny").rglob("*.bin"):
        os.utime(path, (0, 0))
    assert filled.missing(["tiny"]) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_path_of_the_users_own_is_that_path(store: WeightsStore, tmp_path: Path, kind: str) -> None:
    own = tmp_path / "own"
    own.mkdir() if kind == "folder" else own.touch()
    assert store.locate(str(own)) == own


def test_a_home_folder_is_understood(store: WeightsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.gguf").touch()
    assert store.locate("~/mine.gguf") == tmp_path / "mine.gguf"


def test_a_path_that_is_not_there_is_told_as_a_path(store: WeightsStore) -> None:
    with pytest.raises(UnknownName, match="No file or folder /no/such exists"):
        store.locate("/no/such")


@pytest.mark.parametrize("name", ["tinny", "", " "])
def test_a_name_that_is_nothing_is_unknown(store: WeightsStore, name: str) -> None:
    with pytest.raises(UnknownName) as error:
        store.locate(name)
    assert "tiny" in error.value.hint


def test_missing_gives_what_has_to_be_pulled(store: WeightsStore, tmp_path: Path) -> None:
    assert store.missing(["tiny", str(tmp_path), "tiny"]) == ["tiny"]


def test_missing_does_not_hide_a_name_that_is_nothing(store: WeightsStore) -> None:
    with pytest.raises(UnknownName):
        store.missing(["tinny"])


def test_verify_reads_every_byte(filled: WeightsStore) -> None:
    wrong = bytearray(TWO)
    wrong[1234] ^= 1
    (filled.root / "tiny" / "sub" / "two.bin").write_bytes(wrong)
    assert filled.missing(["tiny"]) == []
    assert list(filled.verify()) == [Checked("tiny", "one.bin", "good"), Checked("tiny", "sub/two.bin", "damaged")]


def test_verify_tells_what_is_missing_of_a_named_model(store: WeightsStore) -> None:
    assert [file.state for file in store.verify(["tiny"])] == ["missing", "missing"]


def test_verify_of_all_is_silent_about_what_was_never_pulled(store: WeightsStore) -> None:
    assert list(store.verify()) == []


def test_a_hash_of_git_is_understood(tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello\n")
    # printf 'hello\n' | git hash-object --stdin
    file = ModelFile(path="hello", size=6, git_sha1="ce013625030ba8dba906f756967f9e9ca394464a")
    assert check(tmp_path / "hello", file) == "good"
    (tmp_path / "hello").write_bytes(b"hullo\n")
    assert check(tmp_path / "hello", file) == "damaged"


def test_remove_leaves_nothing_and_tells_what_is_free_again(filled: WeightsStore) -> None:
    assert filled.remove("tiny") == len(ONE) + len(TWO)
    assert lying_about(filled.root) == []
    with pytest.raises(WeightsMissing, match="nothing of tiny"):
        filled.remove("tiny")


def test_remove_takes_beginnings_too(store: WeightsStore) -> None:
    partial = store.root / ".incoming" / "tiny" / "partial" / "one.bin"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(ONE[:10])
    assert store.remove("tiny") == 10
    assert lying_about(store.root) == []


def test_remove_of_an_unknown_name_removes_nothing(filled: WeightsStore, tmp_path: Path) -> None:
    with pytest.raises(UnknownName):
        filled.remove(str(tmp_path))
    assert filled.missing(["tiny"]) == []


def test_remove_waits_for_nobody(filled: WeightsStore) -> None:
    with filled.lock(filled.catalog.models[0]), pytest.raises(Busy, match="Another process is pulling tiny"):
        filled.remove("tiny")
    assert filled.missing(["tiny"]) == []


def test_a_weights_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = WeightsStore(tmp_path / "file", catalog(model_file(ONE, hf())))
    assert store.missing(["tiny"]) == ["tiny"]
    with pytest.raises(NoRoom, match="cannot be written"), store.writing():
        store.lock(store.catalog.models[0])
