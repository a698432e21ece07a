"""The engines of this installation, as sections of the settings."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from myna.config.settings import Settings
from myna.core.errors import BadConfig
from myna.engines.base import Plugin
from myna.engines.plugins import Kind, installed, load_entry_point, package

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineSections:
    """What sections engines bring.

    Attributes:
        names: The engines of each kind.
        plugins: Those that can be imported, by name.
        broken: Why the others cannot, by name.
    """

    names: Mapping[Kind, tuple[str, ...]]
    plugins: Mapping[str, Plugin[Any, Any]]
    broken: Mapping[str, BadConfig]


def engine_sections() -> EngineSections:
    """The engines that are installed. One that cannot be imported is no obstacle while nobody uses it.

    Raises:
        BadConfig: Two engines claim one section, or one claims a general section.
    """
    taken = {name: f"Myna's own [{name}]" for name in Settings.model_fields}
    plugins: dict[str, Plugin[Any, Any]] = {}
    broken: dict[str, BadConfig] = {}
    engines = installed()
    for kind, entry_points in engines.items():
        for name, entry_point in entry_points.items():
            owner = f"the {kind} engine {name} of the package {package(entry_point)}"
            if name in taken:
                raise BadConfig(
                    f"Two sections of the settings would be called [{name}]: {taken[name]} and {owner}.",
                    hint=f"Uninstall {package(entry_point)}, or ask its makers to rename the entry point.",
                )
            taken[name] = owner
            try:
                plugins[name] = load_entry_point(entry_point)
            except BadConfig as error:
                log.info("%s", error)
                broken[name] = error
    return EngineSections({kind: tuple(found) for kind, found in engines.items()}, plugins, broken)
