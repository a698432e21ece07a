"""Writing personas over HTTP: their fields, their pictures, and drafts that can be tried before they are kept."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import FormData, UploadFile

from myna.core.errors import BadCard, MynaError, UnknownName
from myna.core.ids import OWNER
from myna.personas.cards.picture import AVATAR_PIXELS, redraw
from myna.personas.emotions import EmotionStyle
from myna.personas.folder import stamp_of
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.personas.reading import Written
from myna.server.errors import BadParameter
from myna.server.personas import (
    FILES_AT_A_TIME,
    FORM_WITH_FILE,
    ToldPersona,
    check_editable,
    emoji_of,
    find_persona,
    persona_told,
    uploaded_form,
)
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.users import owner_only, user_of
from myna.server.voices import check_voices
from myna.session.history import History
from myna.session.prompt import build_prompt

router = APIRouter(prefix="/api/personas", route_class=StrictJSONRoute)

LARGEST_PICTURE = 20_000_000
COUNT_S = 5.0
"""For the LLM to count the tokens of a prompt."""

Kept = Literal["built_in", "toml", "card", "program"]
OfPersona = Annotated[
    str | None, Field(max_length=200, description="The id of a persona that it is a copy of, but for `fields`.")
]
IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="The ETag of the fields that were read: a 412 if they are others by now."),
]


class PersonaFields(BaseModel):
    """A persona as it can be changed.

    ``kept`` says where it is: a built-in one is not changed, the owner's own takes its place; of a ``card`` what is
    changed stands on top, and the card stays as it is; one of a ``program`` cannot be changed.
    """

    id: str
    kept: Kept
    editable: bool = Field(description="Whether who asks may change it.")
    replaces_built_in: bool = Field(description="Whether it takes the place of one that comes with Myna.")
    stamp: str = Field(description="The ETag: send it as If-Match with a change.")
    picture: str | None = Field(description="The path of its picture, if there is one.")
    uploaded: bool = Field(description="Whether the picture is its own, and not that of a card.")
    fields: dict[str, Any] = Field(description="All fields, as docs/personas.md describes them.")


class ChangeBody(BaseModel):
    """New values by field, each the whole of it. Null takes a field back to what the card says, or the usual."""

    model_config = ConfigDict(extra="forbid")

    fields: Annotated[dict[str, Any], Field(min_length=1, max_length=50)]


class NewBody(BaseModel):
    """A persona that is to be. Where no id is given, one is made of its name."""

    model_config = ConfigDict(extra="forbid")

    fields: Annotated[dict[str, Any], Field(max_length=50)]
    of: OfPersona = None


class Draft(BaseModel):
    """A persona that is kept nowhere, and can be talked with, in private, and be heard by its id."""

    persona: ToldPersona
    id: str = Field(description="The id that it would be kept under.")
    styles: dict[str, EmotionStyle] = Field(description="What each of its emotions changes in its voice, in effect.")


class ToldMessage(BaseModel):
    """A message of a prompt."""

    role: str
    content: str


class ToldPrompt(BaseModel):
    """What every conversation with a persona begins with; ``tokens`` are null where the LLM is not up."""

    messages: list[ToldMessage]
    reminder: str
    tokens: int | None


@router.post("", status_code=201, dependencies=[Depends(owner_only)])
async def create_persona(body: NewBody, request: Request, response: Response) -> PersonaFields:
    """Begin a persona, or copy one. It can be talked with at once. Only the owner may."""
    service: Service = request.app.state.service
    of = find_persona(service, body.of)[0] if body.of is not None else None
    check_voices(service, body.fields, of)
    work = partial(service.personas.create, body.fields, of)
    persona = await anyio.to_thread.run_sync(work, limiter=FILES_AT_A_TIME)
    return _fields_told(service, request, response, persona)


@router.post("/drafts", dependencies=[Depends(owner_only)])
async def draft_persona(body: NewBody, request: Request) -> Draft:
    """Check a persona that is kept nowhere, and let it be tried: it has an id for `/v1/realtime`, speech and the rest.

    The same draft has the same id. Some dozens are remembered, until the server ends. Only the owner may.
    """
    service: Service = request.app.state.service
    of = find_persona(service, body.of)[0] if body.of is not None else None
    check_voices(service, body.fields, of)
    work = partial(service.personas.draft, body.fields, of)
    draft = await anyio.to_thread.run_sync(work, limiter=FILES_AT_A_TIME)
    named = of.id if of is not None else body.fields.get("id") or service.personas.free_id(draft.name)
    told = persona_told(service, draft)
    return Draft(persona=told, id=named, styles={name: draft.emotions.style_of(name) for name in told.emotions})


@router.get("/{persona_id}/fields")
async def get_fields(persona_id: str, request: Request, response: Response) -> PersonaFields:
    """Tell the fields of a persona, for an editor."""
    service: Service = request.app.state.service
    return _fields_told(service, request, response, find_persona(service, persona_id)[0])


@router.patch("/{persona_id}/fields", dependencies=[Depends(owner_only)])
async def patch_fields(
    persona_id: str, body: ChangeBody, request: Request, response: Response, if_match: IfMatch = None
) -> PersonaFields:
    """Change fields of a persona: all of them or, if one is wrong, none. Only the owner may.

    A conversation that is under way goes on as it began.
    """
    service: Service = request.app.state.service
    persona, _ = find_persona(service, persona_id)
    check_voices(service, body.fields, persona)
    return await _changed(request, response, persona.id, if_match, body.fields)


_BODY = {"required": True, "content": {"multipart/form-data": {"schema": FORM_WITH_FILE}}}


@router.put("/{persona_id}/avatar", dependencies=[Depends(owner_only)], openapi_extra={"requestBody": _BODY})
async def put_avatar(
    persona_id: str,
    request: Request,
    response: Response,
    data: Annotated[FormData, Depends(uploaded_form)],
    if_match: IfMatch = None,
) -> PersonaFields:
    """Give a persona a picture: PNG, JPEG, WebP or GIF. It is drawn anew, 512 pixels high and wide at most."""
    file = data.get("file")
    if not isinstance(file, UploadFile):
        hint = "Send multipart/form-data with a part `file` that has a file name."
        raise BadParameter("There is no picture in the request.", param="file", hint=hint)
    if (file.size or 0) > LARGEST_PICTURE:
        raise BadCard(
            f"The picture is larger than {LARGEST_PICTURE // 1_000_000} MB.", hint="Make it smaller, and send it again."
        )
    work = partial(_redrawn, file)
    picture = await anyio.to_thread.run_sync(work, limiter=FILES_AT_A_TIME)
    persona, _ = find_persona(request.app.state.service, persona_id)
    return await _changed(request, response, persona.id, if_match, {}, picture)


@router.delete("/{persona_id}/avatar", dependencies=[Depends(owner_only)])
async def delete_avatar(
    persona_id: str, request: Request, response: Response, if_match: IfMatch = None
) -> PersonaFields:
    """Take a persona's own picture away. What its card brings, or the emoji that it came with, is shown again."""
    service: Service = request.app.state.service
    persona, written = find_persona(service, persona_id)
    if written is None or written.picture is None:
        raise UnknownName(f"{persona.id} has no picture of its own.", hint=f"Its avatar is {persona.avatar}")
    usual = service.personas.built_in(persona.id)
    avatar = usual.avatar if usual is not None else None
    return await _changed(request, response, persona.id, if_match, {"avatar": avatar})


