"""Any OpenAI-compatible server: llama-server, vLLM, SGLang, Ollama, LM Studio, or a cloud."""

import ipaddress
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, Resources, Sampling, ToolSpec
from myna.engines.llm.chat_completions import DONE, Dialect, ReplyDecoder, encode
from myna.engines.llm.faults import Faults
from myna.engines.llm.read_ahead import ReadAhead
from myna.engines.llm.sse import EventDecoder, NotAnAnswer
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.llm.tokenizer import NoTokenizer, Tokenizer

CONNECT_S = 5.0
PROBE_S = 3.0
"""How long a server may take to say what it is. Opening waits no longer: it may be started later."""
COUNT_S = 5.0
"""How long counting tokens may take before an estimate has to do."""
COUNT_AGAIN_S = 30.0
"""After a server failed to count, estimates have to do for so long: nobody waits for it in every turn."""
DRAIN_S = 0.25
"""How long the end of a stream may take after its last event; with it the connection can be used again."""
KEEP_ALIVE_S = 3.0
"""Below the 5 s after which uvicorn and others close an idle connection, so that no request runs into the closing."""
MAX_BODY_BYTES = 8 << 20


class OpenAIOptions(BaseModel):
    """An OpenAI-compatible LLM server."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(default="http://127.0.0.1:8080", description="Its address, with or without /v1.")
    model: str | None = Field(default=None, description="The model to ask for; may be left out where there is but one.")
    api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token.")
    timeout_s: float = Field(
        default=30.0, gt=0, description="How long it may take to begin an answer, and between two pieces of it."
    )
    context_tokens: int | None = Field(
        default=None, gt=0, description="The longest prompt and answer together; asked of the server if left out."
    )

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        try:
            url = httpx.URL(value.strip())
        except httpx.InvalidURL as error:
            raise ValueError(f"not a URL: {error}") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("must begin with http:// or https:// and name a host")
        return str(url).rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value().strip() if value else ""
        if not (key.isascii() and key.isprintable()):
            raise ValueError("holds characters that no API key has")
        return SecretStr(key) if key else None


class _ModelMeta(BaseModel):
    n_ctx_train: int | None = None
    n_params: int | None = None


class _Model(BaseModel):
    id: str
    owned_by: str | None = None
    max_model_len: int | None = None  # vLLM, SGLang
    meta: _ModelMeta | None = None  # llama-server


class _Models(BaseModel):
    data: list[_Model]


class _SlotSettings(BaseModel):
    n_ctx: int | None = None


class _TemplateAbilities(BaseModel):
    supports_tools: bool = True


class _Props(BaseModel):
    default_generation_settings: _SlotSettings = _SlotSettings()
    chat_template_caps: _TemplateAbilities = _TemplateAbilities()


@dataclass(frozen=True, slots=True)
class _Server:
    """What a server says of itself."""

    model: str | None = None
    context_tokens: int | None = None
    dialect: Dialect = "plain"
    native_tools: bool = True
    parameters: int | None = None


_DIALECTS: dict[str, Dialect] = {"llamacpp": "llamacpp", "vllm": "open", "sglang": "open"}


class OpenAILLM:
    """A client of ``POST /v1/chat/completions``. Made by `open_openai`.

    Closing a stream closes its connection at once, which is how such servers are told to stop.

    Calls come as `ToolCallDelta` where the server recognises them. Small models write them as text all the same, and
    ``tool_choice`` is then no more than a wish.
    """

    def __init__(self, client: httpx.AsyncClient, options: OpenAIOptions, name: str) -> None:
        self._client = client
        self._options = options
        self._name = name
        versioned = re.search(r"/v\d+\w*$", options.base_url)
        self._root = options.base_url.removesuffix(versioned[0]) if versioned else options.base_url
        self._api = options.base_url if versioned else f"{options.base_url}/v1"
        self._server: _Server | None = None
        self._tokenizer = Tokenizer(client, self._root)
        self._estimates_until = -math.inf
        self._ahead = ReadAhead()

    @property
    def info(self) -> LLMInfo:
        """What the server said of itself; until it has been reached, what the options say.

        That ``output_schema`` is enforced is part of OpenAI's API: any server is taken at its word.
        """
        server = self._server or _Server()
        return LLMInfo(
            model=self._options.model or server.model or "unknown",
            context_tokens=self._options.context_tokens or server.context_tokens,
            native_tools=server.native_tools,
            output_schema=True,
            parameters=server.parameters,
        )

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer.

        Raises:
            BadInput: The prompt is longer than the model's context.
            Busy: The server has no place for the request now.
            EngineUnavailable: The server is out of reach, still loads, or went away.
            EngineTimeout: Nothing came for ``timeout_s``.
            EngineRefused: It answered with an error, or with something else than an answer.
        """
        if self._server is None:
            await self.look()
        server = self._server or _Server()
        body = encode(request, model=self._options.model or server.model, dialect=server.dialect)
        decoder = ReplyDecoder()
        faults = self._faults()
        with faults.cleared():
            async with (
                self._ahead.way_for(request),
                self._client.stream("POST", f"{self._api}/chat/completions", json=body) as response,
            ):
                if not response.is_success:
                    raise faults.refusal(response.status_code, await _read(response))
                async with aclosing(_parts(response, self._options.timeout_s)) as parts:
                    async for part in parts:
                        for delta in decoder.feed(part):
                            yield delta
            kind = response.headers.get("content-type", "")
            if not (decoder.started or decoder.done or kind.startswith("text/event-stream")):
                raise NotAnAnswer(kind or "no content type")
        if not decoder.whole:
            raise faults.broke_off()
        yield decoder.finished()

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """The tokens of a prompt, by the server's tokenizer if it is a llama-server, else by `estimate_tokens`."""
        if anyio.current_time() < self._estimates_until:
            return estimate_tokens(messages)
        again_s = COUNT_AGAIN_S
        with anyio.move_on_after(COUNT_S):
            try:
                return await self._tokenizer.count(messages)
            except NoTokenizer:
                again_s = math.inf
            except httpx.HTTPError:
                pass
        self._estimates_until = anyio.current_time() + again_s
        return estimate_tokens(messages)

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """Have a llama-server read a prompt, once, while none of our requests is being answered. Never fails.

        No other server is asked: it may want to be paid for what it reads.
        """
        if self._server is not None and self._server.dialect == "llamacpp":
            await self.read_into((None,), messages, tools, resume=not everywhere)

    async def read_into(
        self, slots: Sequence[int | None], messages: Sequence[LLMMessage], tools: Sequence[ToolSpec], *, resume: bool
    ) -> None:
        """Have a llama-server read a prompt into slots, where later prompts find what they begin with.

        Args:
            slots: Which; what they held is lost. None: the server takes the one that has most of the prompt already,
                or that was not used for longest, and saves what would be lost in it.
            messages: See `ReadAhead.read`, as for the others.
            tools: Those of the request.
            resume: Begin again after a request has stopped it.
        """
        request = LLMRequest(tuple(messages), Sampling(max_tokens=1), tuple(tools))
        body = encode(request, model=self._options.model, dialect="llamacpp")
        copies = [partial(self._read_prompt, body if slot is None else body | {"id_slot": slot}) for slot in slots]
        await self._ahead.read(messages, tools, copies, resume=resume)

    async def _read_prompt(self, body: Mapping[str, Any]) -> None:
        if self._client.is_closed:  # meanwhile: this may have waited long for its time
            return
        faults = self._faults()
        with faults.cleared():
            async with self._client.stream("POST", f"{self._api}/chat/completions", json=body) as response:
                if not response.is_success:
                    raise faults.refusal(response.status_code, await _read(response))
                async for _ in response.aiter_bytes():
                    pass

    async def is_alive(self, within_s: float) -> bool:
        """Whether a llama-server answers at all; it does so while it computes, too."""
        with anyio.move_on_after(within_s), suppress(httpx.HTTPError):
            return (await self._client.get(f"{self._root}/health", timeout=within_s)).is_success
        return False

    async def look(self) -> None:
        """Learn the server's model and limits, if it can be reached. Takes at most `PROBE_S` and never fails."""
        with anyio.move_on_after(PROBE_S), suppress(httpx.HTTPError):
            self._server = await self._ask()

    async def _ask(self) -> _Server:
        response = await self._client.get(f"{self._api}/models")
        if response.is_server_error:
            response.raise_for_status()  # still loads: worth another look later
        try:
            models = _Models.model_validate_json(response.content).data
        except ValidationError:
            return _Server()
        named = [model for model in models if model.id == self._options.model] or models
        if len(named) != 1:
            return _Server()
        model = named[0]
        dialect = _DIALECTS.get(model.owned_by or "", "plain")
        props = await self._props() if dialect == "llamacpp" else _Props()
        limits = [
            props.default_generation_settings.n_ctx,
            model.meta.n_ctx_train if model.meta else None,
            model.max_model_len,
        ]
        context = min((limit for limit in limits if limit), default=None)
        parameters = model.meta.n_params if model.meta else None
        return _Server(model.id, context, dialect, props.chat_template_caps.supports_tools, parameters)

    async def _props(self) -> _Props:
        response = await self._client.get(f"{self._root}/props")
        try:
            return _Props.model_validate_json(response.content)
        except ValidationError:
            return _Props()

    def _faults(self) -> Faults:
        key = self._options.api_key
        return Faults(
            server=self._name,
            model=self.info.model,
            api_key=key.get_secret_value() if key else "",
            timeout_s=self._options.timeout_s,
        )


