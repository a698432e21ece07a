"""The JSON schema of the settings, for editors and for people."""

from typing import Any

from pydantic import Field, create_model

from myna.config.engines import engine_sections
from myna.config.settings import Settings


def json_schema() -> dict[str, Any]:
    """The JSON schema of ``myna.toml`` in this installation, with the sections of every engine."""
    sections: dict[str, Any] = {
        name: (plugin.options_model, Field(default_factory=plugin.options_model))
        for name, plugin in engine_sections().plugins.items()
    }
    return create_model("Settings", __base__=Settings, **sections).model_json_schema()
