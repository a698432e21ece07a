"""``myna turn``: one whole turn, from a file into a file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from myna.cli.engine_lines import show_engine
from myna.cli.terminal import Json, PersonaName, Setting, complain, notes, overrides, with_service
from myna.cli.tool_lines import show_tool
from myna.core.audio import HEARING_RATE, duration_ms
from myna.core.commands import AppendAudio, CommitAudio
from myna.core.emotion import name_in
from myna.core.errors import MynaError
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Event,
    Failed,
    ModelLoads,
    ReplyAudio,
    ReplyText,
    SegmentReady,
    StageTimed,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TurnEnded,
)
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.core.tool_runs import Run, ToolRuns
from myna.engines.samples import check_writable, read_audio, to_pcm16, write_wav
from myna.personas.model import Persona
from myna.server.service import Service
from myna.session.options import SessionEngines
from myna.session.session import open_session


@dataclass(slots=True)
class TurnReport:
    """What the events of a turn told, as ``--json`` prints it."""

    persona: Persona
    transcript: dict[str, str | None] = field(default_factory=dict[str, str | None])
    reply: dict[str, str] | None = None
    emotion: str | None = None
    tools: ToolRuns = field(default_factory=ToolRuns)
    segments: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    stages_ms: dict[str, float] = field(default_factory=dict[str, float])
    outcome: str = ""
    error: dict[str, str] | None = None
    pcm: bytearray = field(default_factory=bytearray)
    sample_rate: int = 0

    def take(self, event: Event) -> None:
        """Note one event."""
        match event:
            case TranscriptFinal(text=text, language=language):
                self.transcript = {"text": text, "language": language}
            case EmotionChanged(emotion=emotion):
                self.emotion = self.emotion or emotion
            case SegmentReady(segment=segment):
                spoken = {"display": segment.display, "speech": segment.speech, "emotion": segment.emotion}
                self.segments.append(spoken | {"audio_ms": 0})
            case ReplyAudio(segment_index=index, pcm=pcm, sample_rate=sample_rate):
                self.segments[index]["audio_ms"] += round(duration_ms(pcm, sample_rate))
                self.pcm += pcm
                self.sample_rate = sample_rate
            case StageTimed(stage=stage, at_ms=at_ms):
                self.stages_ms[stage] = round(at_ms, 1)
            case Failed(code=code, message=message, hint=hint):
                self.error = {"code": code, "message": message, "hint": hint}
            case TurnEnded(outcome=outcome, reply=reply):
                self.outcome = outcome
                self.reply = {"raw": reply.raw, "display": reply.display} if reply else None
            case ToolStarted(call=call):
                self.tools.start(call)
            case ToolEnded(call_id=call_id, result=result, took_ms=took_ms):
                self.tools.end(call_id, result, took_ms)
            case _:
                pass

    def as_json(self, out: Path | None) -> Mapping[str, Any]:
        """The JSON object."""
        return {
            "persona": self.persona.id,
            "outcome": self.outcome,
            "transcript": self.transcript,
            "reply": self.reply,
            "emotion": self.emotion,
            "tools": [_told(run) for run in self.tools],
            "segments": self.segments,
            "stages_ms": self.stages_ms,
            "audio": str(out) if out and self.pcm else None,
            "error": self.error,
        }


def _told(run: Run) -> Mapping[str, Any]:
    called = {"call_id": run.call.id, "name": run.call.name, "arguments": run.call.arguments}
    if run.result is None:
        return called
    return called | {"status": run.result.status, "output": run.result.output, "took_ms": round(run.took_ms, 1)}


def turn(
    audio: Annotated[Path, typer.Option(help="The utterance: WAV, FLAC, OGG or MP3.")],
    out: Annotated[Path | None, typer.Option(help="Where the spoken reply goes, as WAV.")] = None,
    persona: PersonaName = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Hear an audio file, answer as a persona, and speak the answer."""
    samples = read_audio(audio, HEARING_RATE)
    if out:
        check_writable(out)

    async def work(service: Service) -> TurnReport:
        return await _turn(service, to_pcm16(samples), service.persona(persona), show=not as_json)

    report = with_service(overrides(settings), ("llm", "asr", "tts", "embed"), work)
    if out and report.pcm:
        write_wav(out, bytes(report.pcm), report.sample_rate)
    if as_json:
        typer.echo(json.dumps(report.as_json(out), ensure_ascii=False, indent=2))
    elif report.outcome == "silent":
        notes.print(f"Nobody speaks in {audio}, so there is no answer.")
    elif report.error:
        complain(MynaError(report.error["message"], hint=report.error["hint"]))
    else:
        reached = ", ".join(f"{stage.replace('_', ' ')} {ms / 1000:.2f} s" for stage, ms in report.stages_ms.items())
        notes.print(f"[dim]{reached}[/dim]" + (f"\nSpoken into {out}" if out else ""))
    if report.outcome != "completed":
        raise typer.Exit(1)


async def _turn(service: Service, pcm: bytes, persona: Persona, *, show: bool) -> TurnReport:
    report = TurnReport(persona)
    conversation = Conversation(new_conversation_id(), persona.id)
    engines = SessionEngines(service.engines.llm, service.engines.asr, service.engines.tts)
    options = replace(service.session_options(persona), consents=False)  # nobody is asked again
    async with open_session(conversation, persona, engines, service.store, options) as session:
        await session.send(AppendAudio(pcm))
        await session.send(CommitAudio())
        async for event in session:
            report.take(event)
            if show:
                _show(event, persona)
            if isinstance(event, TurnEnded):
                break
    return report


def _show(event: Event, persona: Persona) -> None:
    match event:
        case TranscriptFinal(text=text) if text:
            notes.print("You: ", style="bold", end="")
            typer.echo(text)
        case EmotionChanged(emotion=emotion):
            shown = name_in(emotion, persona.language)
            notes.print(f"{persona.avatar} {persona.name} ({shown}): ", style="bold", end="")
        case ReplyText(text=text):
            typer.echo(text, nl=False)
        case ToolStarted() | ToolEnded():
            show_tool(event)
        case ModelLoads() | EngineFailedOver():
            show_engine(event)
        case TurnEnded(reply=reply) if reply:
            typer.echo()
        case _:
            pass
