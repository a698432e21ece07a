"""Chains of LLMs in the settings: `llm.fallbacks`, and servers in sections that the user names."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel
from tests.config.conftest import Machine

from myna.config.check import MASK
from myna.config.schema import json_schema
from myna.core.errors import BadConfig, UnknownName
from myna.engines.llm.openai import OpenAIOptions

CHAIN = """
[llm]
engine = "cloud"
fallbacks = ["Gpu-Box", "llamacpp"]

[endpoints.cloud]
base_url = "https://api.example.com/v1"
model = "large"

[endpoints.Gpu-Box]
base_url = "http://192.168.1.20:8000"
"""


def chosen(machine: Machine, overrides: Mapping[str, Any] | None = None) -> list[tuple[str, Any]]:
    """The chain's members, with their models."""
    return [(member.name, _model(member.options)) for member in machine.load(overrides).choice("llm").members]


def _model(options: BaseModel) -> object:
    return getattr(options, "model", None)


def test_a_chain_has_its_engines_in_their_order(machine: Machine):
    machine.toml(CHAIN)
    cloud, box, embedded = machine.load().choice("llm").members
    assert (cloud.name, box.name, embedded.name) == ("cloud", "Gpu-Box", "llamacpp")
    assert isinstance(cloud.options, OpenAIOptions)
    assert cloud.options.base_url == "https://api.example.com/v1"
    assert isinstance(box.options, OpenAIOptions)
    assert (cloud.weights, embedded.weights) == ((), ("qwen2.5-coder-0.5b-instruct",))
    assert [member.fallbacks for member in (box, embedded)] == [(), ()]


def test_without_fallbacks_there_is_one(machine: Machine):
    assert chosen(machine) == [("llamacpp", "qwen2.5-coder-0.5b-instruct")]


def test_the_environment_can_say_all_of_it(machine: Machine):
    machine.environ = {
        "MYNA_LLM__ENGINE": "openai",
        "MYNA_LLM__FALLBACKS": "cloud, llamacpp",
        "MYNA_ENDPOINTS__CLOUD__BASE_URL": "https://api.example.com/v1",
        "MYNA_ENDPOINTS__CLOUD__API_KEY": "sk-of-cloud",
    }
    assert [name for name, _ in chosen(machine)] == ["openai", "cloud", "llamacpp"]
    endpoint = machine.load().settings.endpoints["cloud"]
    assert endpoint.api_key is not None
    assert endpoint.api_key.get_secret_value() == "sk-of-cloud"


def test_a_variable_adds_to_the_section_of_the_file(machine: Machine):
    machine.toml(CHAIN)
    machine.environ = {"MYNA_ENDPOINTS__GPU_BOX__MODEL": "mine", "MYNA_ENDPOINTS__CLOUD__API_KEY": "sk-1"}
    assert chosen(machine) == [("cloud", "large"), ("Gpu-Box", "mine"), ("llamacpp", "qwen2.5-coder-0.5b-instruct")]


def test_the_general_model_is_that_of_the_first_alone(machine: Machine):
    machine.toml(CHAIN)
    assert [model for _, model in chosen(machine, {"llm": {"model": "new"}})] == [
        "new",
        None,
        "qwen2.5-coder-0.5b-instruct",
    ]
    assert chosen(machine, {"llm": {"engine": "llamacpp", "fallbacks": "cloud", "model": "x"}}) == [
        ("llamacpp", "x"),
        ("cloud", "large"),
    ]
    machine.environ = {"MYNA_LLM__MODEL": "from-environment"}
    assert chosen(machine)[0] == ("cloud", "from-environment")


def test_one_line_switches_between_them(machine: Machine):
    machine.toml(CHAIN)
    machine.environ = {"MYNA_LLM__ENGINE": "Gpu-Box", "MYNA_LLM__FALLBACKS": "[]"}
    assert chosen(machine) == [("Gpu-Box", None)]


def test_the_next_one_is_asked_before_a_session_gives_up(machine: Machine):
    assert machine.load().settings.failover_after_s == 8
    machine.environ = {"MYNA_SESSION__FIRST_TOKEN_TIMEOUT_S": "5"}
    assert machine.load().settings.failover_after_s == 4


def test_any_of_them_can_be_had_by_its_name(machine: Machine):
    machine.toml(CHAIN)
    loaded = machine.load()
    assert loaded.llm("cloud") == machine.load().llm("cloud")
    assert loaded.llm("openai").fallbacks == ()
    with pytest.raises(UnknownName, match=r"no LLM engine 'nobody'; there is: .*openai.*, cloud, Gpu-Box"):
        loaded.llm("nobody")


