from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest

SHOUT = """
from pydantic import BaseModel, Field

class Shout(BaseModel):
    loudness: float = Field(11, le=11)
    words: list[str] = []
    echo: dict[str, int] = {}

class Options(BaseModel):
    path: str
    shout: Shout = Shout()

class plugin:
    options_model = Options
    weights = open = staticmethod(lambda *_: ())
"""


# ------------------------------------------------------------------------------------------------- files and folders


def test_without_any_source_the_defaults_hold(machine: Any):
    loaded = machine.load()
    assert {str(each.origin) for each in loaded.provenance()} == {"default"}
    assert [loaded.choice(kind).name for kind in ("llm", "asr", "tts", "vad")] == [
        "llamacpp",
        "faster_whisper",
        "kokoro",
        "silero",
    ]


def test_a_kind_that_is_gone_without_is_no_choice(machine: Any):
    kinds = ("vad", "turn")
    assert [choice.name for choice in machine.load().choices(kinds).values()] == ["silero", "smart_turn"]
    machine.toml("turn.engine = 'none'")
    assert [choice.name for choice in machine.load().choices(kinds).values()] == ["silero"]


def test_the_file_of_the_working_folder_is_read_and_the_users_is_not(machine: Any):
    machine.toml("server.port = 1")
    machine.config.mkdir(parents=True)
    (machine.config / "myna.toml").write_text("server.port = 2\nserver.host = '::1'")
    assert (machine.value("server.port"), machine.value("server.host")) == (1, "127.0.0.1")


def test_the_users_file_is_read_where_the_working_folder_has_none(machine: Any):
    machine.config.mkdir(parents=True)
    (machine.config / "myna.toml").write_text("server.port = 2")
    assert machine.value("server.port") == 2
    assert machine.origin("server.port") == f"server.port in {machine.config / 'myna.toml'}"


def test_data_and_weights_are_kept_in_the_users_folders(machine: Any):
    folders = machine.load().folders
    assert folders.data == platformdirs.user_data_path("myna", appauthor=False)
    assert folders.cache == platformdirs.user_cache_path("myna", appauthor=False)
    assert folders.config == platformdirs.user_config_path("myna", appauthor=False)


@pytest.mark.parametrize("where", ["environment", "dotenv", "flag", "file"])
def test_a_home_keeps_everything_under_one_folder(machine: Any, tmp_path: Path, where: str):
    home = tmp_path / "all of myna"
    flags: dict[str, Any] = {}
    match where:
        case "environment":
            machine.environ["MYNA_HOME"] = str(home)
        case "dotenv":
            machine.dotenv(f"MYNA_HOME='{home}'")
        case "flag":
            flags["home"] = home
        case _:
            machine.toml(f"home = '{home}'")
    folders = machine.load(flags).folders
    assert (folders.data, folders.cache, folders.config) == (home / "data", home / "cache", home)


def test_a_relative_home_begins_at_the_working_folder(machine: Any):
    machine.environ["MYNA_HOME"] = "here"
    assert machine.load().folders.data == machine.cwd / "here" / "data"


def test_a_relative_home_in_a_file_begins_beside_the_file(machine: Any):
    machine.config.mkdir(parents=True)
    (machine.config / "myna.toml").write_text("home = 'here'")
    assert machine.load().folders.data == machine.config / "here" / "data"


def test_the_file_in_the_home_is_read(machine: Any, tmp_path: Path):
    machine.environ["MYNA_HOME"] = str(tmp_path)
    (tmp_path / "myna.toml").write_text("server.port = 3")
    assert machine.value("server.port") == 3


def test_the_process_is_read_where_nothing_else_is_given(machine: Any, monkeypatch: pytest.MonkeyPatch):
    from myna.config.load import load_settings

    monkeypatch.chdir(machine.cwd)
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)  # the tests' own, which Myna itself would refuse
    monkeypatch.setenv("LLM_TOP_K", "9")
    machine.toml("server.port = 4")
    settings = load_settings().settings
    assert (settings.server.port, settings.llm.top_k) == (4, 9)


# ---------------------------------------------------------------------------------------------------- env files


