"""One connection to `/v1/realtime`, without the line: events and the time in, messages and news out."""

import base64
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from myna_ros.news import Call, Emotion, Fault, Flush, Heard, Interrupted, News, Reply, Send, State, Words
from myna_ros.player import Mark, Player

Told: TypeAlias = Send | News

REPORT_S = 0.1
"""How often the server is told how much was played."""

MOST_TOOL_ROUNDS = 4
"""So often in a row the model may call tools before it has to answer."""

MOST_REMEMBERED = 64
"""Responses of which something is known."""

LONGEST_REPLY = 100_000
"""Characters of a reply that are kept."""

EVENTS = ("emotion", "outcome", "playback", "transcript")

_REPORT = "report"
"""The id of messages whose refusal does not matter: a report that comes just after its turn has ended."""


class Dialogue:
    """Follows what is said and played.

    Args:
        player: Where replies wait to be played.
    """

    def __init__(self, player: Player) -> None:
        self._player = player
        self._hearing = False
        self._began_s = 0.0  # what is heard
        self._awaited = False
        self._state = ""
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._dead: OrderedDict[str, None] = OrderedDict()
        self._response = ""  # the newest
        self._calls: dict[str, str] = {}  # of each call that runs, the response that made it
        self._called: OrderedDict[str, bool] = OrderedDict()  # responses with calls: whether all of it has come
        self._rounds = 0
        self._reported: tuple[str, int] = ("", 0)
        self._report_at_s = 0.0
        self._said = threading.Event()  # stops what is played and no reply

    # ------------------------------------------------------------------------------------------------ from the server

    def take(self, event: Mapping[str, Any], now_s: float) -> Iterator[Told]:
        """What follows from an event."""
        yield from self._take(event, now_s)
        yield from self.tick(now_s)

    def _take(self, event: Mapping[str, Any], now_s: float) -> Iterator[Told]:
        match event:
            case {"type": "input_audio_buffer.speech_started"}:
                self._hearing, self._awaited, self._began_s = True, False, now_s
                yield from self._silence(now_s)
            case {"type": "input_audio_buffer.speech_stopped"}:
                self._hearing, self._awaited = False, True
            case {"type": "input_audio_buffer.committed"}:
                self._hearing, self._awaited, self._rounds = False, True, 0
            case {"type": "myna.transcript.partial", "text": str(text)}:
                yield Heard(text, final=False, began_s=self._began_s)
            case {"type": "conversation.item.input_audio_transcription.completed", "transcript": str(text)}:
                yield Heard(text, final=True, began_s=self._began_s)
            case {
                "type": "conversation.item.input_audio_transcription.failed",
                "error": {"message": str(text)} as error,
            }:
                self._awaited = False
                yield Fault(str(error.get("code")), text)
            case {"type": "error", "error": {"message": str(text)} as error}:
                if error.get("event_id") != _REPORT:
                    yield Fault(str(error.get("code")), text)
            case {"type": "response.created", "response": {"id": str(response)}}:
                self._response, self._awaited = response, True
            case _:
                yield from self._of_reply(event, now_s)

    def _of_reply(self, event: Mapping[str, Any], now_s: float) -> Iterator[Told]:
        match event:
            case {
                "type": "response.output_audio_transcript.delta" | "response.output_text.delta",
                "response_id": str(response),
                "delta": str(text),
            } if response not in self._dead:
                _remember(self._texts, response, (self._texts.get(response, "") + text)[:LONGEST_REPLY])
                yield Words(text)
            case {"type": "response.output_audio.delta", "response_id": str(response), "delta": str(audio)}:
                if response not in self._dead:
                    self._player.feed(response, base64.b64decode(audio))
            case {"type": "myna.emotion", "response_id": str(response), "emotion": str(emotion)}:
                if response not in self._dead:
                    self._player.mark(emotion)
            case {"type": "myna.playback.paused"}:
                self._player.pause()
                self._report_at_s = now_s
            case {"type": "myna.playback.resumed"}:
                self._player.resume()
            case {"type": "output_audio_buffer.cleared"}:
                yield from self._silence(now_s)
            case {"type": "myna.turn.ended", "outcome": str(outcome)}:
                yield from self._ended(event, outcome)
            case _:
                yield from self._of_response(event, now_s)

    def _of_response(self, event: Mapping[str, Any], now_s: float) -> Iterator[Told]:
        match event:
            case {
                "type": "response.output_item.done",
                "response_id": str(response),
                "item": {
                    "type": "function_call",
                    "call_id": str(call_id),
                    "name": str(name),
                    "arguments": str(arguments),
                },
            } if len(self._calls) < MOST_REMEMBERED:
                self._calls[call_id] = response
                _remember(self._called, response, False)
                if response in self._dead:
                    yield from self.tool_done(call_id, "Not done: it was stopped.")
                else:
                    yield Call(call_id, name, arguments)
            case {"type": "response.done", "response": {"id": str(response), "status": str(status)} as told}:
                if response == self._response:
                    self._awaited = response in self._called
                if status == "cancelled" and response in self._texts:
                    yield from self._silence(now_s)
                match told:
                    case {"status_details": {"error": {"code": code, "message": str(text)}}}:
                        yield Fault(str(code), text)
                    case _:
                        pass
                if response in self._called:
                    if status == "completed":
                        self._called[response] = True
                        yield from self._go_on(response)
                    else:
                        del self._called[response]
                        self._awaited = self._awaited and response != self._response
            case _:
                pass

    def _ended(self, event: Mapping[str, Any], outcome: str) -> Iterator[Told]:
        response, heard = event.get("response_id"), event.get("heard")
        if response is None or (response == self._response and response not in self._called):
            self._awaited = False
        text = self._texts.pop(response, "") if isinstance(response, str) else ""
        if isinstance(heard, str) and (outcome == "interrupted" or not text):
            text = heard
        elif outcome == "interrupted":
            text = ""
        if text:
            yield Reply(text)

    # ------------------------------------------------------------------------------------------------- from the robot

    def stop(self, now_s: float) -> Iterator[Told]:
        """End the reply, whether it is being made, sent or played."""
        yield from self._report(now_s)
        yield Send({"type": "output_audio_buffer.clear", "event_id": _REPORT})
        yield Send({"type": "response.cancel", "event_id": _REPORT})
        if self._response:
            _remember(self._dead, self._response, None)
        self._awaited = False
        yield from self._silence(now_s)
        yield from self.tick(now_s)

    def ask(self, text: str, now_s: float) -> Iterator[Told]:
        """Answer ``text`` as if it had been said."""
        yield from self.stop(now_s)
        self._awaited, self._rounds = True, 0
        content = [{"type": "input_text", "text": text}]
        yield Send(
            {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}
        )
        yield Send({"type": "response.create"})
        yield from self.tick(now_s)

    def play(self, pcm: bytes, stopped: threading.Event, now_s: float) -> Iterator[Told]:
        """Play what is no reply, unless it was ``stopped``, which is set by what silences it."""
        if not stopped.is_set():
            self._said = stopped
            self._player.feed("", pcm)
        yield from self.tick(now_s)

    def tool_done(self, call_id: str, output: str) -> Iterator[Told]:
        """What a call came to."""
        response = self._calls.pop(call_id, None)
        if response is None:
            return
        result = {"type": "function_call_output", "call_id": call_id, "output": output}
        yield Send({"type": "conversation.item.create", "item": result})
        yield from self._go_on(response)

    def _go_on(self, response: str) -> Iterator[Told]:
        """Have the results of its calls answered, once all are there and nothing else came up meanwhile."""
        if not self._called.get(response) or response in self._calls.values():
            return
        del self._called[response]
        if self._hearing or response != self._response or response in self._dead:
            return
        self._rounds += 1
        last = {"response": {"tool_choice": "none"}} if self._rounds >= MOST_TOOL_ROUNDS else {}
        yield Send({"type": "response.create", **last})

    # -------------------------------------------------------------------------------------------------------- playing

    def tick(self, now_s: float) -> Iterator[Told]:
        """What is due now: sound, a report of what was played, another state."""
        for each in self._player.take(now_s):
            yield Emotion(each.text) if isinstance(each, Mark) else each
        if now_s >= self._report_at_s:
            self._report_at_s = now_s + REPORT_S
            yield from self._report(now_s)
        state = self._state_at(now_s)
        if state != self._state:
            self._state = state
            yield State(state)

    def _report(self, now_s: float) -> Iterator[Told]:
        position = self._player.position(now_s)
        if position[0] and position != self._reported:
            self._reported = position
            told = {"response_id": position[0], "audio_end_ms": position[1]}
            yield Send({"type": "myna.playback.played", "event_id": _REPORT, **told})

    def _state_at(self, now_s: float) -> str:
        if self._hearing:
            return "hearing"
        if self._player.paused:
            return "paused"
        if self._player.busy(now_s):
            return "speaking"
        return "thinking" if self._awaited or self._calls else "listening"

    def _silence(self, now_s: float) -> Iterator[Told]:
        sounding = self._player.busy(now_s) or self._player.paused
        for response in self._texts:
            _remember(self._dead, response, None)
        self._said.set()
        self._player.flush()
        self._player.forget_ahead(now_s)
        if sounding:
            yield Flush()
            yield Interrupted()


