"""The recorded speech in ``shared/speech`` beside the project."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import read_audio

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "speech"

needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings in ../shared/speech are not here")


@dataclass(frozen=True, slots=True)
class Recording:
    """What somebody said."""

    name: str
    language: str
    text: str

    def __str__(self) -> str:
        return self.name

    @property
    def samples(self) -> Samples:
        return read_audio(FOLDER / self.name, HEARING_RATE)


def recordings() -> list[Recording]:
    """All of them; none where the folder is not here."""
    if not FOLDER.is_dir():
        return []
    with (FOLDER / "transcripts.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [Recording(row["file"], row["language"], row["text"]) for row in rows]


def recording(name: str) -> Recording:
    """One of them."""
    return next(each for each in recordings() if each.name == name)
