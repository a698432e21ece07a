"""``scripts/web.py`` with real npm, on a web app of a line that needs no packages, and so no network."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "web.py"
BUILD = """const fs = require('fs')
const folder = process.argv[process.argv.indexOf('--outDir') + 1]
const said = fs.readFileSync('src/main.ts', 'utf8')
if (said.includes('fault')) { console.log('a fault in src/main.ts'); process.exit(1) }
fs.rmSync(folder, { recursive: true, force: true })
fs.mkdirSync(folder, { recursive: true })
fs.writeFileSync(folder + '/index.html', said)
"""
NOWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True)
class Clone:
    """A clone of Myna, as far as the script looks at it."""

    root: Path

    @property
    def page(self) -> Path:
        return self.root / "src" / "myna" / "server" / "web_app" / "index.html"

    def write(self, name: str, content: str) -> None:
        path = self.root / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def run(self, asked: str) -> tuple[int, str]:
        """The exit status, and what was written on standard error."""
        once = {"npm_config_fetch_retries": "0", "npm_config_registry": NOWHERE, "npm_config_cache": str(self.root)}
        done = subprocess.run(
            [sys.executable, self.root / "scripts" / "web.py", asked],
            env=os.environ | once,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stderr

    def build(self) -> tuple[int, str]:
        return self.run("build")


def pin(clone: Clone, **dependencies: str) -> None:
    """Have the app need packages, pinned with their hashes."""
    package: dict[str, Any] = {"name": "app", "version": "1.0.0", "dependencies": dependencies}
    scripts = {"build": "node build.cjs", "check": "node check.cjs", "lint": "node -p 1", "test": "node -p 1"}
    places = {f"node_modules/{name}": {"version": v, "integrity": "sha512-eA=="} for name, v in dependencies.items()}
    lock = {"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package, **places}}
    clone.write("package.json", json.dumps(package | {"scripts": scripts}))
    clone.write("package-lock.json", json.dumps(lock))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path)
    for folder in ("scripts", "src/myna/server"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "scripts")
    pin(clone)
    clone.write("build.cjs", BUILD)
    clone.write("check.cjs", "process.exit(require('fs').readFileSync('src/main.ts', 'utf8').includes('odd') ? 1 : 0)")
    clone.write("src/main.ts", "one")
    return clone


def test_what_was_built_of_the_same_sources_is_not_built_again(clone: Clone) -> None:
    assert clone.build() == (0, "Building the web app\n")
    assert clone.page.read_text() == "one"
    clone.write("src/main.test.ts", "a test")
    clone.write("README.md", "a text")
    assert clone.build() == (0, "")
    clone.write("src/main.ts", "two")
    assert clone.build() == (0, "Building the web app\n")
    assert clone.page.read_text() == "two"


def test_a_fault_is_shown_and_the_page_of_before_stays(clone: Clone) -> None:
    clone.build()
    clone.write("src/main.ts", "fault")
    status, told = clone.build()
    assert status == 1
    assert "a fault in src/main.ts" in told
    assert "The one that was built before is used." in told
    assert clone.page.read_text() == "one"
    clone.write("src/main.ts", "one")
    assert clone.build() == (0, "")


def test_without_a_network_it_says_that_myna_works_without_the_page(clone: Clone) -> None:
    pin(clone, absent="1.0.0")
    status, told = clone.build()
    assert status == 1
    assert "npm ci --omit=dev failed" in told
    assert "Myna works without it. To try again: make web" in told
    assert not clone.page.exists()


def test_checks_build_it_and_fail_where_one_of_them_does(clone: Clone) -> None:
    assert clone.run("check")[0] == 0
    assert clone.page.read_text() == "one"
    clone.write("src/main.ts", "odd")
    status, told = clone.run("check")
    assert (status, told.strip().splitlines()[-1]) == (1, "npm run check failed.")


@pytest.mark.parametrize("asked", ["", "make"])
def test_it_knows_three_words(clone: Clone, asked: str) -> None:
    assert clone.run(asked) == (2, "Usage: scripts/web.py build|check|lock\n")
