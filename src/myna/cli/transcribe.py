"""``myna transcribe``."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from myna.cli.terminal import Json, Setting, notes, overrides, with_service
from myna.core.audio import HEARING_RATE
from myna.engines.base import ASROptions, Transcript
from myna.engines.samples import read_audio
from myna.server.service import Service


def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Audio files: WAV, FLAC, OGG or MP3.")],
    language: Annotated[str | None, typer.Option(help="What is spoken, as zh or en; detected otherwise.")] = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Print what is said in audio files."""
    recordings = [read_audio(file, HEARING_RATE) for file in files]
    flags = overrides(settings)
    if language:
        flags.setdefault("asr", {})["language"] = language

    async def work(service: Service) -> None:
        options = ASROptions(language=service.settings.asr.fixed_language)
        for file, samples in zip(files, recordings, strict=True):
            _show(file, await service.engines.asr.transcribe(samples, options), as_json=as_json)

    with_service(flags, ("asr",), work)


def _show(file: Path, transcript: Transcript, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"file": str(file), **dataclasses.asdict(transcript)}, ensure_ascii=False))
        return
    if not transcript.text:
        notes.print(f"Nobody speaks in {file}.")
    typer.echo(transcript.text)
