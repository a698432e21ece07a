"""Any OpenAI-compatible server: llama-server, vLLM, SGLang, Ollama, LM Studio, or a cloud."""

import math
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpx

from myna.core.errors import MynaError, PromptTooLong
from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, Loading, Resources, Sampling, ToolSpec
from myna.engines.http_address import is_local
from myna.engines.llm.chat_completions import INSTEAD, ReplyDecoder, encode, without
from myna.engines.llm.chat_families import family_of
from myna.engines.llm.chat_template import ChatTemplate, TemplateChild, ToldTemplate, template_child
from myna.engines.llm.completion import CompletionDecoder, encode_completion
from myna.engines.llm.faults import Faults, Refused
from myna.engines.llm.openai_options import OpenAIOptions
from myna.engines.llm.openai_server import OUT_OF_REACH, Place, Props, Route, Server
from myna.engines.llm.read_ahead import ReadAhead
from myna.engines.llm.retries import Retries
from myna.engines.llm.sse import NotAnAnswer
from myna.engines.llm.streaming import parts, read
from myna.engines.llm.token_estimate import estimate_tokens
from myna.engines.llm.tokenizer import NO_SUCH_PATH, NoTokenizer, Tokenizer
from myna.engines.llm.tool_prompt import prompted

CONNECT_S = 3.0
PROBE_S = 3.0
"""How long a server may take to say what it is. Opening waits no longer: it may be started later."""
COUNT_S = 5.0
"""How long counting tokens may take before an estimate has to do."""
COUNT_AGAIN_S = 30.0
"""After a server failed to count, estimates have to do for so long: nobody waits for it in every turn."""
LAST_WORDS_S = 1.0
"""How long may come, behind an answer that is whole, what says so: its usage, and ``[DONE]``. Some servers never do."""
KEEP_ALIVE_S = 3.0
"""Below the 5 s after which uvicorn and others close an idle connection, so that no request runs into the closing."""


