"""What goes wrong with an OpenAI-compatible server, as errors that a person can act on."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from myna.core.errors import (
    Busy,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    MynaError,
    PromptTooLong,
    RequestRefused,
)
from myna.engines.llm.chat_completions import ErrorObject
from myna.engines.llm.sse import NotAnAnswer

_JSON = TypeAdapter[JsonValue](JsonValue)
_LONGEST = 300
_TOO_LONG = re.compile(r"context.?(length|size|window)|exceed_context|maximum context|too many tokens", re.IGNORECASE)

_NO_KEY = (EngineRefused, "refused the API key", "Set api_key in [openai] (MYNA_OPENAI__API_KEY).")
_NOT_READY = (EngineUnavailable, "is not ready", "Try again in a while.")
_MEANINGS: Mapping[int | None, tuple[type[MynaError], str, str]] = {
    400: (RequestRefused, "answered with status 400", ""),
    422: (RequestRefused, "answered with status 422", ""),
    401: _NO_KEY,
    403: _NO_KEY,
    404: (
        EngineRefused,
        "has no chat completions, or not this model",
        "Check base_url (LLAMA_BASE) and model (LLAMA_MODEL) in [openai].",
    ),
    429: (Busy, "has no place for the request now", "Try again later."),
    502: _NOT_READY,
    503: _NOT_READY,
    504: _NOT_READY,
}


@dataclass(frozen=True, slots=True)
class Faults:
    """The errors of one server.

    Attributes:
        server: What to call it in a sentence, with its URL.
        model: The model that is asked for.
        api_key: What must not stand in a message, or empty.
        timeout_s: How long it was given.
    """

    server: str
    model: str
    api_key: str
    timeout_s: float

    @contextmanager
    def cleared(self) -> Generator[None]:
        """Turns what httpx and the decoder raise into errors of Myna."""
        try:
            yield
        except httpx.ConnectTimeout as error:
            raise self._unreachable("does not answer") from error
        except httpx.TimeoutException as error:
            raise EngineTimeout(
                f"{self.server} sent nothing for {self.timeout_s:g} s.",
                hint="Try again; a longer timeout_s in [openai] (LLAMA_TIMEOUT) helps on a slow machine.",
            ) from error
        except httpx.ConnectError as error:
            raise self._unreachable(f"is out of reach ({error})") from error
        except httpx.TransportError as error:
            raise self.broke_off() from error
        except ErrorObject as error:
            raise self._reported(error.error, status=None) from error
        except (NotAnAnswer, httpx.DecodingError) as error:
            raise EngineRefused(
                f"{self.server} answered with something that is no chat completion: {self._fit(str(error))}.",
                hint="Check base_url in [openai] (LLAMA_BASE): it must be an OpenAI-compatible server.",
            ) from error

    def broke_off(self) -> EngineUnavailable:
        """The answer ended before its end."""
        return EngineUnavailable(f"{self.server} broke off its answer.", hint="Try again.")

    def refusal(self, status: int, body: bytes) -> MynaError:
        """The error that an HTTP status other than 200 means."""
        try:
            said = _JSON.validate_json(body)
        except ValidationError:
            said = body.decode(errors="replace")
        return self._reported(said, status=status)

    def _reported(self, said: JsonValue, *, status: int | None) -> MynaError:
        error = said.get("error", said) if isinstance(said, dict) else said
        code = error.get("code") if isinstance(error, dict) else None
        status = status or (code if isinstance(code, int) else None)
        words = self._fit(_message(error))
        if status in {None, 400, 413, 422, 500} and _TOO_LONG.search(str(error)):
            return PromptTooLong(
                f"The prompt is longer than the context of {self.model}: {words}.",
                hint="Shorten the input, or give the server a longer context.",
            )
        other = f"answered with status {status}" if status else "reported an error"
        kind, meaning, hint = _MEANINGS.get(status, (EngineRefused, other, ""))
        return kind(f"{self.server} {meaning}: {words}.", hint=hint)

    def _unreachable(self, how: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"{self.server} {self._fit(how)}.",
            hint="Start it, or set base_url in [openai] (LLAMA_BASE) to where it is.",
        )

    def _fit(self, text: str) -> str:
        words = " ".join(text.split()).rstrip(".") or "it gave no reason"
        words = words.replace(self.api_key, "***") if self.api_key else words
        return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _message(error: JsonValue) -> str:
    if isinstance(error, dict):
        said = error.get("message") or error.get("detail") or error
        return said if isinstance(said, str) else str(said)
    return str(error)
