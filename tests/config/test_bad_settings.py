"""Every bad setting is told with its key, its source and what is allowed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from myna.core.errors import BadConfig

FILES = [
    ('[llm]\nprofile = "fast"\nmodle = "x"', 3, "llm.modle", "no such setting. Did you mean llm.model?"),
    ("[serverr]\nport = 1", 1, "serverr", "no such setting. Did you mean server?"),
    ("\n\ntemperature = 0.5", 3, "temperature", "no such setting. Did you mean llm.temperature?"),
    ("[vad]\nspeed = 1", 2, "vad.speed", "no such setting. In [vad] there is: engine."),
    ('llm = "qwen"', 1, "llm", "must be a table of settings."),
    ('[server]\nport = "many"', 2, "server.port", 'must be a valid integer, not "many".'),
    ("[server]\nport = 99999", 2, "server.port", "must be less than or equal to 65535, not 99999."),
    ("[server.port]\nmin = 1", 1, "server.port", 'must be a valid integer, not {"min": 1}.'),
    ("[server]\nhost = 1", 2, "server.host", "must be a valid string, not 1."),
    ("[llm]\ntemperature = nan", 2, "llm.temperature", "must be a finite number, not NaN."),
    ("[llm]\nprofile = 'x'", 2, "llm.profile", "must be 'fast', 'balanced' or 'quality', not \"x\"."),
    (
        "[llm]\nengine = 'x'",
        2,
        "llm.engine",
        "there is no llm engine 'x'; there is: llamacpp, llamafactory, openai, transformers.",
    ),
    ("[tts]\nengine = 'silero'", 2, "tts.engine", "there is no tts engine 'silero'; there is: kokoro."),
    ("[vad]\nengine = 'none'", 2, "vad.engine", "there is no vad engine 'none'; there is: silero."),
    ("[turn]\nengine = 'x'", 2, "turn.engine", "there is no turn engine 'x'; there is: smart_turn, none."),
    ("[asr]\nengine = 1", 2, "asr.engine", "must be a valid string, not 1."),
    ("[asr]\nlanguage = '?'", 2, "asr.language", 'must be auto, or a language\'s code such as zh or en, not "?".'),
    ("[session]\nallowed_emotions = []", 2, "session.allowed_emotions", "must have at least 1 item, not []."),
    (
        "[session]\nallowed_emotions = [\n  '开心',\n  3,\n]",
        2,
        "session.allowed_emotions",
        'must be a valid string, not ["开心", 3].',
    ),
    (
        "[session]\nallowed_emotions = ['开心']\ndefault_emotion = '平净'",
        3,
        "session.default_emotion",
        'must be one of session.allowed_emotions, which are 开心, not "平净".',
    ),
]


@pytest.mark.parametrize(("text", "line", "key", "message"), FILES, ids=[row[0] for row in FILES])
def test_a_bad_setting_in_a_file_is_told(machine: Any, text: str, line: int, key: str, message: str):
    machine.toml(text)
    assert machine.fail() == f"{key} in myna.toml (line {line}): {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nport = \n", "Invalid value (at line 2, column 8)"),
        ("[llm]\n[llm]", "Cannot declare ('llm',) twice (at line 2, column 5)"),
        ("model = 'x", 'Expected "\'" (at end of document)'),
    ],
)
def test_a_file_that_is_no_toml_is_told(machine: Any, text: str, message: str):
    machine.toml(text)
    assert machine.fail() == f"myna.toml is not valid TOML: {message}."


NAMES = [
    ("MYNA_LLM__MODLE", "x", "no such setting. Did you mean MYNA_LLM__MODEL?"),
    ("MYNA_LLM_MODEL", "x", "no such setting. Did you mean MYNA_LLM__MODEL?"),
    ("MYNA_llm__model", "x", "no such setting. Did you mean MYNA_LLM__MODEL?"),
    ("MYNA_PORT", "1", "no such setting. Did you mean MYNA_SERVER__PORT?"),
    ("MYNA_VAD__SPEED", "1", "no such setting. In [vad] there is: engine."),
    ("MYNA_SERVER__PORT", "70000", 'must be less than or equal to 65535, not "70000".'),
    ("MYNA_DEVICE", "tpu", "must be 'auto', 'cpu' or 'cuda', not \"tpu\"."),
    ("DEVICE", "tpu", "must be 'auto', 'cpu' or 'cuda', not \"tpu\"."),
    ("LLM_TOP_P", "2", 'must be less than or equal to 1, not "2".'),
    ("LANGUAGE", "chinese", 'must be auto, or a language\'s code such as zh or en, not "chinese".'),
    ("MYNA_SESSION__ALLOWED_EMOTIONS", "[oops", 'must be a valid tuple, not "[oops".'),
    (
        "MYNA_LLM__ENGINE",
        "gpt",
        "there is no llm engine 'gpt'; there is: llamacpp, llamafactory, openai, transformers.",
    ),
]


@pytest.mark.parametrize(("name", "text", "message"), NAMES)
def test_a_bad_variable_is_told(machine: Any, name: str, text: str, message: str):
    machine.environ[name] = text
    assert machine.fail() == f"{name} in the environment: {message}"


@pytest.mark.parametrize(("name", "text", "message"), NAMES)
def test_a_bad_line_in_an_env_file_is_told(machine: Any, name: str, text: str, message: str):
    machine.dotenv(f"\n# mine\nexport {name}='{text}'")
    assert machine.fail() == f"{name} in .env (line 3): {message}"


def test_an_unknown_name_without_a_likeness_tells_the_sections(machine: Any):
    machine.environ["MYNA_ZZZ__QQQ"] = "1"
    assert machine.fail().startswith("MYNA_ZZZ__QQQ in the environment: no such setting. There is: asr, device, ")


def test_a_bad_flag_is_told(machine: Any):
    assert machine.fail({"server": {"port": -1}}) == (
        "server.port on the command line: must be greater than or equal to 0, not -1."
    )


def test_all_problems_are_told_at_once(machine: Any):
    machine.toml("[server]\nport = -1\n[llm]\nmodle = 1")
    machine.dotenv("MYNA_NOPE=1\nMYNA_LLM__TOP_P=x")
    machine.environ["DEVICE"] = "tpu"
    lines = machine.fail({"asr": {"language": "?"}}).splitlines()
    assert lines[0] == "6 settings cannot be used:"
    told = [line.removeprefix("  - ").partition(":")[0] for line in lines[1:]]
    assert sorted(told) == [
        "DEVICE in the environment",
        "MYNA_LLM__TOP_P in .env (line 2)",
        "MYNA_NOPE in .env (line 1)",
        "asr.language on the command line",
        "llm.modle in myna.toml (line 4)",
        "server.port in myna.toml (line 2)",
    ]


def test_a_broken_file_does_not_hide_a_bad_variable(machine: Any):
    machine.toml("[llm")
    machine.environ["DEVICE"] = "tpu"
    message = machine.fail()
    assert "myna.toml is not valid TOML" in message
    assert "DEVICE in the environment" in message


def test_every_error_says_where_the_settings_are_described(machine: Any):
    machine.environ["MYNA_NOPE"] = "1"
    with pytest.raises(BadConfig) as raised:
        machine.load()
    assert "myna config schema" in raised.value.hint


def test_other_names_in_an_env_file_are_left_alone(machine: Any):
    machine.dotenv("OPENAI_API_KEY=sk-1\nmyna=1\nnot a line at all\nPORT=x\nCHAT_MODE\n")
    assert machine.load().settings.server.port == 8765


def test_a_broken_line_that_was_to_set_something_of_ours_is_told(machine: Any):
    machine.dotenv("A=1\n\nMYNA_LLM__MODEL='qwen\nB=2\nDEVICE ? cuda\n")
    message = machine.fail()
    assert "MYNA_LLM__MODEL in .env (line 3): this line cannot be understood." in message
    assert "DEVICE in .env (line 5): this line cannot be understood." in message


@pytest.mark.parametrize("name", ["myna.toml", ".env"])
def test_a_file_that_is_not_utf8_is_told_with_its_line(machine: Any, name: str):
    (machine.cwd / name).write_bytes("# ok\n# 你好".encode("gbk"))
    assert machine.fail() == f"{name} is not UTF-8 (line 2)."


@pytest.mark.parametrize("name", ["myna.toml", ".env"])
def test_a_byte_order_mark_is_no_problem(machine: Any, name: str):
    text = "llm.top_k = 7" if name == "myna.toml" else "LLM_TOP_K=7"
    (machine.cwd / name).write_text(text, encoding="utf-8-sig")
    assert machine.value("llm.top_k") == 7


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that even root cannot read")
def test_a_file_that_cannot_be_read_is_told(machine: Any):
    (machine.cwd / "myna.toml").symlink_to("/proc/self/mem")
    assert machine.fail() == "myna.toml cannot be read: Input/output error."


def test_a_folder_called_env_is_no_env_file(machine: Any):
    (machine.cwd / ".env").mkdir()
    assert machine.load().settings.device == "auto"


SECRETIVE = """
from pydantic import BaseModel, SecretStr, field_validator, model_validator

