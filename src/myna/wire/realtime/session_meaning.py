"""What a `SessionConfig` means: to the session's owner, and to the client in ``session.updated``."""

from dataclasses import replace
from typing import Any, assert_never

from myna.core.preferences import BargeIn, Preferences, TurnTakingPreferences
from myna.core.tools import NamedTool, ToolChoice
from myna.wire.languages import iso
from myna.wire.realtime.served import Served
from myna.wire.realtime.session_config import SessionConfig
from myna.wire.realtime.session_patch import FunctionTool, SemanticVAD, ServerVAD, Transcription, TurnDetection


def preferences(config: SessionConfig, served: Served) -> Preferences:
    """What the session's owner goes by."""
    asked = config.transcription or Transcription()
    languages = [asked.language] if asked.language else asked.languages or [served.preferences.language]
    language = languages[0] if len(languages) == 1 else None
    hint = " ".join(filter(None, [asked.prompt, ", ".join(asked.keywords or ())]))
    return replace(
        served.preferences,
        instructions=config.instructions,
        voice=config.engine_voice,
        speed=config.speed,
        speaks=config.speaks,
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        tools=tuple(tool.spec() for tool in config.tools),
        server_tools=config.server_tools,
        tool_choice=config.tool_choice,
        parallel_calls=config.parallel_calls,
        allows_tools=config.allows_tools,
        language=language and iso(language),
        hint=hint or served.preferences.hint,
        pauses_playback="playback" in config.events,
        levels="levels" in config.events,
        turn_taking=_turn_taking(config, served.preferences.turn_taking),
    )


def _turn_taking(config: SessionConfig, default: TurnTakingPreferences) -> TurnTakingPreferences:
    asked = config.turn_detection
    answers = config.kind == "realtime"
    if asked is None:
        return replace(default, automatic=False, replies=answers, idle_timeout_ms=None)
    taken = replace(
        default,
        automatic=True,
        replies=answers and asked.create_response is not False,
        barge_in=_barge_in(config, asked, default),
    )
    match asked:
        case SemanticVAD(eagerness=None | "auto"):
            return taken
        case SemanticVAD(eagerness=eagerness):
            return replace(taken, eagerness=eagerness)
        case ServerVAD():
            return _by_silence(taken, asked)
        case _:
            assert_never(asked)


def _by_silence(taken: TurnTakingPreferences, asked: ServerVAD) -> TurnTakingPreferences:
    """Only a silence ends an utterance, and it is waited for, whatever was said before it."""
    silence_ms = taken.end_silence_ms if asked.silence_duration_ms is None else asked.silence_duration_ms
    return replace(
        taken,
        detector=False,
        speech_threshold=taken.speech_threshold if asked.threshold is None else asked.threshold,
        pre_roll_ms=taken.pre_roll_ms if asked.prefix_padding_ms is None else asked.prefix_padding_ms,
        end_silence_ms=silence_ms,
        short_pause_ms=silence_ms,
        stable_nochange_ms=max(taken.stable_nochange_ms, silence_ms),
        idle_timeout_ms=asked.idle_timeout_ms,
    )


def _barge_in(config: SessionConfig, asked: TurnDetection, default: TurnTakingPreferences) -> BargeIn:
    usual = config.barge_in or default.barge_in
    match asked.interrupt_response:
        case False:
            return "never"
        case True if usual == "never":
            return "pause"
        case _:
            return usual


# ---------------------------------------------------------------------------------------------------------- as told


def shown(config: SessionConfig, served: Served) -> dict[str, Any]:
    """The whole session object of ``session.created`` and ``session.updated``: what is in effect."""
    working = preferences(config, served)
    told: dict[str, Any] = {
        "type": config.kind,
        "object": "realtime.session" if config.kind == "realtime" else "realtime.transcription_session",
        "id": served.session_id,
        "audio": {"input": _shown_input(config, served, working)},
        "include": None,
        "myna": {
            "conversation": served.conversation_id,
            "private": served.private,
            "events": sorted(config.events),
            "greeting": config.greeting,
            "barge_in": config.barge_in or served.preferences.turn_taking.barge_in,
            "temperature": config.temperature,
            "server_tools": config.server_tools,
            "allows_tools": config.allows_tools,
        },
    }
    if config.kind == "transcription":
        return told
    told["audio"]["output"] = {
        "format": config.output_format.shown(),
        "voice": config.voice or served.voice,
        "speed": config.speed,
    }
    return told | {
        "model": served.model,
        "instructions": served.instructions if config.instructions is None else config.instructions,
        "output_modalities": config.modalities,
        "tools": [shown_tool(tool) for tool in config.tools],
        "tool_choice": shown_choice(config.tool_choice),
        "max_output_tokens": config.max_tokens or "inf",
        "parallel_tool_calls": config.parallel_calls,
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
    }


def _shown_input(config: SessionConfig, served: Served, working: Preferences) -> dict[str, Any]:
    transcription = config.transcription and {
        **config.transcription.model_dump(exclude_none=True),
        "model": served.transcriber,
        **({"language": working.language} if working.language else {}),
    }
    return {
        "format": config.input_format.shown(),
        "transcription": transcription,
        "noise_reduction": None,
        "turn_detection": config.turn_detection and _shown_detection(config.turn_detection, working.turn_taking),
    }


def _shown_detection(asked: TurnDetection, working: TurnTakingPreferences) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": asked.type,
        "create_response": working.replies,
        "interrupt_response": working.barge_in != "never",
    }
    if isinstance(asked, SemanticVAD):
        return told | {"eagerness": asked.eagerness or "auto"}
    idle_ms = working.idle_timeout_ms
    return told | {
        "threshold": working.speech_threshold,
        "prefix_padding_ms": round(working.pre_roll_ms),
        "silence_duration_ms": round(working.end_silence_ms),
        "idle_timeout_ms": None if idle_ms is None else round(idle_ms),
    }


def shown_tool(tool: FunctionTool) -> dict[str, Any]:
    """A tool as the client gave it."""
    return tool.model_dump(exclude_none=True) | {"type": "function"}


def shown_choice(choice: ToolChoice) -> object:
    """A tool choice as the protocol has it."""
    return {"type": "function", "name": choice.name} if isinstance(choice, NamedTool) else choice
