"""What a client gets: a builder for every event, without its ``event_id``, which the codec puts on.

https://platform.openai.com/docs/api-reference/realtime-server-events
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from myna.core.errors import BadInput, MynaError
from myna.core.events import EngineFailedOver, LevelsHeard, UsedMemory
from myna.core.tools import ToolCall, ToolResult
from myna.wire.realtime.items import Content, Item, shown
from myna.wire.realtime.refusal import EventRefused

ServerEvent: TypeAlias = dict[str, Any]
"""An event, ready for JSON."""


def error(failure: MynaError, event_id: str | None) -> ServerEvent:
    """Why the client's event ``event_id`` was not done; without an id, what else went wrong."""
    refused = failure if isinstance(failure, EventRefused) else None
    return {
        "type": "error",
        "error": {
            "type": "invalid_request_error" if isinstance(failure, BadInput) else "server_error",
            "code": refused.reason if refused else failure.code,
            "message": str(failure),
            "param": refused.param if refused else None,
            "event_id": event_id,
        },
    }


def failed(code: str, message: str, hint: str, event_id: str | None = None) -> ServerEvent:
    """What went wrong in the server, by the code of a `MynaError`."""
    told = {"type": "server_error", "code": code, "message": f"{message} {hint}".strip()}
    return {"type": "error", "error": {**told, "param": None, "event_id": event_id}}


def refused(code: str, message: str, hint: str, event_id: str | None) -> ServerEvent:
    """Why the session did not do what the client's event ``event_id`` asked for."""
    told = {"type": "invalid_request_error", "code": code, "message": f"{message} {hint}".strip()}
    return {"type": "error", "error": {**told, "param": None, "event_id": event_id}}


def session(kind: str, session: dict[str, Any]) -> ServerEvent:
    """``session.created`` or ``session.updated``."""
    return {"type": f"session.{kind}", "session": session}


# ------------------------------------------------------------------------------------------------------------ input


def speech_started(item_id: str, audio_start_ms: int) -> ServerEvent:
    """The user speaks; ``audio_start_ms`` of all the audio that was appended."""
    return {"type": "input_audio_buffer.speech_started", "audio_start_ms": audio_start_ms, "item_id": item_id}


def speech_stopped(item_id: str, audio_end_ms: int) -> ServerEvent:
    """The user has stopped; ``audio_end_ms`` of all the audio that was appended."""
    return {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms, "item_id": item_id}


def timeout_triggered(item_id: str, audio_start_ms: int, audio_end_ms: int) -> ServerEvent:
    """Nobody spoke for so long that the assistant does."""
    told = {"audio_start_ms": audio_start_ms, "audio_end_ms": audio_end_ms, "item_id": item_id}
    return {"type": "input_audio_buffer.timeout_triggered"} | told


def committed(item_id: str, previous_item_id: str | None) -> ServerEvent:
    """The audio is an utterance, which becomes an item."""
    return {"type": "input_audio_buffer.committed", "previous_item_id": previous_item_id, "item_id": item_id}


def input_cleared() -> ServerEvent:
    """The audio that was in no utterance yet is forgotten."""
    return {"type": "input_audio_buffer.cleared"}


def transcription_delta(item_id: str, delta: str) -> ServerEvent:
    """More of what the user says; what was told before stays."""
    return _transcription("delta", item_id) | {"delta": delta}


def transcription_completed(item_id: str, transcript: str, language: str | None, seconds: float) -> ServerEvent:
    """What the user said."""
    return _transcription("completed", item_id) | {
        "transcript": transcript,
        "languages": [{"code": language}] if language else [],
        "usage": {"type": "duration", "seconds": seconds},
    }


def transcription_segment(item_id: str, segment_id: str, text: str, start_s: float, end_s: float) -> ServerEvent:
    """A stretch of an utterance, in seconds of its audio. Speakers are not told apart, so ``speaker`` is empty."""
    return _transcription("segment", item_id) | {
        "id": segment_id,
        "text": text,
        "speaker": "",
        "start": start_s,
        "end": end_s,
    }


def transcription_failed(item_id: str, code: str, message: str, hint: str) -> ServerEvent:
    """What the user said cannot be known; the rest is as in a `MynaError`."""
    told = {"type": "server_error", "code": code, "message": f"{message} {hint}".strip()}
    return _transcription("failed", item_id) | {"error": told}


def _transcription(kind: str, item_id: str) -> ServerEvent:
    return {
        "type": f"conversation.item.input_audio_transcription.{kind}",
        "item_id": item_id,
        "content_index": 0,
    }


# ----------------------------------------------------------------------------------------------------- conversation


def item_added(item: Item, previous_item_id: str | None) -> ServerEvent:
    """An item is in the conversation, behind the previous one."""
    return {"type": "conversation.item.added", "previous_item_id": previous_item_id, "item": shown(item)}


def item_done(item: Item, previous_item_id: str | None) -> ServerEvent:
    """An item will not change any more."""
    return {"type": "conversation.item.done", "previous_item_id": previous_item_id, "item": shown(item)}


def item_retrieved(item: Item) -> ServerEvent:
    """The item that was asked for."""
    return {"type": "conversation.item.retrieved", "item": shown(item)}


def item_truncated(item_id: str, audio_end_ms: int) -> ServerEvent:
    """Only the beginning of a reply was heard."""
    told = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    return {"type": "conversation.item.truncated"} | told