def test_secrets_are_masked_and_addresses_shown(machine: Machine):
    machine.toml(CHAIN)
    machine.environ = {
        "MYNA_ENDPOINTS__CLOUD__API_KEY": "sk-of-cloud",
        "MYNA_ENDPOINTS__CLOUD__BASE_URL": "https://me:pass@api.example.com",
    }
    assert machine.value("endpoints.cloud.api_key") == MASK
    assert machine.value("endpoints.cloud.base_url") == f"https://{MASK}@api.example.com"
    assert machine.origin("endpoints.cloud.api_key") == "MYNA_ENDPOINTS__CLOUD__API_KEY in the environment"
    assert "sk-of-cloud" in machine.load().secrets()
    assert "sk-of-cloud" not in json.dumps([str(each) for each in machine.load().provenance()])


def test_an_engine_that_is_chosen_for_once_is_taken_out_of_the_fallbacks(machine: Any) -> None:
    machine.toml('[llm]\nengine = "openai"\nfallbacks = ["llamacpp"]\n[openai]\nbase_url = "http://127.0.0.1:1"\n')
    assert [one.name for one in machine.load().choice("llm").members] == ["openai", "llamacpp"]
    machine.environ["MYNA_LLM__ENGINE"] = "llamacpp"
    assert [one.name for one in machine.load().choice("llm").members] == ["llamacpp"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"MYNA_LLM__ENGINE": "mine"},
            "MYNA_LLM__ENGINE in the environment: there is no llm engine 'mine'; there is: ",
        ),
        (
            {"MYNA_LLM__FALLBACKS": "openai,mine"},
            "MYNA_LLM__FALLBACKS in the environment: there is no llm engine 'mine'; there is: ",
        ),
        ({"MYNA_LLM__FALLBACKS": "kokoro"}, "there is no llm engine 'kokoro'"),
        (
            {"MYNA_LLM__FALLBACKS": "llamacpp"},
            "MYNA_LLM__FALLBACKS in the environment: 'llamacpp' is llm.engine already.",
        ),
        ({"MYNA_LLM__FALLBACKS": "openai, openai"}, "'openai' is named twice."),
        (
            {"MYNA_ENDPOINTS__OPENAI__MODEL": "x"},
            "MYNA_ENDPOINTS__OPENAI__MODEL in the environment: openai is the name",
        ),
        ({"MYNA_ENDPOINTS__CLOUD__BASE_URL": "api.example.com"}, "must begin with http:// or https://"),
        ({"MYNA_ENDPOINTS__CLOUD__BASE": "x"}, "no such setting. Did you mean MYNA_ENDPOINTS__CLOUD__BASE_URL?"),
        ({"MYNA_LLM__FAILOVER_AFTER_S": "0"}, "must be greater than 0"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_source(machine: Machine, environ: dict[str, str], said: str):
    machine.environ = environ
    assert said in machine.fail()


def test_what_is_wrong_in_a_file_is_told_with_its_line(machine: Machine):
    machine.toml(
        '[llm]\nfallbacks = ["cloud", "mine"]\n\n[endpoints.cloud]\nmodell = "x"\n\n[endpoints."my box"]\nmodel = "y"\n'
    )
    told = machine.fail()
    assert "llm.fallbacks in myna.toml (line 2): there is no llm engine 'mine'" in told
    assert "endpoints.cloud.modell in myna.toml (line 5): no such setting" in told


def test_names_are_letters_and_digits(machine: Machine):
    machine.toml('[endpoints."my box"]\nmodel = "y"\n')
    assert "endpoints.my box" in machine.fail()


def test_an_endpoint_that_nobody_names_must_hold_too(machine: Machine):
    machine.toml("[endpoints.cloud]\ntimeout_s = -1\n")
    assert "endpoints.cloud.timeout_s in myna.toml (line 2): must be greater than 0" in machine.fail()


def test_no_engine_can_take_the_name_of_the_section(machine: Machine, install: Any):
    install("own", "plugin = None", {"myna.llm": "endpoints = own:plugin"})
    with pytest.raises(BadConfig, match="Myna's own \\[endpoints\\]"):
        machine.load()


def test_the_schema_allows_engines_and_the_names_of_sections(machine: Machine):
    names = json_schema()["$defs"]["LLMSettings"]["properties"]
    for each in (names["engine"], names["fallbacks"]["items"]):
        engines, named = each["anyOf"]
        assert {"llamacpp", "openai"} <= set(engines["enum"])
        assert named["pattern"] == "^[A-Za-z][A-Za-z0-9_-]{0,31}$"
    names = json_schema(("cloud",))["$defs"]["LLMSettings"]["properties"]
    assert names["engine"]["enum"][-1] == names["fallbacks"]["items"]["enum"][-1] == "cloud"
    (named,) = json_schema()["properties"]["endpoints"]["patternProperties"].values()
    assert named["$ref"].endswith("/OpenAIOptions")
