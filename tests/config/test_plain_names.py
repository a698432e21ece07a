"""Every plain name of the contract arrives at its key, from the environment and from an ``.env``."""

from typing import Any

import pytest

from myna.config.plain_names import PLAIN_NAMES

NAMES = [
    ("LLAMA_BASE", "http://10.0.0.2:8080", "openai.base_url", "http://10.0.0.2:8080"),
    ("LLAMA_MODEL", "qwen2.5-7b-instruct", "openai.model", "qwen2.5-7b-instruct"),
    ("LLAMA_TIMEOUT", "12.5", "openai.timeout_s", 12.5),
    ("LLM_MAX_NEW_TOKENS", "128", "llm.max_tokens", 128),
    ("LLM_TEMPERATURE", "0.2", "llm.temperature", 0.2),
    ("LLM_TOP_P", "0.8", "llm.top_p", 0.8),
    ("LLM_TOP_K", "20", "llm.top_k", 20),
    ("MAX_CONTEXT_TOKENS", "4096", "session.max_context_tokens", 4096),
    ("MAX_HISTORY_ROUNDS", "4", "session.max_history_rounds", 4),
    ("MAX_MEMORY_FRAGMENTS", "0", "session.max_memory_fragments", 0),
    ("DEFAULT_EMOTION", "开心", "session.default_emotion", "开心"),
    ("ALLOWED_EMOTIONS", "平静,紧张， 兴奋", "session.allowed_emotions", ["平静", "紧张", "兴奋"]),
    ("SYSTEM_PROMPT_TEMPLATE", "你是{name}。", "session.system_prompt_template", "你是{name}。"),
    ("GENERATION_TIMEOUT_SECONDS", "90", "session.generation_timeout_s", 90),
    ("DEVICE", "cuda", "device", "cuda"),
    ("HF_ENDPOINT", "https://hub.example", "weights.hf_endpoint", "https://hub.example"),
    ("MODEL_PATH", "large-v2", "faster_whisper.model", "large-v2"),
    ("WHISPER_DEVICE", "cuda", "faster_whisper.device", "cuda"),
    ("WHISPER_COMPUTE_TYPE", "int8", "faster_whisper.compute_type", "int8"),
    ("LANGUAGE", "zh", "asr.language", "zh"),
    ("TICK_SECONDS", "0.5", "turn_taking.tick_s", 0.5),
    ("DECODE_WINDOW_SECONDS", "6", "turn_taking.decode_window_s", 6),
    ("END_SILENCE_MS", "700", "turn_taking.end_silence_ms", 700),
    ("SHORT_PAUSE_MS", "250", "turn_taking.short_pause_ms", 250),
    ("STABLE_NOCHANGE_MS", "1200", "turn_taking.stable_nochange_ms", 1200),
    ("SILENCE_RMS_THRESH", "0.01", "turn_taking.silence_rms_thresh", 0.01),
    ("LLM_MODEL_PATH", "Qwen/Qwen2.5-14B", "transformers.model", "Qwen/Qwen2.5-14B"),
    ("LLM_FALLBACK_MODEL", "Qwen/Qwen2.5-7B", "transformers.fallback_model", "Qwen/Qwen2.5-7B"),
    ("CHAT_MODE", "api", "llamafactory.mode", "api"),
    ("CHAT_SCRIPT_PATH", "chat.py", "llamafactory.script_path", "chat.py"),
    ("REMOTE_WORK_DIR", "/srv/chat", "llamafactory.work_dir", "/srv/chat"),
    ("CONDA_ENV", "lf", "llamafactory.conda_env", "lf"),
    ("LLAMAFACTORY_CLI_PATH", "/opt/llamafactory-cli", "llamafactory.cli_path", "/opt/llamafactory-cli"),
    ("CHAT_TIMEOUT", "120", "llamafactory.timeout_s", 120),
]
CHOOSERS = [("LLM_MODEL_PATH", "transformers"), ("CHAT_SCRIPT_PATH", "llamafactory")]


def test_the_tables_of_this_test_name_every_plain_name():
    assert {row[0] for row in NAMES} == set(PLAIN_NAMES)


@pytest.mark.parametrize(("name", "text", "key", "value"), NAMES)
def test_a_plain_name_in_the_environment_arrives(machine: Any, name: str, text: str, key: str, value: object):
    machine.environ[name] = text
    assert machine.value(key) == value
    assert machine.origin(key) == f"{name} in the environment"


