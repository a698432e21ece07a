"""What goes wrong with an OpenAI-compatible server, as errors that a person can act on."""

import math
import re
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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
_MOST_LISTED = 8
_TOO_LONG = re.compile(r"context.?(length|size|window)|exceed_context|maximum context|too many tokens", re.IGNORECASE)
_OF_MODEL = re.compile(r"model|deployment|模型", re.IGNORECASE)
_LOADS = re.compile(r"loading (the )?model|model is (still )?loading", re.IGNORECASE)

_NOT_READY = (EngineUnavailable, "is not ready", "Try again in a while.")
_MEANINGS: Mapping[int | None, tuple[type[MynaError], str, str]] = {
    400: (RequestRefused, "answered with status 400", ""),
    422: (RequestRefused, "answered with status 422", ""),
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

# Of OpenSSL's `x509_vfy.h`.
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
_EXPIRED = frozenset({9, 10})
_OTHER_NAME = frozenset({62, 64})
_ENDED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Refused(Exception):  # never raised by itself: the cause of the error that a person reads
    """An HTTP status other than 200.

    Attributes:
        status: It.
        after_s: When the server wants to be asked again, in seconds; None if it does not say.
        loads: Whether a llama-server still loads its model.
        no_route: Whether the server has no such page. A 404 may also be about the model.
        parameter: What of the request it does not take, as OpenAI's servers name it (``error.param``).
    """

    def __init__(
        self,
        status: int,
        *,
        after_s: float | None = None,
        loads: bool = False,
        no_route: bool = False,
        parameter: str = "",
    ) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.after_s = after_s
        self.loads = loads
        self.no_route = no_route
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Faults:
    """The errors of one server.

    Attributes:
        server: What to call it in a sentence, with its URL.
        model: The model that is asked for.
        models: Those that the server lists.
        secrets: What must not stand in a message.
        key_sent: Whether we sent an API key.
        anonymous: Whether the connection is encrypted and we show no certificate. A server that wants one hangs up on
            the first request in TLS 1.3, and what it says of that does not always get through to us.
        timeout_s: How long it was given.
    """

    server: str
    model: str
    timeout_s: float
    models: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    key_sent: bool = False
    anonymous: bool = False

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
        except httpx.TransportError as error:
            if (fault := _tls_fault(error)) is not None:
                raise self._not_trusted(fault) from fault
            if isinstance(error, httpx.ConnectError):
                raise self._unreachable(f"is out of reach ({error})") from error
            raise self.broke_off() from error
        except ssl.SSLError as error:  # of reading, which httpx lets through
            raise (self.broke_off() if isinstance(error, _ENDED) else self._not_trusted(error)) from error
        except ErrorObject as error:
            raise self._reported(error.error, status=None) from error
        except (NotAnAnswer, httpx.DecodingError) as error:
            raise EngineRefused(
                f"{self.server} answered with something that is no chat completion: {self._fit(str(error))}.",
                hint="Check base_url in [openai] (LLAMA_BASE): it must be an OpenAI-compatible server.",
            ) from error

    def broke_off(self) -> EngineUnavailable:
        """The answer ended before its end."""
        more = (
            " If it never answers, it may want a certificate: client_certificate in [openai]." if self.anonymous else ""
        )
        return EngineUnavailable(f"{self.server} broke off its answer.", hint=f"Try again.{more}")

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> MynaError:
        """The error that an HTTP status other than 200 means; its cause is a `Refused`."""
        try:
            said = _JSON.validate_json(body)
        except ValidationError:
            said = body.decode(errors="replace")
        of_model = isinstance(said, dict) and bool(_OF_MODEL.search(str(said)))
        loads = status == 503 and bool(_LOADS.search(str(said)))
        after_s = retry_after_s(headers)
        if status == 404 and of_model:
            problem = self._unknown_model(said)
        elif loads:
            problem = EngineUnavailable(f"{self.server} still loads its model.", hint="Try again in a while.")
        else:
            problem = self._reported(said, status=status)
        if isinstance(problem, Busy | EngineUnavailable) and after_s is not None:
            problem.hint = f"Try again in {after_s:.0f} s."
        problem.__cause__ = Refused(
            status,
            after_s=after_s,
            loads=loads,
            no_route=status == 404 and not of_model,
            parameter=_parameter(said) if status == 400 else "",
        )
        return problem

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
        if status in {401, 403}:
            meaning = "refused the API key" if self.key_sent else "wants an API key"
            return EngineRefused(
                f"{self.server} {meaning}: {words}.", hint="Set api_key in [openai] (MYNA_OPENAI__API_KEY)."
            )
        other = f"answered with status {status}" if status else "reported an error"
        kind, meaning, hint = _MEANINGS.get(status, (EngineRefused, other, ""))
        return kind(f"{self.server} {meaning}: {words}.", hint=hint)

    def _unknown_model(self, said: JsonValue) -> EngineRefused:
        error = said.get("error", said) if isinstance(said, dict) else said
        listed = ", ".join(self.models[:_MOST_LISTED])
        more = ", …" if len(self.models) > _MOST_LISTED else ""
        there = f"It lists {self._fit(listed)}{more}." if listed else "Ask the server which it has."
        return EngineRefused(
            f"{self.server} does not have the model {self.model}: {self._fit(_message(error))}.",
            hint=f"Set model in [openai] (LLAMA_MODEL). {there}",
        )

    def _unreachable(self, how: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"{self.server} {self._fit(how)}.",
            hint="Start it, or set base_url in [openai] (LLAMA_BASE) to where it is.",
        )

    def _not_trusted(self, fault: ssl.SSLError) -> EngineUnavailable:
        """What is wrong with the encrypted connection. It is never gone on without."""
        code = fault.verify_code if isinstance(fault, ssl.SSLCertVerificationError) else None
        words = str(fault)
        if code in _UNKNOWN_AUTHORITY:
            what, hint = (
                "shows a certificate of an authority that is not known here",
                "If the server is yours, set ca_file in [openai] to its certificate, or to that of who signed it.",
            )
        elif code in _OTHER_NAME:
            what, hint = (
                "shows a certificate of another name",
                "Set base_url in [openai] to a name that stands in the certificate, or have one made for this one.",
            )
        elif code in _EXPIRED:
            what, hint = "shows a certificate that is not valid now", "Renew it, and see that the clocks are right."
        elif "CERTIFICATE_REQUIRED" in words or "HANDSHAKE_FAILURE" in words:
            what, hint = (
                "wants a certificate of ours, or another one",
                "Set client_certificate and client_key in [openai].",
            )
        elif "WRONG_VERSION_NUMBER" in words or "RECORD_LAYER_FAILURE" in words:
            what, hint = "speaks no TLS there", "Set base_url in [openai] to http://, or to the port for https."
        else:
            what, hint = "cannot be spoken to in TLS", "See ca_file, client_certificate and base_url in [openai]."
        return EngineUnavailable(f"{self.server} {what} ({self._fit(words)}).", hint=hint)

    def _fit(self, text: str) -> str:
        words = " ".join(text.split()).rstrip(".") or "it gave no reason"
        for secret in self.secrets:
            words = words.replace(secret, "***")
        return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _parameter(said: JsonValue) -> str:
    error = said.get("error") if isinstance(said, dict) else None
    named = error.get("param") if isinstance(error, dict) else None
    return named if isinstance(named, str) else ""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """When a server wants to be asked again, in seconds; None if it does not say, or not so that it is understood.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    said = headers.get("retry-after", "").strip()
    try:
        after_s = float(said)
    except ValueError:
        when = _date(said)
        now = _date(headers.get("date", "")) or datetime.now(UTC)  # of the same clock, which may be wrong
        return max(0.0, (when - now).total_seconds()) if when else None
    return after_s if math.isfinite(after_s) and after_s >= 0 else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _tls_fault(error: BaseException) -> ssl.SSLError | None:
    """The fault of TLS that an error of httpx was made of, if any."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return None if isinstance(cause, _ENDED) else cause


def _message(error: JsonValue) -> str:
    if isinstance(error, dict):
        said = error.get("message") or error.get("detail") or error
        return said if isinstance(said, str) else str(said)
    return str(error)