@router.get("/{persona_id}/prompt")
async def get_prompt(persona_id: str, request: Request) -> ToldPrompt:
    """Tell what the model is given at the beginning of every conversation with a persona."""
    service: Service = request.app.state.service
    persona, _ = find_persona(service, persona_id)
    options = service.session_options(persona)
    prompt = build_prompt(persona, History(()), "", emotions=options.emotions, template=options.prompt_template)
    tokens = None
    try:
        with anyio.move_on_after(COUNT_S):
            tokens = await service.engines.llm.count_tokens(prompt.head)
    except MynaError:
        pass  # it still loads, or has failed: the prompt is the same
    messages = [ToldMessage(role=message.role, content=message.content) for message in prompt.head]
    return ToldPrompt(messages=messages, reminder=persona.reminder, tokens=tokens)


async def _changed(
    request: Request,
    response: Response,
    persona_id: str,
    if_match: str | None,
    changes: Mapping[str, Any],
    picture: bytes | None = None,
) -> PersonaFields:
    service: Service = request.app.state.service
    check_editable(service, persona_id)
    stamp = if_match.strip().removeprefix("W/").strip('"') if if_match and if_match.strip() != "*" else None
    work = partial(service.personas.change, persona_id, changes, stamp=stamp, picture=picture)
    persona = await anyio.to_thread.run_sync(work, limiter=FILES_AT_A_TIME)
    return _fields_told(service, request, response, persona)


def _redrawn(file: UploadFile) -> bytes:
    with file.file as uploaded:
        return redraw(uploaded.read(), (file.filename or "the file")[:100], longest_side=AVATAR_PIXELS)


def _fields_told(service: Service, request: Request, response: Response, persona: Persona) -> PersonaFields:
    written = service.personas.written(persona)
    kept = _kept(service.personas, persona, written)
    stamp = stamp_of(written)
    response.headers["ETag"] = f'"{stamp}"'
    owner = user_of(request) == OWNER
    fields = persona.model_dump(mode="json") | {"avatar": emoji_of(persona, written)}
    return PersonaFields(
        id=persona.id,
        kept=kept,
        editable=owner and kept != "program" and service.personas.keeps,
        replaces_built_in=written is not None and service.personas.built_in(persona.id) is not None,
        stamp=stamp,
        picture=persona_told(service, persona).picture,
        uploaded=written is not None and written.picture is not None,
        fields=fields,
    )


def _kept(personas: Personas, persona: Persona, written: Written | None) -> Kept:
    if written is not None:
        return "card" if written.card is not None else "toml"
    return "built_in" if personas.built_in(persona.id) is persona else "program"
