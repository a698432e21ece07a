"""Pulling beside a server: how it ends. What it tells meanwhile is in test_weights."""

from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
from tests.weights.conftest import lying_about
from tests.weights.models import HF_FILE, catalog, hf, model_file, noise
from tests.weights.sites import Answer, Site, site

from myna.server.pulling import Pull, Pulls, open_pulls
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


async def test_the_rate_is_that_of_what_comes_now(store: WeightsStore, hub: Site) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, chunk_delay_s=0.01)
    async with open_pulls() as pulls:
        pulls.begin(store, ["tiny"], WeightsOptions(hf_endpoint=hub.url))
        async with aclosing(pulls.changes(0)) as changes:
            rates = [pull.rate async for pull in changes]
    assert any(rate is not None and rate > 0 for rate in rates)
    assert rates[-1] is None
