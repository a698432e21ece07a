"""The random weights that ``benchmarks.transformers_engine --shape`` measures. `make test-transformers`."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks.random_model import SHAPES, layer_of, write_random_model

from myna.engines.base import LLMMessage, LLMRequest, Sampling
from myna.engines.llm.transformers.engine import DEVICE, TransformersLLM
from myna.engines.llm.transformers.options import TransformersOptions
from myna.engines.llm.transformers.torch_loading import Libraries, import_libraries, load_model
from myna.engines.scheduler import open_scheduler
from myna.testing.conformance.llm import read

pytestmark = [pytest.mark.transformers, pytest.mark.anyio]


@dataclass(frozen=True)
class Files:
    """Weights that are the user's own files."""

    def locate(self, name: str) -> Path:
        return Path(name)


@pytest.fixture(scope="module")
def libraries() -> Libraries:
    pytest.importorskip("torch", reason="`make test-transformers` has it")
    return import_libraries()


async def test_a_model_of_random_weights_writes_as_much_as_it_may(libraries: Libraries, tmp_path: Path):
    """What ``benchmarks.transformers_engine --shape`` measures."""
    write_random_model(tmp_path, SHAPES["tiny"], libraries, bits=16)
    options = TransformersOptions(model=str(tmp_path), fallback_model=None)
    found = load_model(options, Files(), "cpu", libraries)
    async with open_scheduler({DEVICE: 1}) as scheduler:
        llm = TransformersLLM(found, scheduler, slots=1)
        text, finished = await read(llm, LLMRequest((LLMMessage("user", "Hi"),), Sampling(max_tokens=48)))
    assert finished.usage is not None
    assert (finished.reason, finished.usage.completion_tokens) == ("length", 48)
    assert text


def test_random_weights_of_4_bits_have_the_layout_of_gptq(libraries: Libraries):
    shape = SHAPES["tiny"]
    layer = layer_of(shape, libraries.torch, bits=4)
    sizes = {name: tuple(layer[f"mlp.down_proj.{name}"].shape) for name in ("qweight", "qzeros", "scales", "g_idx")}
    inputs, outputs = shape.intermediate, shape.hidden
    assert sizes == {
        "qweight": (inputs // 8, outputs),
        "qzeros": (inputs // 128, outputs // 8),
        "scales": (inputs // 128, outputs),
        "g_idx": (inputs,),
    }