def item_deleted(item_id: str) -> ServerEvent:
    """An item is out of the conversation."""
    return {"type": "conversation.item.deleted", "item_id": item_id}


# --------------------------------------------------------------------------------------------------------- response


def response(kind: str, resource: dict[str, Any]) -> ServerEvent:
    """``response.created`` or ``response.done``."""
    return {"type": f"response.{kind}", "response": resource}


def output_item(kind: str, response_id: str, output_index: int, item: Item) -> ServerEvent:
    """``response.output_item.added`` or ``….done``."""
    told = {"response_id": response_id, "output_index": output_index, "item": shown(item)}
    return {"type": f"response.output_item.{kind}"} | told


def part_of(content: Content) -> dict[str, Any]:
    """A content part, whose types are other names here than in an item."""
    if content.type == "output_audio":
        return {"type": "audio", "transcript": content.text}
    return {"type": "text", "text": content.text}


def output_audio_cleared(response_id: str) -> ServerEvent:
    """The response is no longer spoken."""
    return {"type": "output_audio_buffer.cleared", "response_id": response_id}


# ------------------------------------------------------------------------------------------------------- Myna's own


def emotion(response_id: str, item_id: str | None, name: str) -> ServerEvent:
    """The reply goes on with this emotion."""
    return {"type": "myna.emotion", "response_id": response_id, "item_id": item_id, "emotion": name}


def greeting(text: str) -> ServerEvent:
    """What the assistant says first; it is spoken as a response of its own."""
    return {"type": "myna.greeting", "text": text}


def timing(response_id: str | None, item_id: str | None, stage: str, at_ms: float) -> ServerEvent:
    """A stage of a turn was reached."""
    return {"type": "myna.timing", "response_id": response_id, "item_id": item_id, "stage": stage, "at_ms": at_ms}


def levels(heard: LevelsHeard) -> ServerEvent:
    """What meters show of what is heard; ``audio_end_ms`` of all the audio that was appended."""
    detector = heard.detector
    return {
        "type": "myna.levels",
        "audio_end_ms": heard.at_ms,
        "level_dbfs": round(heard.level_dbfs, 1),
        "speech": None if heard.speech is None else round(heard.speech, 3),
        "threshold": heard.threshold,
        "state": heard.state,
        "waited_ms": None if heard.waited_ms is None else round(heard.waited_ms),
        "wait_ms": None if heard.wait_ms is None else round(heard.wait_ms),
        "detector": detector and {"probability": round(detector.probability, 3), "audio_end_ms": detector.at_ms},
    }


def transcript_partial(item_id: str, text: str, stable: int, language: str | None) -> ServerEvent:
    """All that the user seems to have said so far; ``stable`` characters of it will hardly change."""
    told = {"item_id": item_id, "text": text, "stable": stable, "language": language}
    return {"type": "myna.transcript.partial"} | told


def playback_paused(response_id: str, item_id: str | None, audio_end_ms: int) -> ServerEvent:
    """Stop playing for now: the user may have begun to speak."""
    told = {"response_id": response_id, "item_id": item_id, "audio_end_ms": audio_end_ms}
    return {"type": "myna.playback.paused"} | told


def playback_resumed(response_id: str, item_id: str | None) -> ServerEvent:
    """It was nothing: play on."""
    return {"type": "myna.playback.resumed", "response_id": response_id, "item_id": item_id}


def tool_started(response_id: str, item_id: str | None, call: ToolCall, *, asks: bool) -> ServerEvent:
    """A tool of the server's is called. With ``asks`` it waits for the client's ``myna.tool.allow``."""
    told = {"response_id": response_id, "item_id": item_id, "call_id": call.id, "name": call.name}
    return {"type": "myna.tool.started", **told, "arguments": call.arguments, "asks": asks}


def tool_ended(response_id: str, call_id: str, name: str, result: ToolResult, took_ms: float) -> ServerEvent:
    """A tool of the server's has ended; ``output`` is what the model is given."""
    told = {"response_id": response_id, "call_id": call_id, "name": name}
    ended = {"status": result.status, "output": result.output, "took_ms": round(took_ms, 1)}
    return {"type": "myna.tool.ended", **told, **ended}


def memory_used(response_id: str, memories: Sequence[UsedMemory]) -> ServerEvent:
    """The model is told of these memories with the utterance."""
    told = [{"id": memory.id, "text": memory.text} for memory in memories]
    return {"type": "myna.memory.used", "response_id": response_id, "memories": told}


def model_loads(response_id: str, what: str) -> ServerEvent:
    """The reply waits for a model to be loaded."""
    return {"type": "myna.llm.loading", "response_id": response_id, "model": what}


def failed_over(response_id: str, event: EngineFailedOver) -> ServerEvent:
    """An LLM engine did not answer; the next one is asked."""
    why = {"code": event.code, "message": event.message}
    told = {"response_id": response_id, "engine": event.engine, "answers": event.answers}
    return {"type": "myna.llm.failed_over", **told, "error": why}


def turn_ended(response_id: str | None, item_id: str | None, outcome: str, heard: str | None) -> ServerEvent:
    """The last of a turn."""
    told = {"response_id": response_id, "item_id": item_id, "outcome": outcome, "heard": heard}
    return {"type": "myna.turn.ended"} | told
