"""From a client's events to commands."""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from myna.core.commands import (
    ROOT,
    AddMessage,
    AllowTool,
    ClearAudio,
    Command,
    CommitAudio,
    Configure,
    CreateReply,
    DeleteMessage,
    Interrupt,
    ReportPlayed,
    Say,
    TruncateReply,
)
from myna.core.ids import MessageId, TurnId
from myna.core.messages import Message
from myna.core.tools import ToolCall
from myna.wire.appending import appended, rest
from myna.wire.audio_formats import AudioIn
from myna.wire.realtime import client_events as asked
from myna.wire.realtime import server_events as tell
from myna.wire.realtime.client_events import read_event
from myna.wire.realtime.items import CallItem, Content, Item, MessageItem, ResultItem, to_message
from myna.wire.realtime.refusal import EventRefused, RefusalCode
from myna.wire.realtime.response import Response
from myna.wire.realtime.server_events import ServerEvent
from myna.wire.realtime.session_config import TO_ANSWER, responding, updated
from myna.wire.realtime.session_meaning import preferences, shown
from myna.wire.realtime.session_patch import SessionPatch
from myna.wire.realtime.state import Asked, State

SHORTEST_COMMIT_MS = 100
"""OpenAI's own limit; nothing can be said in less."""

MOST_RESPONSES = 16
"""How many may be asked for or run at once, those apart included."""

_PARTS: Mapping[str, tuple[str, ...]] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text", "output_audio"),
}


@dataclass(frozen=True, slots=True)
class Done:
    """What an event comes to: commands for the session, and what the client is told at once."""

    commands: Iterable[Command] = ()
    told: tuple[ServerEvent, ...] = ()


