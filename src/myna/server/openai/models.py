"""``GET /v1/models``: who can be asked for, and what a model's name in a request means."""

from typing import Any

from fastapi import APIRouter, Request

from myna.core.errors import UnknownName
from myna.personas.model import Persona
from myna.server.errors import ModelNotFound
from myna.server.service import Service

router = APIRouter()

MYNA = "myna"
"""The LLM as it is; or the guest, if the server has one."""
OF_PERSONA = "myna/"
"""Before a persona's id: that persona."""


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """The LLM as it is, by our name and its own, and the personas."""
    service: Service = request.app.state.service
    return {"object": "list", "data": [_model(service, name) for name in model_names(service)]}


@router.get("/v1/models/{name:path}")
async def get_model(name: str, request: Request) -> dict[str, Any]:
    """One of them."""
    service: Service = request.app.state.service
    if name not in model_names(service):
        raise _not_found(service, name)
    return _model(service, name)


def model_names(service: Service) -> list[str]:
    """What a request may name as its model. The LLM's own name is among them once it is up."""
    up = service.engines.states["llm"].status == "ready"
    own = [service.engines.llm.info.model] if up else []
    guest = service.guest.persona
    ids = [*([guest.id] if guest else []), *(persona.id for persona in service.personas.all)]
    return [MYNA, *own, *(f"{OF_PERSONA}{name}" for name in dict.fromkeys(ids))]


def persona_meant(service: Service, model: str) -> Persona | None:
    """The persona that a request asks for, or None for the LLM as it is.

    Many clients have a fixed name, so any other name means the same as ``myna``, unless ``server.strict_models`` is
    set. That is the guest, where the server has one; the LLM as it is then goes by its own name.

    Raises:
        ModelNotFound: There is no such persona, or no such model where that matters.
    """
    if model.startswith(OF_PERSONA):
        guest, name = service.guest.persona, model.removeprefix(OF_PERSONA)
        try:
            return guest if guest is not None and name == guest.id else service.personas.find(name)
        except UnknownName:
            raise _not_found(service, model) from None
    if service.settings.server.strict_models and model not in model_names(service):
        raise _not_found(service, model)
    return None if _is_llm(service, model) else service.guest.persona


def _is_llm(service: Service, name: str) -> bool:
    return service.engines.states["llm"].status == "ready" and name == service.engines.llm.info.model


def _not_found(service: Service, name: str) -> ModelNotFound:
    return ModelNotFound(f"There is no model {name!r}. There are: {', '.join(model_names(service))}.")


def _model(service: Service, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(service.opened_at), "owned_by": MYNA}
