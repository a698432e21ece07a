"""Which model is meant: the configured one, a name in the catalog, a file, an address, or an engine that is there."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

from pydantic import BaseModel, ValidationError

from myna.config.load import Loaded, load_settings
from myna.core.errors import BadConfig, BadInput, UnknownName
from myna.engines.base import LLM
from myna.engines.held import Choice
from myna.engines.plugins import load
from myna.server.guest import lent
from myna.weights.catalog import Catalog, load_catalog

Source: TypeAlias = str | Path | LLM | None

EMBEDDED, REMOTE = "llamacpp", "openai"


def settings_of(settings: Mapping[str, Any] | None) -> Loaded:
    """The settings, with those of ``settings`` over them: nested as in ``myna.toml``.

    Raises:
        BadConfig: Something is wrong with them; the message tells what and where.
    """
    try:
        return load_settings(settings)
    except BadConfig as error:
        raise BadConfig(
            error.message.replace("on the command line", "in the settings given"), hint=error.hint
        ) from None


def choose(source: Source, model: str | None, api_key: str | None, loaded: Loaded) -> Choice:
    """The engine that is meant, with its options.

    Raises:
        BadInput: What was given contradicts itself, or an option is wrong.
        UnknownName: There is no such model.
    """
    if isinstance(source, Path):
        if not source.expanduser().exists():
            raise _unknown(str(source.absolute()), load_catalog())
        return _embedded(str(source), loaded)
    if _is_engine(source):
        if model or api_key:
            raise BadInput("An engine that is there already has its model.", hint="Leave model and api_key out.")
        return lent(source)
    if source is None:
        return _configured({"model": model, "api_key": api_key}, loaded)
    if not isinstance(source, str):
        raise BadInput(
            f"{source!r} is no model.",
            hint="Give a name of the catalog, a path, a URL, or an engine with info, generate and count_tokens.",
        )
    if re.match(r"(?i)https?://", source.strip()):
        plugin = load("llm", REMOTE)
        address = {"base_url": source, "model": model, "api_key": api_key}
        return Choice(REMOTE, plugin, _options(plugin.options_model, _given(address)))
    if model:
        raise BadInput(f"Two models are named: {source} and {model}.", hint="Give model= beside a URL only.")
    return _named(source, api_key, loaded)


def _named(name: str, api_key: str | None, loaded: Loaded) -> Choice:
    """A catalog name or a path is for the embedded LLM; any other is for the server that is configured, if one is."""
    catalog = load_catalog()
    if catalog.find(name) or Path(name).expanduser().exists():
        return _embedded(name, loaded)
    if loaded.settings.llm.engine != EMBEDDED:  # who names a model wants no other one
        return replace(_configured({"model": name, "api_key": api_key}, loaded), fallbacks=())
    raise _unknown(name, catalog)


def _unknown(name: str, catalog: Catalog) -> UnknownName:
    if Path(name).name != name or name.endswith(".gguf"):
        return UnknownName(f"No file {name} exists.", hint="Correct the path, or name a model of the catalog.")
    return catalog.unknown(name)


def _embedded(model: str, loaded: Loaded) -> Choice:
    plugin = load("llm", EMBEDDED)
    options = loaded.options.get(EMBEDDED) or plugin.options_model()
    return Choice(EMBEDDED, plugin, _with(options, {"model": model}))


def _configured(given_: Mapping[str, str | None], loaded: Loaded) -> Choice:
    choice = loaded.choice("llm")
    return replace(choice, options=_with(choice.options, given_))


def _with(options: BaseModel, more: Mapping[str, str | None]) -> BaseModel:
    """The options with those that are given; checked as if they came from the settings."""
    wanted = _given(more)
    if not wanted:
        return options
    if unknown := wanted.keys() - type(options).model_fields.keys():
        raise BadInput(f"The configured LLM engine takes no {' and no '.join(sorted(unknown))}.", hint="Leave it out.")
    return _options(type(options), {name: getattr(options, name) for name in type(options).model_fields} | wanted)


def _options(model: type[BaseModel], values: Mapping[str, object]) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as failure:
        wrong = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"
            for error in failure.errors(include_url=False, include_input=False, include_context=False)
        )
        raise BadInput(f"The model cannot be used: {wrong}.") from None


def _given(values: Mapping[str, str | None]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _is_engine(source: object) -> TypeGuard[LLM]:
    return all(hasattr(source, name) for name in ("info", "generate", "count_tokens"))
