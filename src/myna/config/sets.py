"""What a set of models means for the engines: which model each of them loads where nothing else is said."""

from collections.abc import Mapping

from myna.config.tree import Key

MODELS_OF_SET: Mapping[str, Mapping[Key, str]] = {
    "starter": {},  # the engines' own defaults
    "standard": {("llamacpp", "model"): "qwen2.5-3b-instruct", ("faster_whisper", "model"): "whisper-small"},
}
"""The sets that ``weights.set`` can name. One that is not here has no engine in this version."""
