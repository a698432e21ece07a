"""What a set of models means for the engines: which of them loads what, where nothing else is said."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from myna.config.tree import Key
from myna.core.errors import BadConfig
from myna.engines.llm.transformers.loading import INSTALL, LIBRARIES

SETTINGS_OF_SET: Mapping[str, Mapping[Key, str]] = {
    "starter": {},  # the engines' own defaults
    "standard": {("llamacpp", "model"): "qwen2.5-3b-instruct", ("faster_whisper", "model"): "whisper-small"},
    "gpu": {
        ("llm", "engine"): "transformers",
        ("transformers", "model"): "qwen2.5-14b-instruct-gptq-int4",
        ("transformers", "fallback_model"): "qwen2.5-7b-instruct-gptq-int4",
        ("faster_whisper", "model"): "whisper-small",
    },
}
"""The sets that ``weights.set`` can name."""

LIBRARIES_OF_SET: Mapping[str, Sequence[str]] = {"gpu": (*LIBRARIES, "gptqmodel")}
"""What a set needs that Myna does not bring by itself."""


def lacks() -> Mapping[str, str]:
    """Why sets cannot be used as Myna is installed, a sentence each, by name. Imports nothing."""
    absent = {
        name: [library for library in libraries if find_spec(library) is None]
        for name, libraries in LIBRARIES_OF_SET.items()
    }
    return {
        name: f"Its LLM needs {', '.join(libraries)}, not installed here: {INSTALL}"
        for name, libraries in absent.items()
        if libraries
    }


def check_usable(name: str) -> None:
    """See that a set can be used as Myna is installed.

    Raises:
        BadConfig: It cannot; the message says what to install.
    """
    if (why := lacks().get(name)) is not None:
        raise BadConfig(f"The set {name} cannot be used yet. {why}", hint="Then: myna models use " + name)
