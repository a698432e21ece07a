"""``weights.set`` chooses the models of the engines."""

from typing import Any, get_args

import pytest

from myna.config.sets import MODELS_OF_SET
from myna.weights.catalog import load_catalog
from myna.weights.options import WeightsOptions


def test_a_set_names_the_models_of_the_engines(machine: Any):
    machine.toml('[weights]\nset = "standard"\n')
    assert machine.value("llamacpp.model") == "qwen2.5-3b-instruct"
    assert machine.value("llm.model") == "qwen2.5-3b-instruct"
    assert machine.value("faster_whisper.model") == "whisper-small"
    assert machine.origin("llamacpp.model") == "set standard"


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
    assert "'starter' or 'standard'" in machine.fail()


def test_the_file_to_write_is_the_one_that_was_read(machine: Any):
    assert machine.load().file == machine.config / "myna.toml"
    machine.toml("")
    assert machine.load().file == machine.cwd / "myna.toml"


def test_every_set_that_can_be_chosen_is_known_and_its_models_are_in_it():
    catalog = load_catalog()
    assert get_args(WeightsOptions.model_fields["set"].annotation) == tuple(MODELS_OF_SET)
    for name, models in MODELS_OF_SET.items():
        assert set(models.values()) <= set(catalog.sets[name])