class OpenAILLM:
    """A client of ``POST /v1/chat/completions``. Made by `open_openai`.

    Closing a stream closes its connection at once, which is how such servers are told to stop.

    Calls come as `ToolCallDelta` where the server recognises them. Small models write them as text all the same, and
    ``tool_choice`` is then no more than a wish.

    A server that has no such route is asked by llama.cpp's older one, ``POST /completion``, with the conversation as
    one prompt; tools are told in it. Which of both works is known after the first request, and asked anew when it is
    gone, or when the server was out of reach: it may be another one by then.
    """

    def __init__(self, client: httpx.AsyncClient, options: OpenAIOptions, name: str, child: TemplateChild) -> None:
        self._client = client
        self._options = options
        self._name = name
        self._child = child
        versioned = re.search(r"/v\d+\w*$", options.base_url)
        root = options.base_url.removesuffix(versioned[0]) if versioned else options.base_url
        self._place = Place(client, options.base_url if versioned else f"{options.base_url}/v1", root)
        self._server: Server | None = None
        self._looked = False
        self._route: Route = "chat"
        self._template: ChatTemplate | None = None
        self._old_schema = False
        self._refused = set[str]()
        self._tokenizer = Tokenizer(client, root)
        self._estimates_until = -math.inf
        self._ahead = ReadAhead()

    @property
    def info(self) -> LLMInfo:
        """What the server said of itself; until it has been reached, what the options say.

        That ``output_schema`` is enforced is part of OpenAI's API: any server is taken at its word.
        """
        server = self._server or Server()
        return LLMInfo(
            model=self._options.model or server.model or "unknown",
            context_tokens=self._options.context_tokens or server.context_tokens,
            native_tools=server.native_tools and self._route == "chat",
            output_schema=self._route == "chat" or self._old_schema,
            parameters=server.parameters,
        )

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Stream the answer. Nothing is sent again once it has begun.

        Raises:
            BadInput: The prompt is longer than the model's context.
            Busy: The server has no place for the request now.
            EngineUnavailable: The server is out of reach, or went away.
            EngineTimeout: Nothing came for ``timeout_s``, or the model was not loaded in time.
            EngineRefused: It answered with an error, or with something else than an answer.
        """
        began_s = anyio.current_time()
        retries = Retries(self._options.retries, began_s + self._options.timeout_s, self._options.load_timeout_s)
        told = False
        while True:
            begun = False
            try:
                async with aclosing(self._answer(request)) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
            except MynaError as problem:
                if _may_be_another(problem):
                    self._looked = False
                if begun:
                    raise
                if self._does_without(problem):
                    continue
                wait_s = retries.wait_s(problem, anyio.current_time())
            else:
                return
            if retries.loads_until_s is None:
                await anyio.sleep(wait_s)
                continue
            if not told:
                told = True
                yield Loading(f"{self.info.model} on {httpx.URL(self._options.base_url).host}")
            await self._await_loaded(wait_s, retries.loads_until_s)

    def _does_without(self, problem: MynaError) -> bool:
        """Whether a request is refused for a parameter that it is not sent with from now on."""
        cause = problem.__cause__
        if not isinstance(cause, Refused) or cause.parameter not in INSTEAD or cause.parameter in self._refused:
            return False
        self._refused.add(cause.parameter)
        return True

    async def _await_loaded(self, wait_s: float, until_s: float) -> None:
        """Wait, and on for as long as a llama-server says that it loads; what it says else is seen by asking again."""
        with anyio.CancelScope(deadline=until_s), suppress(*OUT_OF_REACH):
            await anyio.sleep(wait_s)
            while await self._place.health() == 503:  # noqa: ASYNC110 - another machine tells nothing by itself
                await anyio.sleep(wait_s)

    async def _answer(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """One attempt: by the route that worked last, and if that is not there, by the other."""
        if not self._looked:
            await self.look()
        other: Route = "chat" if self._route == "completion" else "completion"
        missing: list[MynaError] = []
        for route in (self._route, other):
            try:
                async with aclosing(self._ask(request, route)) as deltas:
                    async for delta in deltas:
                        yield delta
            except MynaError as problem:
                cause = problem.__cause__
                if not (isinstance(cause, Refused) and cause.no_route):
                    raise
                missing.insert(0 if route == "chat" else 1, problem)
            else:
                return
        self._route = "chat"
        raise missing[0]

    async def _ask(self, request: LLMRequest, route: Route) -> AsyncGenerator[LLMDelta]:
        server = self._server or Server()
        model = self._options.model or server.model
        if route == "chat":
            url = f"{self._place.api}/chat/completions"
            body = without(encode(request, model=model, dialect=server.dialect), self._refused)
            decoder = ReplyDecoder()
        else:
            url = f"{self._place.root}/completion"
            told = prompted(request)
            template = self._template = self._template or await self._learn_template()
            prompt = await template.prompt(told.messages, thinking=request.reasoning)
            body = encode_completion(told, prompt, model=model)
            decoder = CompletionDecoder(in_thinking=prompt.in_thinking)
        # llama-server closes a connection after each stream without saying so: what came next would run into that.
        headers = {"Connection": "close"} if route == "completion" or server.dialect == "llamacpp" else {}
        faults = self._faults()
        with faults.cleared():
            async with (
                self._ahead.way_for(request),
                self._client.stream("POST", url, json=body, headers=headers) as response,
            ):
                if not response.is_success:
                    raise faults.refusal(
                        response.status_code, response.headers, await read(response, self._options.timeout_s)
                    )
                self._remember(route)
                async with aclosing(parts(response, self._options.timeout_s)) as events:
                    while (event := await _next(events, decoder)) is not None:
                        for delta in decoder.feed(event):
                            yield delta
                        if route == "completion" and decoder.done:
                            break
            kind = response.headers.get("content-type", "")
            if not (decoder.started or decoder.done or kind.startswith("text/event-stream")):
                raise NotAnAnswer(kind or "no content type")
        if not decoder.whole:
            raise faults.broke_off()
        yield decoder.finished()

    def _remember(self, route: Route) -> None:
        """``route`` works."""
        if route == "chat" and self._route == "completion":
            self._looked = False  # the server has been replaced by a newer one
        self._route = route

    async def _learn_template(self) -> ChatTemplate:
        """How the model wants a conversation written: by its own template if the server tells that."""
        props, sets_bos = Props(), True
        with anyio.move_on_after(PROBE_S), suppress(*OUT_OF_REACH):
            props = await self._place.props()
            sets_bos = not props.bos_token or await self._place.sets_bos()
        if props.default_generation_settings is not None:
            self._server = Server(props.model, props.context_tokens, native_tools=False)
        model = self.info.model
        self._old_schema = bool(props.chat_template)  # servers have had `json_schema` for longer than they tell of this
        told = ToldTemplate(props.chat_template or "", props.bos_token or "", props.eos_token or "", sets_bos)
        return ChatTemplate(self._child, told, family_of(model), model)

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
            except OUT_OF_REACH:
                pass
        self._estimates_until = anyio.current_time() + again_s
        return estimate_tokens(messages)

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        """Have a llama-server read a prompt, once, while none of our requests is being answered. Never fails.

        No other server is asked: it may want to be paid for what it reads.
        """
        if self._server is not None and self._server.dialect == "llamacpp" and self._route == "chat":
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
        url, headers = f"{self._place.api}/chat/completions", {"Connection": "close"}
        faults = self._faults()
        with faults.cleared():
            async with self._client.stream("POST", url, json=body, headers=headers) as response:
                if not response.is_success:
                    raise faults.refusal(
                        response.status_code, response.headers, await read(response, self._options.timeout_s)
                    )
                async for _ in response.aiter_bytes():
                    pass

    async def is_alive(self, within_s: float) -> bool:
        """Whether the server answers, and would answer us; a llama-server does so while it computes, too. Never fails.

        By ``/health`` of a llama-server, else by the list of models: no token is written.
        """
        if self._client.is_closed:
            return False
        with anyio.move_on_after(within_s), suppress(*OUT_OF_REACH):
            another = self._server is not None and self._server.dialect == "plain" and self._route == "chat"
            status = 404 if another else await self._place.health()
            if status in NO_SUCH_PATH:
                status = await self._place.lists_models()
            return status < 300 or status in NO_SUCH_PATH
        return False

    async def look(self) -> None:
        """Learn the server's model and limits, if it can be reached. Takes at most `PROBE_S` and never fails."""
        with anyio.move_on_after(PROBE_S), suppress(*OUT_OF_REACH):
            server = await self._place.look(self._options.model)
            if server != self._server:
                self._tokenizer, self._estimates_until = Tokenizer(self._client, self._place.root), -math.inf
                self._refused.clear()
            self._server, self._looked, self._route, self._template = server, True, "chat", None

    def _faults(self) -> Faults:
        return Faults(
            server=self._name,
            model=self.info.model,
            timeout_s=self._options.timeout_s,
            models=self._server.models if self._server else (),
            secrets=self._options.secrets(),
            key_sent=self._options.api_key is not None,
            anonymous=self._options.base_url.startswith("https:") and self._options.client_certificate is None,
        )