class Options(BaseModel):
    api_key: SecretStr = SecretStr("")
    token: int = 0
    pin_secret: str = ""
    url: str = "http://user:hunter2@example.org/"

    @field_validator("pin_secret")
    @classmethod
    def _four(cls, value):
        if len(value) != 4:
            raise ValueError(f"{value} has not four digits")
        return value

    @model_validator(mode="after")
    def _never(self):
        if self.pin_secret:
            raise ValueError(f"{self.pin_secret} does not go with the token")
        return self

class plugin:
    options_model = Options
    weights = open = staticmethod(lambda *_: ())
"""


def test_a_secret_is_never_told(machine: Any, install: Callable[..., Path]):
    install("secretive", SECRETIVE, {"myna.turn": "secretive = secretive:plugin"})
    machine.toml('[secretive]\napi_key = 12345678\ntoken = "hunter2"\npin_secret = "hunter2"\napikey = "hunter2"')
    message = machine.fail()
    assert "secretive.api_key in myna.toml (line 2): must be a valid string." in message
    assert "secretive.pin_secret in myna.toml (line 4): is not valid." in message
    assert "secretive.apikey in myna.toml (line 5): no such setting. Did you mean secretive.api_key?" in message
    assert "hunter2" not in message
    assert "12345678" not in message


def test_a_secret_is_never_told_of_a_whole_section_either(machine: Any, install: Callable[..., Path]):
    install("secretive", SECRETIVE, {"myna.turn": "secretive = secretive:plugin"})
    machine.environ["MYNA_SECRETIVE__PIN_SECRET"] = "1234"
    assert machine.fail() == "The section [secretive]: is not valid."


def test_a_secret_is_masked_where_settings_are_shown(machine: Any, install: Callable[..., Path]):
    install("secretive", SECRETIVE, {"myna.turn": "secretive = secretive:plugin"})
    machine.environ |= {"MYNA_SECRETIVE__API_KEY": "hunter2", "MYNA_SECRETIVE__TOKEN": "1234"}
    assert machine.value("secretive.api_key") == "********"
    assert machine.value("secretive.token") == "********"
    assert machine.value("secretive.url") == "http://********@example.org/"


def test_a_password_in_a_url_is_not_told_either(machine: Any):
    machine.environ["DEVICE"] = "http://me:hunter2@example.org"
    assert "hunter2" not in machine.fail()
