"""What every embedder must do.

::

    class TestMyEmbedder(EmbedderConformance):
        @pytest.fixture(scope="class")
        async def embedder(self, anyio_backend):
            async with open_my_embedder() as embedder:
                yield embedder
"""

from collections.abc import Sequence
from typing import Literal

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from myna.engines.base import Embedder
from myna.testing.conformance.giving_up import give_up

PATIENCE_S = 120.0
"""What takes longer hangs."""

KINDS: tuple[Literal["query", "passage"], ...] = ("query", "passage")


async def embed(embedder: Embedder, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
    """The vectors; every rule for them is checked on the way."""
    with anyio.fail_after(PATIENCE_S):
        vectors = await embedder.embed(texts, kind)
    assert vectors.shape == (len(texts), embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-3)
    return vectors


@pytest.mark.anyio
class EmbedderConformance:
    """Derive from it and override the fixture ``embedder``."""

    @pytest.fixture(scope="class")
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that the engine runs on."""
        return "asyncio"

    @pytest.fixture
    def embedder(self) -> Embedder:
        """The engine, open."""
        raise NotImplementedError("override the fixture embedder")

    async def test_it_says_how_many_dimensions_it_has(self, embedder: Embedder):
        assert embedder.dimensions > 1

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("count", [0, 1, 7])
    async def test_each_text_has_a_unit_vector(self, embedder: Embedder, kind: Literal["query", "passage"], count: int):
        await embed(embedder, [f"This is text {i}." for i in range(count)], kind)

    @pytest.mark.parametrize("text", ["", " ", "……", "\x00", "a\x00b", "🎉", "\ud800", "\u200b"])
    async def test_odd_texts_have_a_unit_vector_too(self, embedder: Embedder, text: str):
        await embed(embedder, [text], "passage")

    async def test_nothing_is_lost_behind_a_nul(self, embedder: Embedder):
        one, other = await embed(embedder, ["\x00 the cat sleeps", "\x00 interest rates rise"], "passage")
        assert one @ other < 0.999

    async def test_the_end_of_a_long_text_counts(self, embedder: Embedder):
        beginning = "The cat sleeps on the warm roof. " * 60
        one, other = await embed(embedder, [beginning, beginning + "Interest rates rise. " * 60], "passage")
        assert one @ other < 0.999

    async def test_shared_meaning_is_nearer_than_none(self, embedder: Embedder):
        (query,) = await embed(embedder, ["where does the cat sleep"], "query")
        near, far = await embed(embedder, ["the cat sleeps on the roof", "interest rates rise again"], "passage")
        assert query @ near > query @ far

    async def test_the_same_text_has_the_same_vector_alone_or_among_others(self, embedder: Embedder):
        (alone,) = await embed(embedder, ["Good morning."], "passage")
        among = await embed(embedder, ["Once upon a time.", "Good morning.", "The end."], "passage")
        assert among[1] == pytest.approx(alone, abs=1e-3)

    async def test_calls_at_the_same_time_do_not_mix(self, embedder: Embedder):
        texts = ["Good morning.", "今天天气很好。", "Once upon a time."]
        alone = await embed(embedder, texts, "query")
        together = np.zeros_like(alone)

        async def one(place: int) -> None:
            together[place] = (await embed(embedder, [texts[place]], "query"))[0]

        async with anyio.create_task_group() as tasks:
            for place in range(len(texts)):
                tasks.start_soon(one, place)
        assert together == pytest.approx(alone, abs=1e-3)

    async def test_after_a_call_was_cancelled_the_next_is_answered(self, embedder: Embedder):
        await give_up(embedder.embed(["One two three. " * 50] * 50, "passage"), after_s=0.01)
        await embed(embedder, ["Hello."], "query")