@asynccontextmanager
async def open_openai(options: OpenAIOptions, *, name: str | None = None) -> AsyncGenerator[OpenAILLM]:
    """A client of the server; opening it does not need the server to be up. ``name`` is for messages."""
    url = httpx.URL(options.base_url)
    client = httpx.AsyncClient(
        headers={"Authorization": f"Bearer {options.api_key.get_secret_value()}"} if options.api_key else {},
        timeout=httpx.Timeout(options.timeout_s, connect=min(CONNECT_S, options.timeout_s)),
        # Reusing a connection saves a TLS handshake. Without TLS it saves nothing, and llama-server closes a connection
        # after each stream without saying so, into which the next request would run.
        limits=httpx.Limits(
            max_connections=None,
            max_keepalive_connections=None if url.scheme == "https" else 0,
            keepalive_expiry=KEEP_ALIVE_S,
        ),
        trust_env=not _is_local(url.host),  # a proxy for the internet cannot reach this machine
    )
    async with client:
        llm = OpenAILLM(client, options, name or f"The LLM server at {url.copy_with(userinfo=b'')}")
        await llm.look()
        yield llm


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _parts(response: httpx.Response, idle_s: float) -> AsyncGenerator[bytes]:
    """The JSON of each event, or of the one answer of a server that does not stream.

    Raises:
        httpx.ReadTimeout: No event came for ``idle_s``, be it that comments kept the connection alive.
    """
    if response.headers.get("content-type", "").startswith("application/json"):
        yield await _read(response)
        return
    decoder = EventDecoder()
    chunks = response.aiter_bytes()
    deadline = anyio.current_time() + idle_s
    while chunk := await _next(chunks, deadline):
        for event in decoder.feed(chunk):
            deadline = anyio.current_time() + idle_s
            yield event
            if event == DONE:
                with anyio.move_on_after(DRAIN_S):
                    async for _ in chunks:
                        pass
                return
    for event in decoder.finish():
        if event == DONE or event.endswith(b"}"):  # else it broke off
            yield event


async def _next(chunks: AsyncIterator[bytes], deadline: float) -> bytes:
    with anyio.CancelScope(deadline=deadline):
        return await anext(chunks, b"")
    raise httpx.ReadTimeout("no event")


async def _read(response: httpx.Response) -> bytes:
    """The body of an answer that is no stream, as far as it is of a sensible size."""
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            break
    return body


@dataclass(frozen=True, slots=True)
class OpenAIPlugin:
    """The entry point ``openai`` of ``myna.llm``."""

    options_model: type[OpenAIOptions] = OpenAIOptions

    def weights(self, options: OpenAIOptions) -> Sequence[str]:
        """None: the model is the server's."""
        return ()

    def open(self, options: OpenAIOptions, resources: Resources) -> AbstractAsyncContextManager[OpenAILLM]:
        """See `open_openai`."""
        return open_openai(options)


plugin = OpenAIPlugin()
