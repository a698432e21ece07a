"""The JSON schema of the settings, for editors and for people."""

from typing import Any

from pydantic import Field, create_model

from myna.config.engines import engine_sections
from myna.config.gather import ENGINE_KEYS, NONE, OPTIONAL
from myna.config.settings import Settings


def json_schema() -> dict[str, Any]:
    """The JSON schema of ``myna.toml`` in this installation, with the sections of every engine."""
    engines = engine_sections()
    sections: dict[str, Any] = {
        name: (plugin.options_model, Field(default_factory=plugin.options_model))
        for name, plugin in engines.plugins.items()
    }
    schema = create_model("Settings", __base__=Settings, **sections).model_json_schema()
    for kind, (section, name) in ENGINE_KEYS.items():
        model = schema["$defs"][schema["properties"][section]["$ref"].removeprefix("#/$defs/")]
        model["properties"][name]["enum"] = [*engines.names[kind], *([NONE] if kind in OPTIONAL else [])]
    return schema
