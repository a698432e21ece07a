import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.weights.conftest import lying_about
from tests.weights.models import HF_FILE, MODELSCOPE_FILE, Told, catalog, hf, model_file, modelscope, noise
from tests.weights.sites import Answer, Site

from myna.core.errors import WeightsDamaged, WeightsMissing
from myna.weights.catalog import Catalog, HubRepo, Model
from myna.weights.fetch import pull
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore

CONTENT = noise(100_000)


@pytest.fixture
def store(root: Path) -> WeightsStore:
    return WeightsStore(root, catalog(model_file(CONTENT, hf())))


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An endpoint that takes connections up but never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    """An endpoint where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def put_beginning(store: WeightsStore, content: bytes) -> Path:
    partial = store.root / ".incoming" / "tiny" / "partial" / "weights.bin"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(content)
    return partial


@pytest.mark.parametrize(
    ("source", "path"), [(hf(), HF_FILE), (modelscope(), MODELSCOPE_FILE)], ids=["hf", "modelscope"]
)
def test_a_file_comes_from_where_each_hub_keeps_it(
    root: Path, hub: Site, options: WeightsOptions, told: Told, source: object, path: str
) -> None:
    hub.answers[path] = Answer(CONTENT)
    file = model_file(CONTENT).model_copy(update={"sources": (source,)})
    store = WeightsStore(root, catalog(file))
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == CONTENT
    assert lying_about(root) == ["tiny/weights.bin"]
    assert told.here[-1] == len(CONTENT)
    assert told.here == sorted(told.here)
    assert told.finishes == ["tiny"]


def test_a_pull_goes_on_where_the_last_one_ended(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    put_beginning(store, CONTENT[:30_000])
    pull(store, ["tiny"], progress=told, options=options)
    assert hub.ranges(HF_FILE) == ["bytes=30000-"]
    assert store.locate("tiny").read_bytes() == CONTENT
    assert told.resumed_at == [30_000]


def test_a_hub_without_ranges_gives_all_of_it_again(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, knows_ranges=False)
    put_beginning(store, CONTENT[:30_000])
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == CONTENT


def test_a_beginning_of_other_bytes_costs_one_more_try(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    put_beginning(store, noise(30_000, seed=1))
    pull(store, ["tiny"], progress=told, options=options)
    assert hub.ranges(HF_FILE) == ["bytes=30000-", None]
    assert store.locate("tiny").read_bytes() == CONTENT


def test_a_beginning_longer_than_the_file_is_thrown_away(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    put_beginning(store, CONTENT + b"more")
    pull(store, ["tiny"], progress=told, options=options)
    assert store.locate("tiny").read_bytes() == CONTENT


def test_a_connection_that_breaks_is_taken_up_again(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, breaks_after=40_000)
    pull(store, ["tiny"], progress=told, options=options)
    assert hub.ranges(HF_FILE) == [None, "bytes=40000-", "bytes=80000-"]
    assert store.locate("tiny").read_bytes() == CONTENT


def test_a_hub_that_brings_no_more_is_left_and_what_came_is_kept(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, breaks_after=0)
    partial = put_beginning(store, CONTENT[:30_000])
    with pytest.raises(WeightsMissing, match="broke off at byte 30000") as error:
        pull(store, ["tiny"], progress=told, options=options)
    assert partial.read_bytes() == CONTENT[:30_000]
    assert "0.0 MB are kept" in error.value.hint


def test_a_hub_that_falls_silent_is_left(store: WeightsStore, hub: Site, options: WeightsOptions, told: Told) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, stalls_after=0)
    with pytest.raises(WeightsMissing, match=r"broke off at byte 0 .*timed out"):
        pull(store, ["tiny"], progress=told, options=options.model_copy(update={"idle_s": 0.3}))


def test_a_hub_with_another_file_of_that_name_is_left_before_it_is_downloaded(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT + b"more")
    partial = put_beginning(store, CONTENT[:30_000])
    with pytest.raises(WeightsMissing, match="of 100004 bytes instead of 100000"):
        pull(store, ["tiny"], progress=told, options=options)
    assert partial.read_bytes() == CONTENT[:30_000]


def test_wrong_bytes_are_an_error_and_are_not_kept(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(noise(len(CONTENT), seed=1))
    with pytest.raises(WeightsDamaged, match=r"weights\.bin .* the hash is wrong"):
        pull(store, ["tiny"], progress=told, options=options)
    assert lying_about(store.root) == []


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_hub_that_refuses_is_told_with_its_status(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told, status: int
) -> None:
    hub.answers[HF_FILE] = Answer(b"no", status)
    with pytest.raises(WeightsMissing, match=f"Hugging Face answered {status}"):
        pull(store, ["tiny"], progress=told, options=options)


@pytest.mark.parametrize("where", ["nobody", "black_hole"])
def test_a_hub_out_of_reach_is_asked_once_and_the_next_one_gives(
    root: Path, hub: Site, told: Told, where: str, request: pytest.FixtureRequest
) -> None:
    files = [model_file(noise(500, seed), hf(name), modelscope(name), path=name) for seed, name in enumerate("abc")]
    for seed, name in enumerate("abc"):
        hub.answers[MODELSCOPE_FILE.replace("weights.bin", name)] = Answer(noise(500, seed))
    store = WeightsStore(root, catalog(*files))
    options = WeightsOptions(hf_endpoint=request.getfixturevalue(where), modelscope_endpoint=hub.url, connect_s=0.5)
    pull(store, ["tiny"], progress=told, options=options)
    assert store.missing(["tiny"]) == []
    (reason,) = told.reasons("Hugging Face")
    assert reason.startswith("is out of reach (")


def test_a_hub_that_breaks_off_at_once_is_not_asked_for_the_other_files(
    root: Path, hub: Site, options: WeightsOptions, told: Told
) -> None:
    files = [model_file(noise(500, seed), hf(name), modelscope(name), path=name) for seed, name in enumerate("abc")]
    for seed, name in enumerate("abc"):
        hub.answers[HF_FILE.replace("weights.bin", name)] = Answer(noise(500, seed), breaks_after=0)
        hub.answers[MODELSCOPE_FILE.replace("weights.bin", name)] = Answer(noise(500, seed))
    store = WeightsStore(root, catalog(*files))
    pull(store, ["tiny"], progress=told, options=options)
    assert store.missing(["tiny"]) == []
    assert [path for path, _ in hub.asked if path.startswith("/owner/")] == [HF_FILE.replace("weights.bin", "a")]
    assert len(told.skips) == 1


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_told(
    store: WeightsStore, told: Told, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(WeightsMissing, match=r"Hugging Face is out of reach \(.*"):
        pull(store, ["tiny"], progress=told, options=WeightsOptions(hf_endpoint="http://hub.invalid"))


def test_an_endpoint_that_is_no_url_is_out_of_reach(store: WeightsStore, told: Told) -> None:
    with pytest.raises(WeightsMissing, match="out of reach"):
        pull(store, ["tiny"], progress=told, options=WeightsOptions(hf_endpoint="no url"))


# ------------------------------------------------------------------------------------------------ whole repositories

SMALL = b"hello\n"
SMALL_GIT_SHA1 = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


@pytest.fixture
def whole(root: Path) -> WeightsStore:
    repos = (
        HubRepo(kind="hf", repo="owner/repo", revision="main"),
        HubRepo(kind="modelscope", repo="owner/repo", revision="master"),
    )
    return WeightsStore(
        root, Catalog(models=(Model(name="tiny", license="MIT", about="test", homepage="", repos=repos),))
    )


def hf_listing(*extra: object) -> bytes:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return json.dumps(
        [
            {"type": "directory", "path": "sub", "size": 0, "oid": "0" * 40},
            {"type": "file", "path": ".gitattributes", "size": 9, "oid": "1" * 40},
            {"type": "file", "path": "config.json", "size": len(SMALL), "oid": SMALL_GIT_SHA1},
            {
                "type": "file",
                "path": "sub/weights.bin",
                "size": len(CONTENT),
                "oid": "2" * 40,
                "lfs": {"oid": sha256, "size": len(CONTENT), "pointerSize": 134},
            },
            *extra,
        ]
    ).encode()


HF_LISTING = "/api/models/owner/repo/tree/main?recursive=true"
MODELSCOPE_LISTING = "/api/v1/models/owner/repo/repo/files?Revision=master&Recursive=true"


def test_a_whole_repository_is_pulled_by_the_hubs_own_listing(
    whole: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_LISTING] = Answer(hf_listing())
    hub.answers["/owner/repo/resolve/main/config.json"] = Answer(SMALL)
    hub.answers["/owner/repo/resolve/main/sub/weights.bin"] = Answer(CONTENT)
    assert whole.missing(["tiny"]) == ["tiny"]
    pull(whole, ["tiny"], progress=told, options=options)
    assert whole.locate("tiny") == whole.root / "tiny"
    assert lying_about(whole.root) == ["tiny/.listing.json", "tiny/config.json", "tiny/sub/weights.bin"]
    assert {file.state for file in whole.verify()} == {"good"}
    (whole.root / "tiny" / "config.json").write_bytes(b"hullo\n")
    assert [file.file for file in whole.verify() if file.state == "damaged"] == ["config.json"]
    hub.answers.pop(HF_LISTING)
    pull(whole, ["tiny"], progress=told, options=options)
    assert (whole.root / "tiny" / "config.json").read_bytes() == SMALL


def test_a_whole_repository_can_be_brought_from_another_machine(
    whole: WeightsStore, hub: Site, options: WeightsOptions, told: Told, tmp_path: Path
) -> None:
    hub.answers[HF_LISTING] = Answer(hf_listing())
    hub.answers["/owner/repo/resolve/main/config.json"] = Answer(SMALL)
    hub.answers["/owner/repo/resolve/main/sub/weights.bin"] = Answer(CONTENT)
    pull(whole, ["tiny"], progress=told, options=options)
    hub.answers.clear()
    there = WeightsStore(tmp_path / "there", whole.catalog)
    pull(there, ["tiny"], progress=told, options=options, folder=whole.root)
    assert lying_about(there.root) == lying_about(whole.root)
    assert {file.state for file in there.verify()} == {"good"}


def test_modelscope_lists_too(whole: WeightsStore, hub: Site, options: WeightsOptions, told: Told) -> None:
    listing = {
        "Code": 200,
        "Data": {
            "Files": [
                {"Type": "tree", "Path": "sub", "Size": 0, "Sha256": ""},
                {
                    "Type": "blob",
                    "Path": "weights.bin",
                    "Size": len(CONTENT),
                    "Sha256": hashlib.sha256(CONTENT).hexdigest(),
                },
            ]
        },
    }
    hub.answers[MODELSCOPE_LISTING] = Answer(json.dumps(listing).encode())
    hub.answers[MODELSCOPE_FILE] = Answer(CONTENT)
    pull(whole, ["tiny"], progress=told, options=options)
    assert told.reasons("Hugging Face") == ["answered 404"]
    assert whole.locate("tiny").read_bytes() == CONTENT


@pytest.mark.parametrize("listing", [b"<html>", b"[]", b'{"error": "gated"}'])
def test_a_hub_that_lists_nothing_is_left(
    whole: WeightsStore, hub: Site, options: WeightsOptions, told: Told, listing: bytes
) -> None:
    hub.answers[HF_LISTING] = Answer(listing)
    with pytest.raises(WeightsMissing, match="tiny could not be fetched"):
        pull(whole, ["tiny"], progress=told, options=options)
    assert lying_about(whole.root) == []


def test_a_listing_cannot_lead_out_of_the_folder(
    whole: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    evil = {"type": "file", "path": "sub/../../evil", "size": len(SMALL), "oid": SMALL_GIT_SHA1}
    hub.answers[HF_LISTING] = Answer(hf_listing(evil))
    with pytest.raises(WeightsMissing, match="cannot be understood"):
        pull(whole, ["tiny"], progress=told, options=options)
    assert lying_about(whole.root) == []
