import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.engines.llm.transformers.scripted_model import ScriptedModel, loaded

from myna.core.errors import BadConfig, EngineUnavailable, MynaError, UnknownName, WeightsMissing
from myna.engines.base import GPUMemory, Resources
from myna.engines.llm.transformers.loading import catalog_name, load_first, locate, needed_weights
from myna.engines.llm.transformers.model import Loaded, OutOfMemory, told
from myna.engines.llm.transformers.options import TransformersOptions
from myna.engines.llm.transformers.plugin import TransformersPlugin, plugin
from myna.engines.scheduler import open_scheduler
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

BIG, SMALL = "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4"


def test_the_models_of_the_options_are_those_of_the_contract():
    options = TransformersOptions()
    assert (options.model, options.fallback_model) == (BIG, SMALL)
    assert TransformersOptions(fallback_model="").fallback_model is None


def test_code_of_a_model_is_never_trusted():
    with pytest.raises(ValidationError):
        TransformersOptions.model_validate({"trust_remote_code": True})


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (BIG, "qwen2.5-14b-instruct-gptq-int4"),
        (SMALL.lower(), "qwen2.5-7b-instruct-gptq-int4"),
        ("qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-0.5b-instruct"),
        ("Qwen/Qwen3-8B", None),
    ],
)
def test_a_model_of_the_catalog_is_known_by_its_name_on_the_hub_too(model: str, name: str | None):
    assert catalog_name(model) == name


def test_only_what_myna_can_pull_and_the_users_own_files_are_asked_for(tmp_path: Path):
    assert needed_weights(BIG) == ("qwen2.5-14b-instruct-gptq-int4",)
    assert needed_weights("Qwen/Qwen3-8B") == ()
    assert needed_weights(str(tmp_path)) == (str(tmp_path),)
    assert needed_weights("models/mine.gguf") == ("models/mine.gguf",)
    installed = TransformersPlugin(libraries=("json",))
    assert installed.weights(TransformersOptions()) == ("qwen2.5-14b-instruct-gptq-int4",)


def test_gigabytes_are_not_asked_for_where_the_libraries_are_not_installed():
    assert TransformersPlugin(libraries=("json", "no_such_library")).weights(TransformersOptions()) == ()


def nowhere(model: str) -> Path | None:
    return None


def test_what_is_not_here_is_told_with_how_to_fetch_it(tmp_path: Path):
    store = WeightsStore(tmp_path, load_catalog())
    with pytest.raises(WeightsMissing, match=r"myna models pull qwen2\.5-14b-instruct-gptq-int4"):
        locate(BIG, store, nowhere)
    with pytest.raises(WeightsMissing, match="hf download Qwen/Qwen3-8B"):
        locate("Qwen/Qwen3-8B", store, nowhere)
    with pytest.raises(UnknownName, match="no-such-model"):
        locate("no-such-model", store, nowhere)
    with pytest.raises(UnknownName, match=r"mine\.gguf"):
        locate("models/mine.gguf", store, nowhere)


def test_a_folder_and_what_hugging_face_has_fetched_are_found(tmp_path: Path):
    store = WeightsStore(tmp_path / "weights", load_catalog())
    assert locate(str(tmp_path), store, nowhere) == tmp_path
    assert locate("Qwen/Qwen3-8B", store, lambda model: tmp_path / model) == tmp_path / "Qwen/Qwen3-8B"
    assert locate(BIG, store, lambda model: tmp_path / model) == tmp_path / BIG


def loads(**outcomes: Exception) -> tuple[Callable[[str], Loaded], list[str]]:
    """Loads every model but those that fail, and what was tried."""
    tried: list[str] = []

    def load(model: str) -> Loaded:
        tried.append(model)
        if problem := outcomes.get(model):
            raise problem
        return loaded(ScriptedModel())

    return load, tried


def test_a_model_that_fits_is_loaded_alone():
    load, tried = loads()
    load_first(["big", "small"], load, lambda: None)
    assert tried == ["big"]


def test_where_the_model_does_not_fit_the_fallback_is_loaded_and_that_is_told(caplog: pytest.LogCaptureFixture):
    load, tried = loads(big=OutOfMemory("it takes 18 GB."))
    freed: list[str] = []
    with caplog.at_level(logging.WARNING):
        load_first(["big", "small"], load, lambda: freed.append(tried[-1]))
    assert tried == ["big", "small"]
    assert freed == ["big"], "before the other is loaded"
    assert caplog.messages == [
        "big does not fit into memory: it takes 18 GB.",
        "small is loaded instead of big.",
    ]


def test_where_none_fits_both_reasons_are_told():
    load, _ = loads(big=OutOfMemory("it takes 18 GB"), small=OutOfMemory("it takes 11 GB"))
    with pytest.raises(EngineUnavailable) as raised:
        load_first(["big", "small"], load, lambda: None)
    assert raised.value.message == (
        "No model could be loaded: big does not fit into memory: it takes 18 GB; small does not fit into memory: "
        "it takes 11 GB."
    )


def test_a_fallback_that_is_not_here_is_told_with_how_to_fetch_it():
    load, _ = loads(big=OutOfMemory("it takes 18 GB"), small=WeightsMissing("no", hint="Run: myna models pull small"))
    with pytest.raises(EngineUnavailable, match=r"the fallback small is not on this machine \(Run: myna models pull"):
        load_first(["big", "small"], load, lambda: None)


@pytest.mark.parametrize("problem", [WeightsMissing("not here"), BadConfig("no template")])
def test_only_want_of_memory_leads_to_the_fallback(problem: MynaError):
    load, tried = loads(big=problem)
    with pytest.raises(type(problem)):
        load_first(["big", "small"], load, lambda: None)
    assert tried == ["big"]


def test_the_memory_of_a_gpu_in_words():
    memory = GPUMemory("cuda:0", total=24_000_000_000, free=4_000_000_000, used=15, reserved=20_000_000_000, peak=16)
    assert told([memory]) == "cuda:0: 0.00 GB used, 20.00 GB reserved, 0.00 GB peak, 4.00 GB free of 24.00 GB"
    assert told([]) == "no GPU"


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is here")
@pytest.mark.anyio
async def test_without_the_libraries_it_says_how_to_install_them(tmp_path: Path):
    store = WeightsStore(tmp_path, load_catalog())
    async with open_scheduler({"cpu": 1}) as scheduler:
        with pytest.raises(BadConfig, match=r"pip install 'myna\[gpu\]'"):
            async with plugin.open(TransformersOptions(), Resources(store, scheduler)):
                pass
