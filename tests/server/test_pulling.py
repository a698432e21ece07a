"""Pulling beside a server: how it ends. What it tells meanwhile is in test_weights."""

from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.weights.conftest import lying_about
from tests.weights.models import HF_FILE, REPO, catalog, hf, model_file, noise
from tests.weights.sites import Answer, Site, site

from myna.core.errors import Busy
from myna.server.pulling import Pull, Pulls, open_pulls
from myna.weights.catalog import Catalog
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore

pytestmark = pytest.mark.anyio

CONTENT = noise(300_000)


@pytest.fixture
def hub() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    return WeightsStore(tmp_path / "weights", catalog(model_file(CONTENT, hf())))


async def is_half_way(pulls: Pulls) -> Pull:
    with anyio.fail_after(30):
        async with aclosing(pulls.changes(0)) as changes:
            async for pull in changes:
                if any(0 < model.done < model.size for model in pull.models.values()):
                    return pull
    raise AssertionError("it is over")


async def test_who_stops_ends_the_pull_and_nobody_holds_the_weights(store: WeightsStore, hub: Site) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, stalls_after=120_000)
    async with open_pulls() as pulls:
        pulls.begin(store, ["tiny"], WeightsOptions(hf_endpoint=hub.url))
        await is_half_way(pulls)
    assert pulls.last.state == "cancelled"
    with store.lock(store.catalog.models[0]).acquire(timeout=0):
        assert lying_about(store.root) == [".incoming/tiny/partial/weights.bin"]


async def test_a_pull_that_is_cancelled_before_its_process_runs_ends_too(store: WeightsStore, hub: Site) -> None:
    async with open_pulls() as pulls:
        pulls.begin(store, ["tiny"], WeightsOptions(hf_endpoint=hub.url))
        await pulls.cancel()
        assert pulls.last.state == "cancelled"
        hub.answers[HF_FILE] = Answer(CONTENT)
        pulls.begin(store, ["tiny"], WeightsOptions(hf_endpoint=hub.url))
        async with aclosing(pulls.changes(0)) as changes:
            states = [pull.state async for pull in changes]
    assert (states[0], states[-1]) == ("running", "done")
    assert store.missing(["tiny"]) == []


async def test_what_is_asked_for_while_a_pull_is_being_cancelled_is_refused(store: WeightsStore, hub: Site) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, stalls_after=120_000)
    options = WeightsOptions(hf_endpoint=hub.url)
    async with open_pulls() as pulls, anyio.create_task_group() as beside:
        pulls.begin(store, ["tiny"], options)
        await is_half_way(pulls)
        beside.start_soon(pulls.cancel)
        await anyio.lowlevel.checkpoint()
        with pytest.raises(Busy):
            pulls.begin(store, ["tiny"], options)


async def test_what_is_asked_for_meanwhile_follows_and_one_that_fails_stops_no_other(tmp_path: Path, hub: Site) -> None:
    files = {name: f"/{REPO}/resolve/main/{name}.bin" for name in ("first", "second", "third")}
    few = [catalog(model_file(CONTENT, hf(f"{name}.bin"), path=f"{name}.bin"), name=name).models[0] for name in files]
    store = WeightsStore(tmp_path / "weights", Catalog(models=tuple(few), sets={"both": ("first", "third")}))
    options = WeightsOptions(hf_endpoint=hub.url)
    hub.answers = {files["first"]: Answer(CONTENT, chunk_delay_s=0.005), files["third"]: Answer(CONTENT)}
    async with open_pulls() as pulls:
        pulls.begin(store, ["first"], options)
        pulls.begin(store, ["second"], options)
        pulls.begin(store, ["both"], options)
        assert pulls.last.names == ("first", "second", "both")
        assert [(name, each.size) for name, each in pulls.last.models.items()] == [(name, 300_000) for name in files]
        assert [pulls.brings(name) for name in files] == [True, True, True]
        async with aclosing(pulls.changes(0)) as changes:
            last = [pull async for pull in changes][-1]
        assert (last.state, str(last.error)) == ("failed", str(pulls.problems["second"]))
        assert [name for name, each in last.models.items() if each.here] == ["first", "third"]
        assert pulls.landed == {"first": 1, "third": 1}
        assert hub.ranges(files["first"]) == [None]
        hub.answers[files["second"]] = Answer(CONTENT)
        pulls.begin(store, ["second"], options)
        assert "second" not in pulls.problems
        async with aclosing(pulls.changes(0)) as changes:
            assert [pull async for pull in changes][-1].state == "done"
    assert store.missing(files) == []


async def test_a_pull_that_is_stopped_says_so_of_all_that_was_to_come(tmp_path: Path, hub: Site) -> None:
    two = [catalog(model_file(CONTENT, hf()), name=name).models[0] for name in ("one", "two")]
    store = WeightsStore(tmp_path / "weights", Catalog(models=tuple(two)))
    hub.answers[HF_FILE] = Answer(CONTENT, stalls_after=120_000)
    async with open_pulls() as pulls:
        pulls.begin(store, ["one"], WeightsOptions(hf_endpoint=hub.url))
        pulls.begin(store, ["two"], WeightsOptions(hf_endpoint=hub.url))
        await is_half_way(pulls)
        await pulls.cancel()
        assert {name: problem.code for name, problem in pulls.problems.items()} == {
            "one": "weights_missing",
            "two": "weights_missing",
        }
        assert not pulls.brings("two")


async def test_the_rate_is_that_of_what_comes_now(store: WeightsStore, hub: Site) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, chunk_delay_s=0.01)
    async with open_pulls() as pulls:
        pulls.begin(store, ["tiny"], WeightsOptions(hf_endpoint=hub.url))
        async with aclosing(pulls.changes(0)) as changes:
            rates = [pull.rate async for pull in changes]
    assert any(rate is not None and rate > 0 for rate in rates)
    assert rates[-1] is None