def test_a_variable_in_an_env_file_is_resolved(machine: Any):
    machine.environ["HOST"] = "10.0.0.9"
    machine.dotenv("PORT=81\nLLAMA_BASE=http://${HOST}:${PORT}/${NONE:-v1}\nSYSTEM_PROMPT_TEMPLATE='{name} $5'")
    assert machine.value("openai.base_url") == "http://10.0.0.9:81/v1"
    assert machine.value("session.system_prompt_template") == "{name} $5"


def test_a_value_in_an_env_file_may_have_several_lines(machine: Any):
    machine.dotenv('SYSTEM_PROMPT_TEMPLATE="你是{name}。\n说话简短。"\nLLM_TOP_K=3')
    assert machine.value("session.system_prompt_template") == "你是{name}。\n说话简短。"
    assert machine.origin("llm.top_k") == "LLM_TOP_K in .env (line 3)"


# ------------------------------------------------------------------------------------------------ [llm] and its engine


@pytest.mark.parametrize(
    ("profile", "generation"),
    [("fast", (256, 0.5, 0.9)), ("balanced", (512, 0.7, 0.95)), ("quality", (768, 0.8, 0.98))],
)
def test_a_profile_sets_generation(machine: Any, profile: str, generation: tuple[float, ...]):
    machine.environ["MYNA_LLM__PROFILE"] = profile
    llm = machine.load().settings.llm
    assert (llm.max_tokens, llm.temperature, llm.top_p) == generation
    assert machine.origin("llm.top_p") == f"profile {profile}"


def test_a_key_takes_the_place_of_the_profiles_wherever_each_was_set(machine: Any):
    machine.toml("[llm]\ntemperature = 0.1")
    machine.environ["MYNA_LLM__PROFILE"] = "quality"
    llm = machine.load().settings.llm
    assert (llm.max_tokens, llm.temperature) == (768, 0.1)


def test_the_model_of_llm_is_the_chosen_engines(machine: Any):
    machine.toml("[llm]\nmodel = 'qwen2.5-3b-instruct'")
    options = machine.load().options
    assert options["llamacpp"].model == "qwen2.5-3b-instruct"
    assert options["openai"].model != "qwen2.5-3b-instruct"


@pytest.mark.parametrize(
    ("toml", "environ", "model"),
    [
        ("[llm]\nmodel = 'a'\n[llamacpp]\nmodel = 'b'", {}, "a"),
        ("[llm]\nmodel = 'a'", {"MYNA_LLAMACPP__MODEL": "b"}, "b"),
        ("[llamacpp]\nmodel = 'b'", {"MYNA_LLM__MODEL": "a"}, "a"),
        ("[llamacpp]\nmodel = 'b'", {}, "b"),
    ],
)
def test_of_the_two_ways_to_name_the_model_the_later_source_wins(
    machine: Any, toml: str, environ: dict[str, str], model: str
):
    machine.toml(toml)
    machine.environ |= environ
    assert machine.load().choice("llm").options.model == model
    assert machine.value("llm.model") == model


def test_the_temperature_of_the_engines_own_section_is_the_one_that_is_asked_for(machine: Any):
    machine.environ |= {"MYNA_LLAMACPP__TEMPERATURE": "0.3", "MYNA_LLM__PROFILE": "fast"}
    assert machine.load().settings.llm.sampling().temperature == 0.3


def test_a_bad_value_that_two_sections_share_is_told_once(machine: Any):
    machine.environ["LLM_TEMPERATURE"] = "hot"
    assert machine.fail() == 'LLM_TEMPERATURE in the environment: must be a valid number, not "hot".'


# ------------------------------------------------------------------------------------------------ engines of packages


def test_a_package_brings_an_engine_with_a_section_of_its_own(machine: Any, install: Callable[..., Path]):
    install("shouting", SHOUT, {"myna.tts": "shout = shouting:plugin"})
    machine.toml("[tts]\nengine = 'shout'\n[shout]\npath = 'a'\n[shout.shout]\nloudness = 3")
    machine.environ |= {"MYNA_SHOUT__SHOUT__WORDS": "HE,LLO", "MYNA_SHOUT__SHOUT__ECHO": '{"ms": 5}'}
    choice = machine.load().choice("tts")
    assert choice.name == "shout"
    assert choice.options.model_dump() == {
        "path": "a",
        "shout": {"loudness": 3, "words": ["HE", "LLO"], "echo": {"ms": 5}},
    }


