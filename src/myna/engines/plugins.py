"""Finding engines: an entry point in the group ``myna.<kind>`` names a `myna.engines.base.Plugin`.

The built-in engines come through the same door as those of packages that Myna has never heard of.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeAlias, cast, get_args

from pydantic import BaseModel

from myna.core.errors import BadConfig, UnknownName
from myna.engines.base import Plugin

Kind: TypeAlias = Literal["llm", "asr", "tts", "vad", "turn", "embed"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def package(entry_point: EntryPoint) -> str:
    """The name of the package that an entry point came with."""
    return entry_point.dist.name if entry_point.dist else entry_point.module.partition(".")[0]


def installed() -> dict[Kind, dict[str, EntryPoint]]:
    """The engines of every kind by name; reads package metadata and imports nothing.

    Raises:
        BadConfig: Two packages give the same name to two engines of one kind.
    """
    found: dict[Kind, dict[str, EntryPoint]] = {kind: {} for kind in KINDS}
    everything = entry_points()
    for kind, engines in found.items():
        for entry_point in sorted(everything.select(group=f"myna.{kind}")):
            first = engines.setdefault(entry_point.name, entry_point)
            if first != entry_point:
                raise BadConfig(
                    f"The packages {package(first)} and {package(entry_point)} both bring an engine "
                    f"myna.{kind}: {entry_point.name}.",
                    hint="Uninstall one of them.",
                )
    return found


def available(kind: Kind) -> dict[str, EntryPoint]:
    """The engines of one kind by name; see `installed`."""
    return installed()[kind]


def load(kind: Kind, name: str) -> Plugin[Any, Any]:
    """The plugin of an engine, imported.

    Raises:
        UnknownName: No such engine; the message lists what there is.
        BadConfig: Its package cannot be imported, or what it names is no plugin.
    """
    engines = available(kind)
    if name not in engines:
        raise UnknownName(
            f"There is no {kind} engine {name!r}; there is: {', '.join(engines) or 'none'}.",
            hint="An engine comes with Myna or with a package that you install.",
        )
    return load_entry_point(engines[name])


def load_entry_point(entry_point: EntryPoint) -> Plugin[Any, Any]:
    """The plugin that an entry point names, imported; raises `BadConfig` as `load` does."""
    try:
        plugin = entry_point.load()
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        raise BadConfig(
            f"The engine {entry_point.name} of the package {package(entry_point)} cannot be imported: {error}.",
            hint=f"Reinstall or update {package(entry_point)}.",
        ) from error
    model = getattr(plugin, "options_model", None)
    able = all(callable(getattr(plugin, name, None)) for name in ("weights", "open"))
    if not (able and isinstance(model, type) and issubclass(model, BaseModel)):
        raise BadConfig(
            f"The engine {entry_point.name} of the package {package(entry_point)} is no plugin: {entry_point.value} "
            "needs options_model, which is a pydantic model, weights() and open()."
        )
    return cast(Plugin[Any, Any], plugin)
