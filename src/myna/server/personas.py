"""``/api/personas``: who can answer, and character cards in and out, for the web app."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from myna.core.errors import BadInput, MynaError, UnknownName
from myna.core.ids import OWNER
from myna.personas.cards.card import Version, form_of
from myna.personas.cards.persona import card_notes
from myna.personas.exporting import MEDIA_TYPES, ExportFormat, avatar, export, imported
from myna.personas.folder import stamp_of
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.personas.reading import Written
from myna.server.connection import CLIENT_GONE
from myna.server.errors import BadParameter
from myna.server.service import Service
from myna.server.users import owner_only, user_of

router = APIRouter(prefix="/api/personas")

_VERSIONS: dict[str, Version] = {"1": 1, "2": 2, "3": 3}
FILES_AT_A_TIME = CapacityLimiter(2)
"""Files that are read or made: each may be 100 MB, and turns need threads as well."""
_NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}


class ToldPersona(BaseModel):
    """A persona in a list. ``avatar`` is an emoji; ``picture`` the path of its picture, if there is one."""

    id: str
    name: str
    language: str
    avatar: str
    picture: str | None
    greeting: str
    greetings: list[str]
    emotions: list[str]
    default_emotion: str
    memory_scope: str
    tags: list[str]
    built_in: bool


class WholePersona(ToldPersona):
    """All of a persona that a client may want to show; ``card`` says whether it was made of a character card."""

    creator: str
    version: str
    notes: str
    system_prompt: str
    reminder: str
    examples: list[dict[str, str]]
    tools: list[str]
    lore_entries: int
    card: bool


class Imported(BaseModel):
    """A persona that was made of a card, and what was odd about the card."""

    persona: ToldPersona
    notes: list[str]


class PersonaList(BaseModel):
    """All of them, the user's first; ``default`` is who answers where nobody is named.

    ``editable`` is whether who asks may change them.
    """

    personas: list[ToldPersona]
    default: str
    editable: bool


@router.get("")
async def list_personas(request: Request) -> PersonaList:
    """Who can answer."""
    service: Service = request.app.state.service
    guest = service.guest.persona
    # An agent without a persona of its own speaks as the configured one, and goes by its id.
    there = service.personas.all if guest is None else (guest, *(p for p in service.personas.all if p.id != guest.id))
    editable = user_of(request) == OWNER and service.personas.keeps
    told = [persona_told(service, each) for each in there]
    return PersonaList(personas=told, default=service.persona().id, editable=editable)


async def uploaded_form(request: Request) -> AsyncGenerator[FormData]:
    """What a request brings as ``multipart/form-data``, with one file at most."""
    try:
        async with request.form(max_files=1, max_fields=10, max_part_size=1 << 16) as data:
            yield data
    except ClientDisconnect:
        raise HTTPException(CLIENT_GONE) from None


FORM_WITH_FILE = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
}


@router.post(
    "/import",
    status_code=201,
    dependencies=[Depends(owner_only)],
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM_WITH_FILE}}}},
)
async def import_persona(
    request: Request,
    data: Annotated[FormData, Depends(uploaded_form)],
    id: str | None = None,  # noqa: A002
    replace: bool = False,
) -> Imported:
    """Make a persona of a character card: JSON, PNG or CHARX. It can be talked with at once.

    Its id is ``id``, else one is made of its name. One that is taken is an error unless ``replace`` is set. Only the
    owner may do so: whoever writes a persona writes the prompt of all who talk with it.
    """
    service: Service = request.app.state.service
    file = data.get("file")
    if not isinstance(file, UploadFile):
        hint = "Send multipart/form-data with a part `file` that has a file name."
        raise BadParameter("There is no card in the request.", param="file", hint=hint)
    work = partial(_import, service.personas, file, id, replace=replace)
    persona, notes = await anyio.to_thread.run_sync(work, limiter=FILES_AT_A_TIME)
    return Imported(persona=persona_told(service, persona), notes=notes)


def _import(
    personas: Personas, file: UploadFile, persona_id: str | None, *, replace: bool
) -> tuple[Persona, list[str]]:
    with file.file as uploaded:
        content, what = uploaded.read(), (file.filename or "the card")[:100]
    card = imported(content, what)
    return personas.add(card, form_of(content), persona_id, replace=replace), list(card_notes(card))


@router.get("/{persona_id}")
async def get_persona(persona_id: str, request: Request) -> WholePersona:
    """One of them, by id or name."""
    service: Service = request.app.state.service
    persona, written = find_persona(service, persona_id)
    return WholePersona(
        **persona_told(service, persona).model_dump(),
        creator=persona.about.creator,
        version=persona.about.version,
        notes=persona.about.notes,
        system_prompt=persona.system_prompt,
        reminder=persona.reminder,
        examples=[{"user": each.user, "assistant": each.assistant} for each in persona.examples],
        tools=list(persona.tools),
        lore_entries=len(persona.lorebook.entries) if persona.lorebook is not None else 0,
        card=written is not None and written.card is not None,
    )


@router.get("/{persona_id}/avatar", response_class=Response, responses={200: {"content": {"image/png": {}}}})
async def get_avatar(persona_id: str, request: Request) -> Response:
    """The persona's picture as PNG, at most 512 pixels high and wide. 404 where its avatar is an emoji."""
    service: Service = request.app.state.service
    persona, written = find_persona(service, persona_id)
    tag = f'"{stamp_of(written)}"'
    headers = {**_NO_SNIFFING, "ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag and written is not None and written.pictured:
        return Response(status_code=304, headers=headers)
    picture = await anyio.to_thread.run_sync(avatar, written, limiter=FILES_AT_A_TIME)
    if picture is None:
        raise UnknownName(f"{persona.id} has no picture.", hint=f"Its avatar is {persona.avatar}")
    return Response(picture, media_type="image/png", headers=headers)


@router.get("/{persona_id}/export", response_class=Response)
async def export_persona(
    persona_id: str,
    request: Request,
    format: ExportFormat = "json",  # noqa: A002
    version: Literal["1", "2", "3"] | None = None,
) -> Response:
    """A persona as a character card, or as TOML. A card that was imported comes out as it came in."""
    service: Service = request.app.state.service
    persona, written = find_persona(service, persona_id)
    work = partial(export, persona, written, format, _VERSIONS[version] if version else None)
    content = await anyio.to_thread.run_sync(work, limiter=FILES_AT_A_TIME)
    name = f'attachment; filename="{persona.id}.{format}"'
    return Response(content, media_type=MEDIA_TYPES[format], headers={**_NO_SNIFFING, "Content-Disposition": name})


@router.delete("/{persona_id}", status_code=204, dependencies=[Depends(owner_only)])
async def delete_persona(persona_id: str, request: Request) -> None:
    """Delete a persona; only the owner may. Those that come with Myna stay, and so does the configured one.

    Of one that the owner has changed, what comes with Myna is there again.
    """
    service: Service = request.app.state.service
    check_editable(service, persona_id)
    if await anyio.to_thread.run_sync(_is_configured, service, persona_id):
        raise BadInput(f"{persona_id} answers where nobody is named.", hint="Change session.persona first.")
    await anyio.to_thread.run_sync(service.personas.remove, persona_id)


def _is_configured(service: Service, persona_id: str) -> bool:
    """Whether nobody would answer where nobody is named, now or when Myna is started again, without this persona."""
    usual = service.personas.find(service.settings.session.persona)
    if service.personas.built_in(persona_id) not in (None, usual):
        return False  # then the one that comes with Myna answers
    answers = {usual.id}
    if service.loaded is not None:
        with suppress(MynaError):  # what is wrong with the file is told elsewhere
            answers.add(service.personas.find(service.loaded.again().settings.session.persona).id)
    return persona_id in answers


def check_editable(service: Service, persona_id: str) -> None:
    """Raise `BadInput` if a program brings the persona of this id: what is in the user's folder is another one."""
    guest = service.guest.persona
    if guest is not None and guest.id == persona_id:
        raise BadInput(f"{persona_id} is brought by the program that runs Myna.", hint="Change it there.")


def find_persona(service: Service, persona_id: str) -> tuple[Persona, Written | None]:
    """The one of this id or name, and where it is written; raises `UnknownName`."""
    guest = service.guest.persona
    if guest is not None and guest.id == persona_id:
        return guest, None
    persona = service.personas.find(persona_id)
    return persona, service.personas.written(persona)


def persona_told(service: Service, persona: Persona) -> ToldPersona:
    """A persona as a client shows it."""
    written = service.personas.written(persona)
    emotions = persona.emotions_spoken(service.settings.session.emotions())
    return ToldPersona(
        id=persona.id,
        name=persona.name,
        language=persona.language,
        avatar=emoji_of(persona, written),
        picture=f"/api/personas/{persona.id}/avatar" if written is not None and written.pictured else None,
        greeting=persona.greeting,
        greetings=list(persona.greetings),
        emotions=list(emotions.in_language(persona.language)),
        default_emotion=emotions.default,
        memory_scope=persona.memory_scope,
        tags=list(persona.about.tags),
        built_in=written is None,
    )


def emoji_of(persona: Persona, written: Written | None) -> str:
    """Its avatar where that is no picture; else one that stands for anybody."""
    pictured = written is not None and written.picture is not None
    return str(Persona.model_fields["avatar"].default) if pictured else persona.avatar
