"""From the session's events to what a client is told."""

from typing import TypeAlias, assert_never

from myna.core.commands import ROOT
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Event,
    Failed,
    IdleTimedOut,
    Interrupted,
    LevelsHeard,
    MemoryUsed,
    MessageAdded,
    MessageDeleted,
    ModelLoads,
    PlaybackPaused,
    PlaybackResumed,
    Refused,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    ReplyTruncated,
    SegmentReady,
    SpeechStarted,
    SpeechStopped,
    StageTimed,
    ToolCalled,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import TurnId
from myna.wire.realtime import server_events as tell
from myna.wire.realtime.items import Content, MessageItem, from_message
from myna.wire.realtime.response import Response
from myna.wire.realtime.server_events import ServerEvent
from myna.wire.realtime.session_patch import MynaEvent
from myna.wire.realtime.state import Spoken, State

Background: TypeAlias = ToolStarted | ToolEnded | MemoryUsed | ModelLoads | EngineFailedOver
"""What goes on behind a reply."""


class Encoder:
    """Tells the client what happens, and nothing of a turn that it has not been told of or that has ended."""

    def __init__(self, state: State) -> None:
        self._state = state

    def encode(self, event: Event) -> list[ServerEvent]:  # noqa: PLR0911 - flat
        """What the client is told of an event."""
        match event:
            case ReplyText() | ReplyAudio() | ToolCalled() | ReplyEnded() | EmotionChanged() | SegmentReady():
                response = self._state.responses.get(event.turn_id)
                return self._reply(response, event) if response and response.stage == "running" else []
            case PlaybackPaused() | PlaybackResumed():
                response = self._state.responses.get(event.turn_id)
                return self._playback(response, event) if response and self._wants("playback") else []
            case ToolStarted() | ToolEnded() | MemoryUsed() | ModelLoads() | EngineFailedOver():
                response = self._state.responses.get(event.turn_id)
                return self._background(response, event) if response and self._wants(_kind_of(event)) else []
            case SpeechStarted() | SpeechStopped() | IdleTimedOut() | TranscriptPartial() | TranscriptFinal():
                return self._hearing(event)
            case TurnStarted() | StageTimed() | Interrupted() | Failed() | TurnEnded():
                return self._turn(event)
            case MessageAdded() | MessageDeleted() | ReplyTruncated() | Refused():
                return self._conversation(event)
            case LevelsHeard():
                return [tell.levels(event)] if self._wants("levels") else []
            case _:
                assert_never(event)

    def _wants(self, kind: MynaEvent) -> bool:
        return kind in self._state.config.events

    # --------------------------------------------------------------------------------------------------- hearing

    def _hearing(
        self, event: SpeechStarted | SpeechStopped | IdleTimedOut | TranscriptPartial | TranscriptFinal
    ) -> list[ServerEvent]:
        if isinstance(event, SpeechStarted | IdleTimedOut | TranscriptPartial):
            spoken = self._state.utterance(event.turn_id, event.utterance_id)
        elif (spoken := self._state.spoken.get(event.turn_id)) is None:
            return []
        match event:
            case SpeechStarted(at_ms=at_ms):
                spoken.start_ms, spoken.speaking = at_ms, True
                return [tell.speech_started(spoken.item_id, at_ms)]
            case SpeechStopped(at_ms=at_ms):
                return self._stopped(spoken, at_ms)
            case IdleTimedOut(start_ms=start_ms, end_ms=end_ms):
                spoken.start_ms, spoken.end_ms = start_ms, end_ms
                return [tell.timeout_triggered(spoken.item_id, start_ms, end_ms)]
            case TranscriptPartial():
                return self._partial(spoken, event)
            case TranscriptFinal():
                return self._final(spoken, event)
            case _:
                assert_never(event)

    def _stopped(self, spoken: Spoken, at_ms: int) -> list[ServerEvent]:
        if not spoken.speaking:  # the client itself has ended it
            return []
        spoken.end_ms, spoken.speaking = at_ms, False
        return [tell.speech_stopped(spoken.item_id, at_ms)]

    def _partial(self, spoken: Spoken, event: TranscriptPartial) -> list[ServerEvent]:
        told = self._delta(spoken, event.text[: event.stable])
        if self._wants("transcript"):
            told.append(tell.transcript_partial(spoken.item_id, event.text, event.stable, event.language))
        return told

    def _delta(self, spoken: Spoken, text: str) -> list[ServerEvent]:
        """What is new in ``text``; nothing if it changes what the client was told, which deltas cannot."""
        if self._state.config.transcription is None or not text.startswith(spoken.told) or text == spoken.told:
            return []
        delta = text[len(spoken.told) :]
        spoken.told = text
        return [tell.transcription_delta(spoken.item_id, delta)]

    def _final(self, spoken: Spoken, event: TranscriptFinal) -> list[ServerEvent]:
        state = self._state
        if not spoken.taken:
            return []
        spoken.heard = True
        state.items.put(_utterance(spoken, event.text, kept=bool(event.text.strip())))
        if state.config.transcription is None:
            return []
        told = self._delta(spoken, event.text)
        if state.config.kind == "transcription":
            told += [
                tell.transcription_segment(
                    spoken.item_id,
                    state.new_id("seg"),
                    part.text,
                    max(part.start_ms - spoken.start_ms, 0) / 1000,
                    max(part.end_ms - spoken.start_ms, 0) / 1000,
                )
                for part in event.parts
            ]
        seconds = round(max((spoken.end_ms or 0) - spoken.start_ms, 0) / 1000, 3)
        return [*told, tell.transcription_completed(spoken.item_id, event.text, event.language, seconds)]

    # ----------------------------------------------------------------------------------------------------- turns

    def _turn(self, event: TurnStarted | StageTimed | Interrupted | Failed | TurnEnded) -> list[ServerEvent]:
        response = self._state.responses.get(event.turn_id)
        match event:
            case TurnStarted():
                return self._started(event, response)
            case StageTimed():
                if not self._wants("timing"):
                    return []
                spoken = self._state.spoken.get(event.turn_id)
                item_id = spoken.item_id if spoken else None
                return [tell.timing(response.id if response else None, item_id, event.stage, event.at_ms)]
            case Interrupted():
                if response is not None:
                    response.interruption = event
                return []
            case Failed():
                return self._failed(event, response)
            case TurnEnded():
                return self._ended(event, response)
            case _:
                assert_never(event)

    def _started(self, event: TurnStarted, response: Response | None) -> list[ServerEvent]:
        state = self._state
        told: list[ServerEvent] = []
        if event.utterance_id is not None:
            spoken = state.utterance(event.turn_id, event.utterance_id)
            state.take(spoken)
            item, after = _utterance(spoken, None), state.items.last_id
            state.items.add(item)
            told += [tell.committed(item.id, after), tell.item_added(item, after), tell.item_done(item, after)]
        if event.reply_id is not None:
            if response is None:
                response = Response(event.turn_id, state.config, state.served.conversation_id)
                state.responses[event.turn_id] = response
            told += response.start(event.reply_id, state.served.voice, spoken=state.served.has_voice())
        return told

    def _failed(self, event: Failed, response: Response | None) -> list[ServerEvent]:
        spoken = self._state.spoken.get(event.turn_id)
        told: list[ServerEvent] = []
        if spoken and spoken.taken and not spoken.heard:
            self._state.items.put(_utterance(spoken, None, kept=False))
            if self._state.config.transcription:
                told.append(tell.transcription_failed(spoken.item_id, event.code, event.message, event.hint))
        if response:
            response.failure = event
        if not told and not (response and response.stage == "running"):
            told.append(tell.failed(event.code, event.message, event.hint, response.event_id if response else None))
        return told

    def _ended(self, event: TurnEnded, response: Response | None) -> list[ServerEvent]:
        state = self._state
        told: list[ServerEvent] = []
        spoken = state.spoken.pop(event.turn_id, None)
        if spoken and spoken.speaking:  # it was nothing
            told.append(tell.speech_stopped(spoken.item_id, round(spoken.start_ms)))
        if response is not None:
            told += self._closed(event, response)
        if self._wants("outcome"):
            told.append(
                tell.turn_ended(
                    response.id if response else None,
                    spoken.item_id if spoken else None,
                    event.outcome,
                    event.reply.heard if event.reply else None,
                )
            )
        return told

    def _closed(self, event: TurnEnded, response: Response) -> list[ServerEvent]:
        state = self._state
        told: list[ServerEvent] = []
        if response.stage == "asked" and response.failure is None:  # the client waits for it
            told += response.start(None, state.served.voice)
        if response.stage == "running":
            nothing_said = event.outcome in ("silent", "completed")
            told += response.skip(state.items) if nothing_said else response.cut(state.items)
        if response.clearing:
            told.append(tell.output_audio_cleared(response.id))
        if response.interruption is not None and response.reply_id is not None and not response.apart:
            state.items.heard(response.reply_id, response.interruption.heard)
        del state.responses[event.turn_id]
        state.ended.append(response.id)
        return told

    # ----------------------------------------------------------------------------------------------------- reply

    def _reply(
        self,
        response: Response,
        event: ReplyText | ReplyAudio | ToolCalled | ReplyEnded | EmotionChanged | SegmentReady,
    ) -> list[ServerEvent]:
        items = self._state.items
        match event:
            case ReplyText(text=text):
                return response.text(text, items)
            case ReplyAudio(pcm=pcm, sample_rate=sample_rate):
                return response.audio(pcm, sample_rate, items)
            case ToolCalled(message_id=message_id, call=call):
                return response.call(message_id, call, items)
            case ReplyEnded():
                return response.end(event, items)
            case EmotionChanged(emotion=emotion):
                return [tell.emotion(response.id, response.reply_id, emotion)] if self._wants("emotion") else []
            case SegmentReady():
                return []
            case _:
                assert_never(event)

    def _playback(self, response: Response, event: PlaybackPaused | PlaybackResumed) -> list[ServerEvent]:
        match event:
            case PlaybackPaused(played_ms=played_ms):
                return [tell.playback_paused(response.id, response.reply_id, played_ms)]
            case PlaybackResumed():
                return [tell.playback_resumed(response.id, response.reply_id)]
            case _:
                assert_never(event)

    def _background(self, response: Response, event: Background) -> list[ServerEvent]:
        match event:
            case MemoryUsed(memories=memories):
                return [tell.memory_used(response.id, memories)]
            case ModelLoads(what=what):
                return [tell.model_loads(response.id, what)]
            case EngineFailedOver():
                return [tell.failed_over(response.id, event)]
            case ToolStarted(message_id=message_id, call=call, asks=asks):
                item_id = None if response.apart else self._state.work(message_id)
                return [tell.tool_started(response.id, item_id, call, asks=asks)]
            case ToolEnded(call_id=call_id, name=name, result=result, took_ms=took_ms):
                return [tell.tool_ended(response.id, call_id, name, result, took_ms)]
            case _:
                assert_never(event)

    # ---------------------------------------------------------------------------------------------- conversation

    def _conversation(self, event: MessageAdded | MessageDeleted | ReplyTruncated | Refused) -> list[ServerEvent]:
        state = self._state
        match event:
            case MessageAdded(message=message, after=after):
                if message.id in state.items:
                    return []
                item = state.pending.pop(message.id, None) or from_message(message)
                place = state.items.place_behind(after or ROOT)
                state.items.add(item, place)
                told_after = None if place == ROOT else place
                return [tell.item_added(item, told_after), tell.item_done(item, told_after)]
            case MessageDeleted(message_id=message_id):
                if message_id not in state.items and message_id not in state.worked:
                    return []  # what came of a call: the client never knew of it, or knows that it is gone
                state.items.remove(message_id)
                state.worked.pop(message_id, None)
                return [tell.item_deleted(message_id)]
            case ReplyTruncated(message_id=message_id, heard=heard, played_ms=played_ms):
                state.items.heard(message_id, heard, played_ms)
                return [tell.item_truncated(message_id, played_ms)]
            case Refused(ref=ref, code=code, message=message, hint=hint):
                return [tell.refused(code, message, hint, self.forget(ref))]
            case _:
                assert_never(event)

    def forget(self, ref: str) -> str | None:
        """A command was refused; the client's event that asked for it."""
        state = self._state
        asked = state.asked.pop(ref, None)
        if asked is None:
            return None
        if asked.item_id is not None:
            state.pending.pop(asked.item_id, None)
        if asked.commits and state.commits:
            state.commits.popleft()
        return asked.event_id

    def drop(self, turn_id: TurnId) -> None:
        """A response that was asked for will not come."""
        self._state.responses.pop(turn_id, None)


def _kind_of(event: Background) -> MynaEvent:
    match event:
        case ToolStarted() | ToolEnded():
            return "tools"
        case MemoryUsed():
            return "memory"
        case ModelLoads() | EngineFailedOver():
            return "llm"
        case _:
            assert_never(event)


def _utterance(spoken: Spoken, transcript: str | None, *, kept: bool = True) -> MessageItem:
    return MessageItem(spoken.item_id, "user", (Content("input_audio", transcript),), kept=kept)
