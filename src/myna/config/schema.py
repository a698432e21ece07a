"""The JSON schema of the settings, for editors and for people."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import Field, create_model

from myna.config.engines import engine_sections
from myna.config.gather import ENGINE_KEYS, FALLBACKS, NONE, OPTIONAL
from myna.config.settings import ENDPOINT_NAME, Settings
from myna.config.tree import Key


@cache
def json_schema(endpoints: Sequence[str] | None = None) -> dict[str, Any]:
    """The JSON schema of ``myna.toml`` in this installation, with the sections of every engine.

    ``endpoints`` are those that there are; None: there may be any. To be looked at only.
    """
    engines = engine_sections()
    sections: dict[str, Any] = {
        name: (plugin.options_model, Field(default_factory=plugin.options_model))
        for name, plugin in engines.plugins.items()
    }
    schema = create_model("Settings", __base__=Settings, **sections).model_json_schema()
    llms = engines.names["llm"]
    for kind, key in ENGINE_KEYS.items():
        if kind != "llm":
            _property(schema, key)["enum"] = [*engines.names[kind], *([NONE] if kind in OPTIONAL else [])]
    for names in (_property(schema, ENGINE_KEYS["llm"]), _property(schema, FALLBACKS)["items"]):
        if endpoints is None:
            names["anyOf"] = [{"enum": list(llms)}, {"type": names.pop("type"), "pattern": ENDPOINT_NAME}]
        else:
            names["enum"] = [*llms, *endpoints]
    return schema


def _property(schema: dict[str, Any], key: Key) -> dict[str, Any]:
    section, name = key
    model = schema["$defs"][schema["properties"][section]["$ref"].removeprefix("#/$defs/")]
    found: dict[str, Any] = model["properties"][name]
    return found
