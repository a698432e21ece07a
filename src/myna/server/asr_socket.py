"""``/ws`` and ``/ws_asr``: audio in, transcripts out. A session that hears and does not answer."""

from dataclasses import replace

from fastapi import APIRouter, WebSocket

from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.server.live import Endpoint, Parts, run_live, session_engines
from myna.server.service import Service
from myna.store.in_memory import InMemoryStore
from myna.wire.asr import ASRCodec, failed

router = APIRouter()


@router.websocket("/ws")
@router.websocket("/ws_asr")
async def hear(socket: WebSocket) -> None:
    """Say what is heard. Nothing of it is kept."""
    service: Service = socket.app.state.service
    persona = service.persona()
    conversation = Conversation(new_conversation_id(), persona.id)

    async def prepare() -> Parts:
        engines = session_engines(service.engines, answers=False)
        options = service.session_options(persona)
        turn_taking = replace(options.preferences.turn_taking, replies=False)
        preferences = replace(options.preferences, turn_taking=turn_taking)
        return Parts(
            ASRCodec(preferences, engines.asr.info.languages if engines.asr else ()),
            conversation,
            persona,
            engines,
            InMemoryStore(limit=1),
            replace(options, preferences=preferences),
        )

    await run_live(socket, Endpoint(conversation.id, prepare, failed))
