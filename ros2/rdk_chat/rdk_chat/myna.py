"""What Myna is asked over HTTP, and what it answers: ``docs/http.md`` of Myna."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from rdk_chat.call import Call, Server
from rdk_chat.event_stream import EventStream
from rdk_chat.problem import Problem

UNAUTHORISED, FORBIDDEN, UNAVAILABLE, OK = 401, 403, 503, 200
CONTEXT_EXCEEDED = "context_length_exceeded"
MOST_PERSONAS = 1 << 24
"""Bytes of the list of all personas."""


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        persona: The id of who answers.
        messages: What went before, and the prompt.
        sampling: ``max_tokens``, ``temperature``, ``top_p``, where they are not as Myna has them.
        private: Whether nothing of it is remembered.
    """

    persona: str
    messages: Sequence[Mapping[str, str]]
    sampling: Mapping[str, float]
    private: bool = False

    def body(self) -> bytes:
        """As ``POST /v1/chat/completions`` takes it."""
        asked: dict[str, Any] = {"model": f"myna/{self.persona}", "messages": list(self.messages), "stream": True}
        if self.private:
            asked["myna"] = {"private": True}
        return json.dumps(asked | dict(self.sampling), ensure_ascii=False).encode("utf-8", "replace")


def pieces(call: Call, question: Question) -> Iterator[str]:
    """The reply as it is written, in pieces that can be shown: without emotion tags, tool calls and thinking.

    Raises:
        Problem: There is no answer, or no whole one.
        Closed: The call was closed from this side.
    """
    status = call.open("POST", "/v1/chat/completions", question.body())
    if status != OK:
        raise _refusal(status, call.rest())
    events = EventStream()
    while received := call.read():
        for data in events.feed(received):
            if data == "[DONE]":
                return
            if piece := _shown(_told(data)):
                yield piece
    raise Problem("cut_off", "Myna went away in the middle of its reply. Ask again.")


def persona_for(call: Call, language: str) -> str:
    """The id of who answers where no persona is named: Myna's own choice, or the first one of a language.

    Raises:
        Problem: Nobody speaks the language, or Myna cannot be asked.
        Closed: The call was closed from this side.
    """
    status = call.open("GET", "/api/personas")
    whole = call.rest(MOST_PERSONAS)
    if status != OK:
        raise _refusal(status, whole)
    told = _told(whole.decode("utf-8", "replace"))
    default = told.get("default")
    there = {str(one.get("id")): str(one.get("language")) for one in _objects(told.get("personas"))}
    if not isinstance(default, str):
        raise Problem("not_myna", "What came is no list of Myna's personas. Correct url.")
    if not language or _speaks(there.get(default, ""), language):
        return default
    for name, spoken in there.items():
        if _speaks(spoken, language):
            return name
    raise Problem("refused", f"Myna has no persona of the language {language!r}. Correct language, or name a persona.")


def health(server: Server) -> str:
    """The status of Myna's LLM: ``ready``, ``loading``, ``fetching`` or ``failed``.

    Raises:
        Problem: Myna cannot be reached.
    """
    with Call(server) as call:
        status = call.open("GET", "/health")
        told = _told(call.rest().decode("utf-8", "replace")) if status == OK else {}
    engines = told.get("engines")
    llm = cast(Mapping[str, Any], engines).get("llm") if isinstance(engines, dict) else None
    if not isinstance(llm, dict):
        raise Problem("not_myna", f"Whoever answers at {server.url} is not Myna. Correct url.")
    return str(cast(Mapping[str, Any], llm).get("status"))


def _told(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Problem("not_myna", "What came is no answer of Myna's. Correct url.")
    told = cast(Mapping[str, Any], value)
    if isinstance(error := told.get("error"), dict):
        raise _meaning(0, cast(Mapping[str, Any], error))
    return told


def _speaks(spoken: str, language: str) -> bool:
    """Whether both are the same language; ``zh-CN`` is ``zh``."""
    return spoken.lower().split("-")[0] == language.lower().split("-")[0]


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    for one in cast(list[object], value) if isinstance(value, list) else []:
        if isinstance(one, dict):
            yield cast(Mapping[str, Any], one)


def _shown(chunk: Mapping[str, Any]) -> str:
    """The text of a chunk, as ROS can carry it: its strings are UTF-8 and end at the first NUL."""
    text = ""
    for choice in _objects(chunk.get("choices")):
        delta = choice.get("delta")
        content = cast(Mapping[str, Any], delta).get("content") if isinstance(delta, dict) else None
        text += content if isinstance(content, str) else ""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _refusal(status: int, body: bytes) -> Problem:
    try:
        error = json.loads(body).get("error")
    except (ValueError, RecursionError, AttributeError):
        error = None
    if not isinstance(error, dict):
        error = {"message": f"The answer was {status}: {body[:200].decode('utf-8', 'replace').strip()!r}."}
    return _meaning(status, cast(Mapping[str, Any], error))


def _meaning(status: int, error: Mapping[str, Any]) -> Problem:
    code, said = str(error.get("code")), str(error.get("message"))
    if hint := error.get("hint"):
        said = f"{said} {hint}"
    if status == UNAUTHORISED:
        return Problem("wrong_key", f"Myna does not take the API key: {said} Correct api_key_file or MYNA_API_KEY.")
    if status == FORBIDDEN:
        return Problem("refused", f"Myna refuses: {said}")
    if status == UNAVAILABLE:
        return Problem("starting", f"Myna cannot answer yet: {said}")
    if code == CONTEXT_EXCEEDED:
        return Problem("too_long", f"The prompt is too long: {said}")
    return Problem("failed" if status == 0 or status >= 500 else "refused", f"Myna did not answer: {said}")
