"""What the engine on PyTorch counts as needed, as free, and as no memory. `make test-transformers`."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.engines.llm.transformers.tiny_model import write_tiny_model

from myna.engines.llm.transformers.model import OutOfMemory, Scores
from myna.engines.llm.transformers.options import TransformersOptions
from myna.engines.llm.transformers.torch_loading import Libraries, TorchLoader, import_libraries
from myna.engines.llm.transformers.torch_model import GuardedDrawer

pytestmark = pytest.mark.transformers


@pytest.fixture(scope="module")
def libraries() -> Libraries:
    pytest.importorskip("torch", reason="`make test-transformers` has it")
    return import_libraries()


@pytest.mark.parametrize(("dtype", "cache"), [("float16", "3.2 GB"), ("float32", "6.4 GB")])
def test_what_is_needed_and_what_is_free_are_those_of_the_options(
    libraries: Libraries, tmp_path: Path, dtype: str, cache: str
):
    write_tiny_model(tmp_path)
    sizes = {"num_hidden_layers": 48, "num_key_value_heads": 8, "num_attention_heads": 40, "hidden_size": 5120}
    told = json.loads((tmp_path / "config.json").read_bytes()) | sizes | {"max_position_embeddings": 16384}
    (tmp_path / "config.json").write_text(json.dumps(told | {"layer_types": ["full_attention"] * 48}))
    cuda = SimpleNamespace(  # two GPUs that are pretended, of which the second is wanted
        is_available=lambda: True,
        device_count=lambda: 2,
        mem_get_info=[(90 * 10**9, 90 * 10**9), (10**9, 90 * 10**9)].__getitem__,
        memory_allocated=[0, 0].__getitem__,
        memory_reserved=[0, 0].__getitem__,
        max_memory_allocated=[0, 0].__getitem__,
    )
    pretended = Libraries(SimpleNamespace(cuda=cuda), libraries.transformers)
    wanted = TransformersOptions.model_validate({"device_map": "cuda:1", "dtype": dtype})
    with pytest.raises(OutOfMemory, match=rf"{cache} for the KV cache of 16,384 tokens.* of 1\.0 GB that are free"):
        TorchLoader(pretended, wanted, "cuda").load(tmp_path, "pretended")


def test_a_drawer_without_memory_says_so(libraries: Libraries):
    problem = libraries.torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")

    class Full:
        def draw(self, scores: Scores) -> int:
            raise problem

    with pytest.raises(OutOfMemory, match="Tried to allocate"):
        GuardedDrawer(libraries.torch, Full()).draw(0)
