"""``/api/voices``: the voices of the TTS, which personas may name."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from myna.personas.cards.json_text import as_object
from myna.personas.editing import BadPersona
from myna.personas.model import Persona
from myna.server.service import Service

router = APIRouter(prefix="/api/voices")


class ToldVoice(BaseModel):
    """A voice, with the languages (ISO 639-1) that it was recorded in."""

    name: str
    languages: list[str]
    gender: Literal["female", "male", "other"]


class VoiceList(BaseModel):
    """The voices that there are. None at all: the TTS takes any name."""

    model: str
    voices: list[ToldVoice]


@router.get("")
async def list_voices(request: Request) -> VoiceList:
    """List the voices of the TTS. 503 while there is none."""
    service: Service = request.app.state.service
    info = service.engines.tts.info
    told = [ToldVoice(name=each.name, languages=list(each.languages), gender=each.gender) for each in info.voices]
    return VoiceList(model=info.model, voices=told)


def check_voices(service: Service, fields: Mapping[str, Any], now: Persona | None = None) -> None:
    """Refuse fields of a persona that name voices which the TTS does not have; where it is not up, nobody knows.

    What they say of a persona as it is ``now`` is not looked at: it may be meant for another TTS.

    Raises:
        BadPersona: There is no such voice; the message lists what there is.
    """
    known = [voice.name for voice in service.engines.tts.info.voices] if service.engines.is_up("tts") else []
    held = now.model_dump(mode="json") if now is not None else {}
    changed = {name: value for name, value in fields.items() if name not in held or held[name] != value}
    wrong: dict[str, str] = {}
    for place, name in _named(changed) if known else ():
        if name not in known:
            wrong[place] = f"there is no voice {name[:50]!r}; there are {', '.join(known)}"
    if wrong:
        raise BadPersona(wrong)


def _named(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The voices that fields name, by the place of the field. What is of a wrong type is told elsewhere."""
    styles = as_object(as_object(fields.get("emotions")).get("styles"))
    places = {"voice": fields.get("voice"), **{f"emotions.styles.{name[:50]}": each for name, each in styles.items()}}
    for place, table in places.items():
        blend = as_object(table).get("voice")
        for name in [blend] if isinstance(blend, str) else as_object(blend):
            yield f"{place}.voice", name