def _remember(known: OrderedDict[str, Any], key: str, value: object) -> None:
    known[key] = value
    while len(known) > MOST_REMEMBERED:
        known.popitem(last=False)


def session_update(  # noqa: PLR0913 - all that can be asked for
    *,
    rates: tuple[int, int],
    tools: Sequence[Mapping[str, Any]],
    language: str = "",
    keywords: Sequence[str] = (),
    instructions: str = "",
    barge_in: str = "pause",
    greets: bool = True,
) -> dict[str, Any]:
    """What a session begins with.

    Args:
        rates: In Hz, of the audio that is sent and of that which comes.
        tools: As the protocol has them.
        language: What the user speaks, as an ISO 639-1 code; "" lets the server find out.
        keywords: What is often said, so that it is heard rightly.
        instructions: In the place of the persona's; "" leaves those.
        barge_in: As in the settings of turn-taking.
        greets: Whether the persona begins an empty conversation.
    """
    heard, spoken = rates
    transcription: dict[str, Any] = {"language": language} if language else {}
    if keywords:
        transcription["keywords"] = list(keywords)
    session: dict[str, Any] = {
        "type": "realtime",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": heard},
                "transcription": transcription,
            },
            "output": {"format": {"type": "audio/pcm", "rate": spoken}},
        },
        "tools": list(tools),
        "myna": {"events": [*EVENTS, *(["greeting"] if greets else [])], "barge_in": barge_in},
    }
    if instructions:
        session["instructions"] = instructions
    return {"type": "session.update", "session": session}


def rate_update(rate: int) -> dict[str, Any]:
    """What is said when the microphone has another rate from now on."""
    audio = {"input": {"format": {"type": "audio/pcm", "rate": rate}}}
    return {"type": "session.update", "session": {"type": "realtime", "audio": audio}}