class Decoder:
    """Reads what the client sends."""

    def __init__(self, state: State) -> None:
        self._state = state

    def decode(self, fields: Mapping[str, object]) -> Done:
        """What an event comes to.

        Raises:
            EventRefused: It cannot be done; nothing has changed.
        """
        event = read_event(fields)
        match event:
            case asked.SessionUpdate(session=patch):
                return self._update(patch)
            case (
                asked.InputAudioAppend()
                | asked.InputAudioCommit()
                | asked.InputAudioClear()
                | asked.OutputAudioClear()
                | asked.PlaybackPlayed()
            ):
                return self._audio(event)
            case asked.ItemCreate() | asked.ItemRetrieve() | asked.ItemTruncate() | asked.ItemDelete():
                return self._conversation(event)
            case asked.ResponseCreate(response=terms, event_id=event_id):
                return self._respond(terms or asked.ResponseTerms(), event_id)
            case asked.ResponseCancel(response_id=response_id):
                return self._cancel(response_id)
            case asked.ToolAllow(call_id=call_id, allowed=allowed, event_id=event_id):
                return Done((AllowTool(call_id, allowed, self._state.ask(Asked(event_id))),))
            case _:
                assert_never(event)

    # --------------------------------------------------------------------------------------------------- session

    def _update(self, patch: SessionPatch) -> Done:
        state = self._state
        old, new = state.config, updated(state.config, patch, state.served)
        state.config = new
        commands: list[Command] = []
        if new.input_format != old.input_format:
            commands += rest(state.audio_in)  # what was said before goes first
            state.audio_in = AudioIn(new.input_format.type, new.input_format.rate)
        told = [tell.session("updated", shown(new, state.served))]
        working = preferences(new, state.served)
        if working != preferences(old, state.served):
            commands.append(Configure(working))
        greeting = state.served.greetings[new.greeting] if state.served.greetings else ""
        if "greeting" in new.events and not state.greeted and greeting:
            state.greeted = True
            if state.items.last_id is None:
                told.append(tell.greeting(greeting))
                commands.append(Say(greeting))
        return Done(tuple(commands), tuple(told))

    # ----------------------------------------------------------------------------------------------------- audio

    def _audio(
        self,
        event: asked.InputAudioAppend
        | asked.InputAudioCommit
        | asked.InputAudioClear
        | asked.OutputAudioClear
        | asked.PlaybackPlayed,
    ) -> Done:
        match event:
            case asked.InputAudioAppend(audio=audio):
                return self._append(audio)
            case asked.InputAudioCommit(event_id=event_id):
                return self._commit(event_id)
            case asked.InputAudioClear():
                return self._clear()
            case asked.OutputAudioClear():
                return self._silence()
            case asked.PlaybackPlayed(response_id=response_id, audio_end_ms=played_ms):
                return self._played(response_id, played_ms)
            case _:
                assert_never(event)

    def _append(self, audio: str) -> Done:
        try:
            data = b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            raise EventRefused("The audio is no base64.", reason="invalid_value", param="audio") from None
        state = self._state
        state.appended_ms += len(data) / state.config.input_format.bytes_per_ms
        return Done(appended(state.audio_in, data))

    def _commit(self, event_id: str | None) -> Done:
        state = self._state
        waiting_ms = state.appended_ms - state.buffer_from_ms
        if waiting_ms < SHORTEST_COMMIT_MS:
            raise EventRefused(
                f"There is too little audio to commit: {waiting_ms:.0f} ms, of at least {SHORTEST_COMMIT_MS} ms.",
                reason="input_audio_buffer_commit_empty",
            )
        state.commits.append((state.buffer_from_ms, state.appended_ms))
        state.buffer_from_ms = state.appended_ms
        ref = state.ask(Asked(event_id, commits=True))
        return Done((*rest(state.audio_in), CommitAudio(replies=False, ref=ref)))

    def _clear(self) -> Done:
        state = self._state
        line = state.config.input_format
        state.audio_in = AudioIn(line.type, line.rate)
        state.buffer_from_ms = state.appended_ms
        return Done((ClearAudio(),), (tell.input_cleared(),))

    def _silence(self) -> Done:
        begun = (one for one in reversed(self._state.responses.values()) if one.stage != "asked")
        response = next((one for one in begun if one.speaks and not one.apart), None)
        if response is None:
            raise EventRefused("Nothing is spoken.", reason="output_audio_buffer_clear_not_active")
        response.cancelled = response.clearing = True
        return Done((Interrupt(turn_id=response.turn_id),))

    def _played(self, response_id: str, played_ms: int) -> Done:
        for response in self._state.responses.values():
            if response.id == response_id:
                return Done((ReportPlayed(response.turn_id, played_ms),))
        if response_id in self._state.ended:
            return Done()  # it was under way when the turn ended
        raise EventRefused(f"There is no response {response_id!r}.", reason="response_not_found", param="response_id")

    # ----------------------------------------------------------------------------------------------------- items

    def _conversation(
        self, event: asked.ItemCreate | asked.ItemRetrieve | asked.ItemTruncate | asked.ItemDelete
    ) -> Done:
        match event:
            case asked.ItemCreate():
                return self._create(event)
            case asked.ItemRetrieve(item_id=item_id):
                return Done(told=(tell.item_retrieved(self._known(item_id, "item_retrieve_invalid_item_id")),))
            case asked.ItemTruncate():
                return self._truncate(event)
            case asked.ItemDelete(item_id=item_id, event_id=event_id):
                if item_id in self._state.worked:
                    return Done((DeleteMessage(MessageId(item_id), self._state.ask(Asked(event_id))),))
                item = self._known(item_id, "item_delete_invalid_item_id")
                if isinstance(item, MessageItem) and not item.kept:
                    self._state.items.remove(item.id)
                    return Done(told=(tell.item_deleted(item.id),))
                return Done((DeleteMessage(item.id, self._state.ask(Asked(event_id))),))
            case _:
                assert_never(event)

    def _known(self, item_id: str, reason: RefusalCode) -> Item:
        item = self._state.item(item_id)
        if item is None:
            raise EventRefused(f"There is no item {item_id!r} in the conversation.", reason=reason, param="item_id")
        return item

    def _create(self, event: asked.ItemCreate) -> Done:
        state = self._state
        item = self._item(event.item, "item")
        if item.id == ROOT or state.item(item.id) is not None:
            raise EventRefused(
                f"There is already an item {item.id!r}.", reason="item_create_duplicate_id", param="item.id"
            )
        after = None if event.previous_item_id is None else MessageId(event.previous_item_id)
        if after not in (None, ROOT) and state.item(after) is None:
            raise EventRefused(
                f"There is no item {after!r} to follow.",
                reason="item_create_invalid_previous_item_id",
                param="previous_item_id",
            )
        after = after and state.items.kept_until(after)
        if isinstance(item, ResultItem) and not self._is_called(item.call_id):
            raise EventRefused(
                f"No tool was called under {item.call_id!r} in this conversation.",
                reason="invalid_tool_call_id",
                param="item.call_id",
            )
        state.pending[item.id] = item
        ref = state.ask(Asked(event.event_id, item.id))
        return Done((AddMessage(to_message(item, self._new_turn_id()), after, ref),))

    def _is_called(self, call_id: str) -> bool:
        waiting = self._state.pending.values()
        return self._state.items.has_call(call_id) or any(
            isinstance(item, CallItem) and item.call.id == call_id for item in waiting
        )

    def _item(self, new: asked.NewItem, place: str) -> Item:
        new_id = self._state.new_id
        item_id = MessageId(new.id or new_id("msg"))
        match new:
            case asked.MessageItem():
                parts = (_content(new.role, part, f"{place}.content[{i}]") for i, part in enumerate(new.content))
                return MessageItem(item_id, new.role, tuple(parts))
            case asked.FunctionCallItem():
                return CallItem(item_id, ToolCall(new.call_id or new_id("call"), new.name, new.arguments))
            case asked.FunctionCallOutputItem():
                return ResultItem(item_id, new.call_id, new.output)
            case _:
                assert_never(new)

    def _truncate(self, event: asked.ItemTruncate) -> Done:
        item = self._known(event.item_id, "item_truncate_invalid_item_id")
        running = (one for one in self._state.responses.values() if one.reply_id == item.id and one.stage == "running")
        response = next(running, None)
        audio_ms = response.audio_ms if response else item.audio_ms if isinstance(item, MessageItem) else None
        if audio_ms is None:
            raise EventRefused(
                "Only a reply that was spoken in this session can be truncated.",
                reason="invalid_value",
                param="item_id",
            )
        if event.audio_end_ms > -(-audio_ms // 1):
            raise EventRefused(
                f"Audio content of {audio_ms:.0f} ms is already shorter than {event.audio_end_ms} ms.",
                reason="invalid_value",
                param="audio_end_ms",
            )
        ref = self._state.ask(Asked(event.event_id))
        return Done((TruncateReply(item.id, event.audio_end_ms, ref),))

    # ------------------------------------------------------------------------------------------------- responses

    def _respond(self, terms: asked.ResponseTerms, event_id: str | None) -> Done:
        state = self._state
        if state.config.kind == "transcription":
            raise EventRefused(
                "A session of type transcription does not answer.",
                reason="invalid_value",
                param="type",
                hint=TO_ANSWER if state.served.transcribes else "Set session.type to realtime.",
            )
        apart = terms.conversation == "none"
        self._check_free(apart)
        config = responding(state.config, terms, state.served)
        messages = None if terms.input is None else tuple(map(self._message, enumerate(terms.input)))
        turn_id = self._new_turn_id()
        conversation_id = None if apart else state.served.conversation_id
        state.responses[turn_id] = Response(
            turn_id, config, conversation_id, metadata=terms.metadata, event_id=event_id
        )
        chosen = None if config == state.config else preferences(config, state.served)
        return Done((CreateReply(turn_id, chosen, messages, apart),))

    def _check_free(self, apart: bool) -> None:
        active = self._state.active()
        if not apart and active is not None and not active.cancelled:
            raise EventRefused(
                f"The conversation already has an active response: {active.id}.",
                reason="conversation_already_has_active_response",
                hint="Wait for its response.done, or cancel it first.",
            )
        if sum(1 for _ in self._state.unfinished()) >= MOST_RESPONSES:
            raise EventRefused(
                f"There are already {MOST_RESPONSES} active responses.",
                reason="conversation_already_has_active_response",
                hint="Wait for a response.done.",
            )

    def _message(self, place: tuple[int, asked.InputItem]) -> Message:
        index, new = place
        if not isinstance(new, asked.ItemReference):
            return to_message(self._item(new, f"response.input[{index}]"), self._new_turn_id())
        item = self._state.item(new.id)
        if item is None:
            raise EventRefused(
                f"There is no item {new.id!r} in the conversation.",
                reason="invalid_value",
                param=f"response.input[{index}].id",
            )
        return to_message(item, self._new_turn_id())

    def _cancel(self, response_id: str | None) -> Done:
        state = self._state
        if response_id is None:
            response = state.active()
        else:
            response = next((one for one in state.unfinished() if one.id == response_id), None)
        if response is None or response.cancelled:
            raise EventRefused("There is no active response to cancel.", reason="response_cancel_not_active")
        response.cancelled = True
        return Done((Interrupt(turn_id=response.turn_id),))

    def _new_turn_id(self) -> TurnId:
        return TurnId(self._state.new_id("turn"))


def _content(role: str, part: asked.ContentPart, place: str) -> Content:
    if isinstance(part, asked.ImagePart) or part.type not in _PARTS[role]:
        raise EventRefused(
            f"A message of role {role} holds {' and '.join(_PARTS[role])} only.",
            reason="invalid_value",
            param=f"{place}.type",
        )
    if isinstance(part, asked.TextPart):
        return Content(part.type, part.text)
    if part.transcript is None:
        raise EventRefused(
            "Audio in an item cannot be heard.",
            reason="missing_required_parameter",
            param=f"{place}.transcript",
            hint="Append it to the input audio buffer and commit it, or send its transcript.",
        )
    return Content(part.type, part.transcript)