@pytest.mark.parametrize(("name", "text", "key", "value"), NAMES)
def test_a_plain_name_in_an_env_file_arrives(machine: Any, name: str, text: str, key: str, value: object):
    machine.dotenv(f"# settings\n{name}={text}\n")
    assert machine.value(key) == value
    assert machine.origin(key) == f"{name} in .env (line 2)"


@pytest.mark.parametrize(("name", "engine"), CHOOSERS)
def test_a_plain_name_that_chooses_is_left_alone_when_the_engine_is_chosen_by_name(
    machine: Any, name: str, engine: str
):
    machine.environ |= {name: "x", "MYNA_LLM__ENGINE": "openai"}
    assert machine.load().settings.llm.engine == "openai"


@pytest.mark.parametrize(("name", "engine"), [("LLAMA_BASE", "openai"), *CHOOSERS])
def test_a_plain_name_chooses_the_llm_engine(machine: Any, name: str, engine: str):
    machine.toml('[llm]\nengine = "llamacpp"')
    machine.environ[name] = "http://10.0.0.2"
    assert machine.load().choice("llm").name == engine
    assert machine.origin("llm.engine") == f"{name} in the environment"


def test_the_engine_name_in_an_env_file_wins_over_a_plain_name_in_the_environment(machine: Any):
    machine.dotenv("MYNA_LLM__ENGINE=llamacpp")
    machine.environ["LLAMA_BASE"] = "http://10.0.0.2"
    assert machine.load().choice("llm").name == "llamacpp"
    assert machine.value("openai.base_url") == "http://10.0.0.2"


def test_a_flag_wins_over_a_plain_name(machine: Any):
    machine.environ["LLAMA_BASE"] = "http://10.0.0.2"
    assert machine.load({"llm": {"engine": "llamacpp"}}).choice("llm").name == "llamacpp"


def test_two_plain_names_that_choose_different_engines_are_an_error_that_names_both(machine: Any):
    machine.dotenv("\nCHAT_SCRIPT_PATH=chat.py")
    machine.environ["LLAMA_BASE"] = "http://10.0.0.2"
    assert machine.fail() == (
        "CHAT_SCRIPT_PATH in .env (line 2) chooses the LLM engine llamafactory, "
        "but LLAMA_BASE in the environment chooses openai."
    )


def test_three_plain_names_that_choose_different_engines_are_all_named(machine: Any):
    machine.environ |= {"LLAMA_BASE": "http://10.0.0.2", "LLM_MODEL_PATH": "a", "CHAT_SCRIPT_PATH": "b"}
    message = machine.fail()
    assert all(name in message for name in ("LLAMA_BASE", "LLM_MODEL_PATH", "CHAT_SCRIPT_PATH"))


def test_the_same_plain_name_in_both_places_is_no_disagreement(machine: Any):
    machine.dotenv("LLAMA_BASE=http://10.0.0.1")
    machine.environ["LLAMA_BASE"] = "http://10.0.0.2"
    assert machine.load().choice("llm").name == "openai"
    assert machine.value("openai.base_url") == "http://10.0.0.2"


@pytest.mark.parametrize("value", ["zh_CN:zh", "zh_CN", "en_US.UTF-8", "de@euro", "en:de", "C", "POSIX"])
def test_a_language_that_a_desktop_set_for_gettext_is_ignored(machine: Any, value: str):
    machine.environ["LANGUAGE"] = value
    assert machine.load().settings.asr.fixed_language is None


def test_a_language_from_a_desktop_leaves_the_one_of_an_env_file_in_place(machine: Any):
    machine.environ["LANGUAGE"] = "en_GB:en"
    machine.dotenv("LANGUAGE=zh")
    assert machine.load().settings.asr.fixed_language == "zh"


def test_a_myna_name_wins_over_its_plain_name_in_the_same_source(machine: Any):
    machine.environ |= {"LLM_TOP_K": "5", "MYNA_LLM__TOP_K": "6"}
    assert machine.value("llm.top_k") == 6


def test_a_plain_name_in_the_environment_wins_over_a_myna_name_in_an_env_file(machine: Any):
    machine.environ["LLM_TOP_K"] = "5"
    machine.dotenv("MYNA_LLM__TOP_K=6")
    assert machine.value("llm.top_k") == 5


def test_a_plain_name_that_is_set_to_nothing_is_not_set(machine: Any):
    machine.dotenv("LLAMA_BASE=\nDEVICE=''\nLLM_TOP_K=  # later")
    loaded = machine.load()
    assert (loaded.settings.llm.engine, loaded.settings.device, loaded.settings.llm.top_k) == ("llamacpp", "auto", 50)
