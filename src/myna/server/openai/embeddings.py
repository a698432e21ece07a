"""``POST /v1/embeddings``: texts in, vectors out."""

import base64
from typing import Annotated, Any, Literal

import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import BaseModel, Field, WithJsonSchema

from myna.engines.base import Embedder, LLMMessage
from myna.engines.llm.token_estimate import estimate_tokens
from myna.server.connection import while_connected
from myna.server.errors import BadParameter, Unsupported
from myna.server.openai.models import persona_meant
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.session.bounds import within

router = APIRouter(route_class=StrictJSONRoute)

MOST_TEXTS = 2048
LONGEST_TEXT = 100_000
MOST_CHARACTERS = 500_000
"""In all texts of a request: a quarter of an hour of work on a slow machine."""

EMBED_S = 1800.0
"""How long it may take: that, and its turns behind others."""

_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class EmbeddingBody(BaseModel):
    """What to embed. ``input_type`` is Myna's own: whether the texts are searched, or searched with."""

    input: Annotated[str | list[Any], WithJsonSchema(_TEXTS)]  # pydantic would tell of each item what is wrong with it
    model: Annotated[str, Field(max_length=200)] = "myna"
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1)] | None = None
    input_type: Literal["query", "passage"] = "passage"


@router.post("/v1/embeddings", response_model=None)
async def post_embeddings(body: EmbeddingBody, request: Request) -> Response:
    """Turn texts into unit vectors, whose dot product says how near their meanings are."""
    service: Service = request.app.state.service
    persona_meant(service, body.model)
    texts = _texts(body)
    embedder = service.engines.embed
    _check_dimensions(body, embedder)
    model = service.engines.states["embed"].engine

    async def work() -> Response:
        vectors = await within(EMBED_S, embedder.embed(texts, body.input_type), f"The embedder {model}")
        return await anyio.to_thread.run_sync(_answer, body, texts, vectors, model)

    return await while_connected(request, work)


def _texts(body: EmbeddingBody) -> list[str]:
    given = [body.input] if isinstance(body.input, str) else body.input
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        hint = "Send no tokens: each model has others. LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False."
        raise Unsupported("Only texts can be embedded.", param="input", hint=hint)
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise BadParameter(f"The input holds {len(texts)} texts.", param="input", hint=f"Send 1 to {MOST_TEXTS}.")
    for place, text in enumerate(texts):
        param = "input" if isinstance(body.input, str) else f"input[{place}]"
        if not text:
            raise BadParameter("A text is empty.", param=param, hint="Leave it out.")
        if len(text) > LONGEST_TEXT:
            hint = f"Cut it into texts of at most {LONGEST_TEXT}."
            raise BadParameter(f"A text has {len(text)} characters.", param=param, hint=hint)
    if (total := sum(map(len, texts))) > MOST_CHARACTERS:
        hint = f"Send at most {MOST_CHARACTERS} at a time."
        raise BadParameter(f"The texts have {total} characters together.", param="input", hint=hint)
    return texts


def _check_dimensions(body: EmbeddingBody, embedder: Embedder) -> None:
    if body.dimensions not in (None, embedder.dimensions):
        raise Unsupported(
            f"The vectors have {embedder.dimensions} dimensions and cannot be cut to {body.dimensions}.",
            param="dimensions",
            hint=f"Leave it out, or ask for {embedder.dimensions}.",
        )


def _answer(body: EmbeddingBody, texts: list[str], vectors: NDArray[np.float32], model: str) -> JSONResponse:
    """The answer. Blocks: a million numbers take a while to write."""
    encode = _as_base64 if body.encoding_format == "base64" else _as_numbers
    data = [
        {"object": "embedding", "index": place, "embedding": encode(vector)} for place, vector in enumerate(vectors)
    ]
    tokens = estimate_tokens([LLMMessage("user", text) for text in texts])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": model, "usage": usage})


def _as_numbers(vector: NDArray[np.float32]) -> list[float]:
    return vector.tolist()


def _as_base64(vector: NDArray[np.float32]) -> str:
    """The vector as little-endian float32, which the official SDKs ask for."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
