"""What is written, and what is refused before anything is. What a file looks like afterwards is in test_edit."""

from typing import Any

import pytest

from myna.config.change import change_settings
from myna.config.load import Loaded
from myna.core.errors import BadConfig, Busy


def refused(machine: Any, changes: dict[str, Any], overrides: dict[str, Any] | None = None) -> str:
    file = machine.cwd / "myna.toml"
    before = file.read_text() if file.exists() else None
    with pytest.raises(BadConfig) as raised:
        change_settings(machine.load(overrides), changes)
    assert (file.read_text() if file.exists() else None) == before
    return str(raised.value)


def test_values_are_written_and_others_taken_out(machine: Any):
    machine.toml("# mine\n[llm]\ntemperature = 1 # warm\ntop_k = 3\n")
    then = change_settings(machine.load(), {"llm.temperature": 0.5, "llm.top_k": None, "device": "CPU"})
    assert (machine.cwd / "myna.toml").read_text() == 'device = "CPU"\n# mine\n[llm]\ntemperature = 0.5 # warm\n'
    assert (then.settings.llm.temperature, then.settings.llm.top_k, then.settings.device) == (0.5, 50, "cpu")
    assert then.settings == machine.load().settings


def test_where_there_is_no_file_the_users_is_made(machine: Any):
    then = change_settings(machine.load(), {"asr.language": "zh"})
    assert then.file == machine.config / "myna.toml"
    assert machine.value("asr.language") == "zh"


def test_the_whole_is_checked_and_none_of_it_is_written(machine: Any):
    machine.toml("[session]\nallowed_emotions = ['Happy']\n")
    told = refused(machine, {"llm.top_k": 3, "llm.temperature": 9, "asr.language": "klingonisch"})
    assert "llm.temperature in the changed myna.toml" in told
    assert "less than or equal to 2, not 9" in told
    assert "asr.language" in told
    assert "session.default_emotion" in refused(machine, {"session.default_emotion": "Angry"})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("llm.temprature", "Did you mean llm.temperature?"),
        ("temperature", "Did you mean llm.temperature?"),
        ("llm", "llm is a section of the settings. Name a setting in it: llm.engine,"),
        ("", "There is no setting"),
        ("llm.temperature.x", "There is no setting llm.temperature.x."),
    ],
)
def test_an_unknown_name_is_told_with_what_was_meant(machine: Any, name: str, meant: str):
    assert meant in refused(machine, {name: 1})


def test_what_somebody_else_refuses_is_not_written(machine: Any):
    seen: list[float] = []

    def check(then: Loaded) -> None:
        seen.append(then.settings.llm.temperature)
        raise Busy("Not now.")

    machine.toml("")
    with pytest.raises(Busy):
        change_settings(machine.load(), {"llm.temperature": 0.5}, check)
    assert seen == [0.5]
    assert (machine.cwd / "myna.toml").read_text() == ""


def test_what_a_variable_or_a_flag_decides_is_refused(machine: Any):
    machine.environ["MYNA_LLM__TOP_K"] = "4"
    machine.dotenv("LLM_TEMPERATURE=0.1\nMYNA_LLM__TOP_P=0.5\n")
    assert "llm.top_k is decided by MYNA_LLM__TOP_K in the environment" in refused(machine, {"llm.top_k": 3})
    assert "llm.top_p is decided by MYNA_LLM__TOP_P in .env (line 2)" in refused(machine, {"llm.top_p": None})
    flags = {"server": {"port": "1"}}
    assert "server.port is decided by server.port on the command line" in refused(machine, {"server.port": 2}, flags)


def test_what_another_key_decides_is_refused(machine: Any):
    machine.toml("llm.model = 'a'\n")
    assert "Change llm.model instead" in refused(machine, {"llamacpp.model": "b"})


def test_a_file_that_was_broken_meanwhile_stays(machine: Any):
    machine.toml("")
    loaded = machine.load()
    machine.toml("[llm\n")
    with pytest.raises(BadConfig, match="not valid TOML"):
        change_settings(loaded, {"llm.top_k": 3})
    assert (machine.cwd / "myna.toml").read_text() == "[llm\n"


def test_a_file_that_would_be_read_instead_by_now_is_told(machine: Any):
    loaded = machine.load()
    machine.toml("")
    with pytest.raises(BadConfig, match="Start it again first"):
        change_settings(loaded, {"llm.top_k": 3})
    assert not machine.config.exists() or not list(machine.config.iterdir())
