"""What an OpenAI-compatible server says of itself, asked without a token being written."""

import ssl
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, TypeAlias, TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from myna.engines.llm.chat_completions import Dialect
from myna.engines.llm.streaming import read

Route: TypeAlias = Literal["chat", "completion"]
"""Where answers are to be had: OpenAI's ``/v1/chat/completions``, or llama.cpp's own ``/completion``."""

OUT_OF_REACH = (httpx.HTTPError, ssl.SSLError)
"""How asking ends that fails. The second comes of reading, where a server does not like our certificate."""

MOST_MODELS = 1000
"""Clouds list hundreds."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)

BODY_S = 5.0
"""How long the body may take of what a server says of itself; who asks mostly waits less."""


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
    model: str | None = None  # its path; until the end of 2024


class _TemplateAbilities(BaseModel):
    supports_tools: bool = True


class Props(BaseModel):
    """What a llama-server tells of its model. The template came with the end of 2024, its tokens after it."""

    default_generation_settings: _SlotSettings | None = None
    chat_template_caps: _TemplateAbilities = _TemplateAbilities()
    chat_template: str | None = None
    bos_token: str | None = None
    eos_token: str | None = None
    model_path: str | None = None

    @property
    def model(self) -> str | None:
        """The name of the model's file."""
        settings = self.default_generation_settings
        path = self.model_path or (settings.model if settings else None)
        return PurePosixPath(path.replace("\\", "/")).name if path else None

    @property
    def context_tokens(self) -> int | None:
        """The longest prompt and answer together."""
        return self.default_generation_settings.n_ctx if self.default_generation_settings else None


class _Tokens(BaseModel):
    tokens: list[int] = Field(max_length=100)


@dataclass(frozen=True, slots=True)
class Server:
    """What a server says of itself.

    Attributes:
        models: All that it lists.
        native_tools: Whether it has a place for tools in a request.
    """

    model: str | None = None
    context_tokens: int | None = None
    dialect: Dialect = "plain"
    native_tools: bool = True
    parameters: int | None = None
    models: tuple[str, ...] = field(default=(), repr=False)


_DIALECTS: dict[str, Dialect] = {"llamacpp": "llamacpp", "vllm": "open", "sglang": "open"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is.

    Attributes:
        api: Its URL with the version, such as ``http://127.0.0.1:8080/v1``.
        root: Without.
    """

    client: httpx.AsyncClient
    api: str
    root: str

    async def look(self, wanted: str | None) -> Server:
        """Ask what there is; ``wanted`` is the model that will be asked for.

        Raises:
            OUT_OF_REACH: It is, or is not ready.
        """
        status, body = await self._get(f"{self.api}/models")
        if status >= 500:  # still loads: worth another look later
            raise httpx.RemoteProtocolError(f"status {status}")
        try:
            listed = _Models.model_validate_json(body).data[:MOST_MODELS]
        except ValidationError:
            return await self._look_old() if status == 404 else Server()
        names = tuple(model.id for model in listed)
        named = [model for model in listed if model.id == wanted] or listed
        if len(named) != 1:
            return Server(models=names)
        model = named[0]
        dialect = _DIALECTS.get(model.owned_by or "", "plain")
        props = await self.props() if dialect == "llamacpp" else Props()
        limits = (props.context_tokens, model.meta.n_ctx_train if model.meta else None, model.max_model_len)
        return Server(
            model.id,
            min((limit for limit in limits if limit), default=None),
            dialect,
            props.chat_template_caps.supports_tools,
            model.meta.n_params if model.meta else None,
            names,
        )

    async def _look_old(self) -> Server:
        """A llama-server that lists no models has no chat completions either: both came with one change."""
        props = await self.props()
        old = props.default_generation_settings is not None
        return Server(props.model, props.context_tokens, native_tools=not old)

    async def props(self) -> Props:
        """What a llama-server tells of its model; nothing if it is none. Raises as `look` does."""
        _, body = await self._get(f"{self.root}/props")
        return _parsed(body, Props) or Props()

    async def sets_bos(self) -> bool:
        """Whether a llama-server sets the token that a prompt begins with by itself; it is taken to unless it says no.

        Raises as `look` does.
        """
        asked = {"content": "", "add_special": True}
        async with self.client.stream("POST", f"{self.root}/tokenize", json=asked) as response:
            answer = _parsed(await read(response, BODY_S), _Tokens)
        return answer is None or bool(answer.tokens)

    async def health(self) -> int:
        """The status of ``/health``. Raises as `look` does."""
        return (await self._get(f"{self.root}/health"))[0]

    async def lists_models(self) -> int:
        """The status of the list of models. Raises as `look` does."""
        return (await self._get(f"{self.api}/models"))[0]

    async def _get(self, url: str) -> tuple[int, bytes]:
        async with self.client.stream("GET", url) as response:
            return response.status_code, await read(response, BODY_S)


def _parsed(body: bytes, kind: type[AnswerT]) -> AnswerT | None:
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        return None