@asynccontextmanager
async def open_openai(options: OpenAIOptions, *, name: str | None = None) -> AsyncGenerator[OpenAILLM]:
    """A client of the server; opening it does not need the server to be up. ``name`` is for messages.

    Raises:
        BadConfig: A file of certificates is not there, or not what it has to be.
    """
    url = httpx.URL(options.base_url)
    local = is_local(url.host)
    client = httpx.AsyncClient(
        headers=options.sent_headers(),
        verify=options.tls(),
        timeout=httpx.Timeout(options.timeout_s, connect=min(CONNECT_S, options.timeout_s)),
        # Reusing a connection saves a TLS handshake, or a round trip to another machine, and within this one nothing.
        limits=httpx.Limits(
            max_connections=None,
            max_keepalive_connections=0 if local and url.scheme == "http" else None,
            keepalive_expiry=KEEP_ALIVE_S,
        ),
        trust_env=not local,  # a proxy for the internet cannot reach this machine
    )
    async with client, template_child() as child:
        llm = OpenAILLM(client, options, name or f"The LLM server at {url.copy_with(userinfo=b'')}", child)
        await llm.look()
        yield llm


def _may_be_another(problem: MynaError) -> bool:
    """Whether what a server said, or that it said nothing, may be since it was replaced: it is worth another look."""
    cause = problem.__cause__
    gone = isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout)
    return gone or isinstance(problem, PromptTooLong) or (isinstance(cause, Refused) and cause.status == 404)


async def _next(events: AsyncGenerator[bytes], decoder: ReplyDecoder | CompletionDecoder) -> bytes | None:
    """The next event. That the line breaks behind a whole answer, or is silent and stays open, is of no matter."""
    event: bytes | None = None
    try:
        with anyio.move_on_after(LAST_WORDS_S if decoder.whole else math.inf):
            event = await anext(events, None)
    except httpx.TransportError:
        if not decoder.whole:
            raise
    return event


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
