"""Of the sources that give a key the last in order wins, whatever else they give."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from myna.config.load import load_settings

KEYS = {
    "server.port": ("MYNA_SERVER__PORT", None),
    "llm.top_k": ("MYNA_LLM__TOP_K", "LLM_TOP_K"),
    "llm.max_tokens": ("MYNA_LLM__MAX_TOKENS", "LLM_MAX_NEW_TOKENS"),
    "turn_taking.end_silence_ms": ("MYNA_TURN_TAKING__END_SILENCE_MS", "END_SILENCE_MS"),
}
SOURCES = ("file", "dotenv plain", "dotenv", "environment plain", "environment", "flag")
DEFAULTS = {"server.port": 8765, "llm.top_k": 50, "llm.max_tokens": 512, "turn_taking.end_silence_ms": 800}

said = st.dictionaries(
    st.sampled_from(sorted(KEYS)), st.dictionaries(st.sampled_from(SOURCES), st.integers(1, 65535)), min_size=1
)


def _load(said: dict[str, dict[str, int]]) -> dict[str, Any]:
    toml = ""
    dotenv: list[str] = []
    environ: dict[str, str] = {}
    flags: dict[str, Any] = {}
    for key, values in said.items():
        name, plain = KEYS[key]
        section, leaf = key.split(".")
        for source, value in values.items():
            match source:
                case "file":
                    toml += f"{key} = {value}\n"
                case "dotenv":
                    dotenv.append(f"{name}={value}")
                case "environment":
                    environ[name] = str(value)
                case "flag":
                    flags.setdefault(section, {})[leaf] = value
                case "dotenv plain" if plain:
                    dotenv.append(f"{plain}={value}")
                case "environment plain" if plain:
                    environ[plain] = str(value)
                case _:
                    pass
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "myna.toml").write_text(toml)
        (Path(folder) / ".env").write_text("\n".join(dotenv))
        loaded = load_settings(flags, cwd=Path(folder), environ=environ)
    return {each.key: each.value for each in loaded.provenance()}


@given(said)
@settings(deadline=None, max_examples=60)
def test_the_last_source_in_order_wins(said: dict[str, dict[str, int]]):
    held = _load(said)
    for key, default in DEFAULTS.items():
        values = said.get(key, {})
        able = [s for s in SOURCES if s in values and (KEYS[key][1] or "plain" not in s)]
        assert held[key] == (values[able[-1]] if able else default)
