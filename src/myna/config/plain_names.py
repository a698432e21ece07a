"""The plain environment names that are accepted beside the ``MYNA_`` ones, so that existing ``.env`` files work."""

import re
from collections.abc import Mapping

from myna.config.tree import PREFIX, Key

PLAIN_NAMES: Mapping[str, Key] = {
    "LLAMA_BASE": ("openai", "base_url"),
    "LLAMA_MODEL": ("openai", "model"),
    "LLAMA_TIMEOUT": ("openai", "timeout_s"),
    "LLM_MODEL_PATH": ("transformers", "model"),
    "LLM_FALLBACK_MODEL": ("transformers", "fallback_model"),
    "LLM_MAX_NEW_TOKENS": ("llm", "max_tokens"),
    "LLM_TEMPERATURE": ("llm", "temperature"),
    "LLM_TOP_P": ("llm", "top_p"),
    "LLM_TOP_K": ("llm", "top_k"),
    "MAX_CONTEXT_TOKENS": ("session", "max_context_tokens"),
    "MAX_HISTORY_ROUNDS": ("session", "max_history_rounds"),
    "MAX_MEMORY_FRAGMENTS": ("session", "max_memory_fragments"),
    "DEFAULT_EMOTION": ("session", "default_emotion"),
    "ALLOWED_EMOTIONS": ("session", "allowed_emotions"),
    "SYSTEM_PROMPT_TEMPLATE": ("session", "system_prompt_template"),
    "GENERATION_TIMEOUT_SECONDS": ("session", "generation_timeout_s"),
    "DEVICE": ("device",),
    "HF_ENDPOINT": ("weights", "hf_endpoint"),
    "MODEL_PATH": ("faster_whisper", "model"),
    "WHISPER_DEVICE": ("faster_whisper", "device"),
    "WHISPER_COMPUTE_TYPE": ("faster_whisper", "compute_type"),
    "LANGUAGE": ("asr", "language"),
    "TICK_SECONDS": ("turn_taking", "tick_s"),
    "DECODE_WINDOW_SECONDS": ("turn_taking", "decode_window_s"),
    "END_SILENCE_MS": ("turn_taking", "end_silence_ms"),
    "SHORT_PAUSE_MS": ("turn_taking", "short_pause_ms"),
    "STABLE_NOCHANGE_MS": ("turn_taking", "stable_nochange_ms"),
    "SILENCE_RMS_THRESH": ("turn_taking", "silence_rms_thresh"),
    "CHAT_MODE": ("llamafactory", "mode"),
    "CHAT_SCRIPT_PATH": ("llamafactory", "script_path"),
    "REMOTE_WORK_DIR": ("llamafactory", "work_dir"),
    "CONDA_ENV": ("llamafactory", "conda_env"),
    "LLAMAFACTORY_CLI_PATH": ("llamafactory", "cli_path"),
    "CHAT_TIMEOUT": ("llamafactory", "timeout_s"),
}

CHOOSES_LLM: Mapping[str, str] = {
    "LLAMA_BASE": "openai",
    "LLM_MODEL_PATH": "transformers",
    "CHAT_SCRIPT_PATH": "llamafactory",
}
"""Names that choose the LLM engine by being set."""


def is_ours(name: str) -> bool:
    """Whether an environment name is one that Myna reads."""
    return name in PLAIN_NAMES or name.startswith(PREFIX)


def is_meant(name: str, text: str) -> bool:
    """Whether a plain name is meant for Myna. Desktops set ``LANGUAGE`` for gettext: ``zh_CN:zh``, ``en_GB``, ``C``."""
    return name != "LANGUAGE" or not (re.search(r"[_:.@]", text) or text in {"C", "POSIX"})