def test_a_bad_value_deep_in_a_section_is_told(machine: Any, install: Callable[..., Path]):
    install("shouting", SHOUT, {"myna.tts": "shout = shouting:plugin"})
    machine.toml("[shout]\npath = 'a'\nshout = { loudness = 12, louder = 1 }")
    message = machine.fail()
    assert "shout.shout.loudness in myna.toml (line 3): must be less than or equal to 11, not 12." in message
    assert "shout.shout.louder in myna.toml (line 3): no such setting." in message


def test_what_a_chosen_engine_requires_is_told(machine: Any, install: Callable[..., Path]):
    install("shouting", SHOUT, {"myna.tts": "shout = shouting:plugin"})
    machine.environ["MYNA_TTS__ENGINE"] = "shout"
    assert machine.fail() == "shout.path is required."


def test_an_engine_that_is_not_chosen_may_be_incomplete(machine: Any, install: Callable[..., Path]):
    install("shouting", SHOUT, {"myna.tts": "shout = shouting:plugin"})
    machine.environ["MYNA_SHOUT__SHOUT__LOUDNESS"] = "3"
    assert "shout" not in machine.load().options


def test_a_bad_value_of_an_engine_that_is_not_chosen_is_told(machine: Any, install: Callable[..., Path]):
    install("shouting", SHOUT, {"myna.tts": "shout = shouting:plugin"})
    machine.environ["MYNA_SHOUT__SHOUT__LOUDNESS"] = "12"
    assert "MYNA_SHOUT__SHOUT__LOUDNESS in the environment: must be less than" in machine.fail()


def test_a_broken_package_disturbs_nobody_who_does_not_use_it(machine: Any, install: Callable[..., Path]):
    install("broken", "import not_there", {"myna.tts": "wreck = broken:plugin"})
    assert machine.load().choice("tts").name == "kokoro"


@pytest.mark.parametrize("toml", ["[tts]\nengine = 'wreck'", "[wreck]\nvoice = 1"])
def test_a_broken_package_that_is_used_is_told(machine: Any, install: Callable[..., Path], toml: str):
    install("broken", "import not_there", {"myna.tts": "wreck = broken:plugin"})
    machine.toml(toml)
    assert machine.fail().endswith(
        "The engine wreck of the package broken cannot be imported: No module named 'not_there'."
    )


@pytest.mark.parametrize("name", ["session", "openai"])
def test_two_owners_of_one_section_are_told_with_their_packages(machine: Any, install: Callable[..., Path], name: str):
    install("shouting", SHOUT, {"myna.tts": f"{name} = shouting:plugin"})
    message = machine.fail()
    assert f"Two sections of the settings would be called [{name}]: " in message
    assert f"the tts engine {name} of the package shouting" in message


# --------------------------------------------------------------------------------------------------------- provenance


def test_the_origin_of_every_setting_is_told(machine: Any):
    machine.toml("[server]\nport = 1")
    machine.dotenv("DEVICE=cpu")
    machine.environ["MYNA_SERVER__HOST"] = "::1"
    loaded = machine.load({"session": {"persona": "wukong", "default_emotion": None}})
    told = {each.key: str(each.origin) for each in loaded.provenance() if str(each.origin) != "default"}
    assert told == {
        "server.port": "server.port in myna.toml",
        "device": "DEVICE in .env (line 1)",
        "server.host": "MYNA_SERVER__HOST in the environment",
        "session.persona": "session.persona on the command line",
    }


def test_text_in_a_flag_is_read_as_in_the_environment(machine: Any):
    session = machine.load({"session": {"allowed_emotions": "平静,紧张", "max_history_rounds": "3"}}).settings.session
    assert (session.allowed_emotions, session.max_history_rounds) == (("平静", "紧张"), 3)
