"""What a server fetches while it runs is told as any other pull is."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.weights.models import HF_FILE, Told, catalog, hf, model_file, modelscope, noise
from tests.weights.sites import Answer, Site, site

from myna.cli.arrival import STEPS, follow, logged
from myna.server.pulling import open_pulls
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore

pytestmark = pytest.mark.anyio

CONTENT = noise(300_000)


@pytest.fixture
def hub() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture
def options(hub: Site) -> WeightsOptions:
    return WeightsOptions(hf_endpoint=hub.url, modelscope_endpoint=hub.url)


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    return WeightsStore(tmp_path / "weights", catalog(model_file(CONTENT, modelscope(), hf())))


async def test_a_pull_is_told_to_its_end(store: WeightsStore, hub: Site, options: WeightsOptions, told: Told) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, chunk_delay_s=0.01)
    async with open_pulls() as pulls:
        pulls.begin(store, ["tiny"], options)
        await follow(pulls, told)
    assert told.skips == [("ModelScope", "answered 404")]
    assert told.here == sorted(told.here)
    assert set(told.doings) <= {"from Hugging Face: weights.bin", "here"}
    assert told.finishes == ["tiny"]


async def test_who_looks_when_all_is_over_is_told_that_it_is(
    store: WeightsStore, hub: Site, options: WeightsOptions, told: Told
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    async with open_pulls() as pulls:
        pulls.begin(store, ["tiny"], options)
        await follow(pulls, Told())
        await follow(pulls, told)
    assert (told.here, told.finishes) == ([], ["tiny"])


async def test_a_log_has_a_line_for_each_tenth_at_most(
    store: WeightsStore, hub: Site, options: WeightsOptions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "myna")
    hub.answers[HF_FILE] = Answer(CONTENT, chunk_delay_s=0.01)
    async with open_pulls() as pulls:
        pulls.begin(store, ["tiny"], options)
        await follow(pulls, logged(logging.getLogger("myna.test")))
    lines = [record.__dict__ for record in caplog.records if record.name == "myna.test"]
    assert [line["msg"] for line in lines if line["msg"] != "fetching weights"] == [
        "a source of weights failed",
        "weights are here",
    ]
    steps = [line["done"] * STEPS // line["size"] for line in lines if line["msg"] == "fetching weights"]
    assert steps == sorted(set(steps)) != []


@pytest.fixture
def told() -> Told:
    return Told()
