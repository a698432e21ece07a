"""``weights.set`` chooses the models of the engines."""

from typing import Any, get_args

import pytest

from myna.config.sets import SETTINGS_OF_SET
from myna.weights.catalog import load_catalog
from myna.weights.options import WeightsOptions


def test_a_set_names_the_models_of_the_engines(machine: Any):
    machine.toml('[weights]\nset = "standard"\n')
    assert machine.value("llamacpp.model") == "qwen2.5-3b-instruct"
    assert machine.value("llm.model") == "qwen2.5-3b-instruct"
    assert machine.value("faster_whisper.model") == "whisper-small"
    assert machine.origin("llamacpp.model") == "set standard"


def test_the_set_for_a_gpu_chooses_the_engine_that_runs_it(machine: Any):
    machine.toml('[weights]\nset = "gpu"\n')
    assert machine.value("llm.engine") == "transformers"
    assert machine.origin("llm.engine") == "set gpu"
    assert machine.value("llm.model") == "qwen2.5-14b-instruct-gptq-int4"
    assert machine.value("transformers.fallback_model") == "qwen2.5-7b-instruct-gptq-int4"
    assert machine.value("faster_whisper.model") == "whisper-small"


def test_an_engine_that_is_named_wins_over_that_of_the_set(machine: Any):
    machine.environ |= {"MYNA_WEIGHTS__SET": "gpu", "LLAMA_BASE": "http://127.0.0.1:8080"}
    assert machine.value("llm.engine") == "openai"
    assert not machine.value("llm.model")


@pytest.mark.parametrize("key", ["llm", "llamacpp"])
def test_a_model_that_is_named_wins_over_the_set(machine: Any, key: str):
    machine.toml(f'weights.set = "standard"\n[{key}]\nmodel = "mine.gguf"\n')
    assert machine.value("llamacpp.model") == "mine.gguf"
    assert machine.value("faster_whisper.model") == "whisper-small"


def test_the_plain_name_of_a_model_wins_too(machine: Any):
    machine.environ |= {"MYNA_WEIGHTS__SET": "standard", "MODEL_PATH": "whisper-base"}
    assert machine.value("faster_whisper.model") == "whisper-base"


def test_what_was_given_is_told_from_what_a_set_gave(machine: Any):
    machine.toml('[weights]\nset = "standard"\n')
    loaded = machine.load()
    assert loaded.is_given("weights", "set")
    assert not loaded.is_given("llamacpp", "model")
    assert not loaded.is_given("server", "port")


def test_an_unknown_set_is_an_error_that_says_what_there_is(machine: Any):
    machine.toml('[weights]\nset = "huge"\n')
    assert "'starter', 'standard' or 'gpu'" in machine.fail()


def test_the_file_to_write_is_the_one_that_was_read(machine: Any):
    assert machine.load().file == machine.config / "myna.toml"
    machine.toml("")
    assert machine.load().file == machine.cwd / "myna.toml"


def test_every_set_that_can_be_chosen_is_known_and_its_models_are_in_it():
    catalog = load_catalog()
    assert get_args(WeightsOptions.model_fields["set"].annotation) == tuple(SETTINGS_OF_SET)
    for name, settings in SETTINGS_OF_SET.items():
        models = {value for key, value in settings.items() if key[-1] in ("model", "fallback_model")}
        assert models <= set(catalog.sets[name])
