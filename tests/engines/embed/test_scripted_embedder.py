import anyio
import numpy as np
import pytest

from myna.core.errors import EngineUnavailable
from myna.engines.base import Embedder
from myna.testing.clock import on_virtual_clock
from myna.testing.conformance.embed import EmbedderConformance
from myna.testing.embed import ScriptedEmbedder, ScriptedEmbedding
from myna.testing.llm import HANG, Pause


class TestScriptedEmbedder(EmbedderConformance):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return ScriptedEmbedder()


@pytest.mark.anyio
async def test_calls_are_noted_and_the_dimensions_are_as_told() -> None:
    embedder = ScriptedEmbedder(dimensions=3)
    assert (await embedder.embed(["one", "two"], "query")).shape == (2, 3)
    assert embedder.calls == [ScriptedEmbedding(("one", "two"), "query")]


@pytest.mark.anyio
async def test_the_order_of_words_and_their_case_make_no_difference() -> None:
    one, other = await ScriptedEmbedder().embed(["Good morning", "morning good"], "passage")
    assert np.allclose(one, other)


@on_virtual_clock
async def test_it_takes_its_time_then_hangs_then_fails() -> None:
    embedder = ScriptedEmbedder([Pause(2)], [HANG], [EngineUnavailable("gone")])
    began = anyio.current_time()
    await embedder.embed(["one"], "query")
    assert anyio.current_time() - began == 2
    with pytest.raises(TimeoutError), anyio.fail_after(3600):
        await embedder.embed(["one"], "query")
    with pytest.raises(EngineUnavailable, match="gone"):
        await embedder.embed(["one"], "query")
