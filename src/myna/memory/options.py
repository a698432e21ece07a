"""The ``[memory]`` section of the settings."""

from typing import Annotated

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

LONGEST_TEXT = 500
"""Characters of one memory: a short sentence has 20, and what is recalled has to be read by the LLM in every turn."""


def _vectors(value: str) -> str:
    kind = value.strip()
    if kind.lower() in {"chroma", "pgvector", "none"}:
        return kind.lower()
    try:
        url = httpx.URL(kind)
    except httpx.InvalidURL as error:
        raise ValueError(f"not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or url.path.strip("/") or url.query or url.userinfo:
        raise ValueError("must be chroma, pgvector, none, or the URL of a Chroma server such as http://localhost:8000")
    return str(url).rstrip("/")


class MemoryOptions(BaseModel):
    """Whether Myna remembers, how much, and how memories are found again by meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    enabled: bool = Field(default=True, description="Whether Myna remembers and recalls; `false` keeps nothing new.")
    vectors: Annotated[str, AfterValidator(_vectors)] = Field(
        default="chroma",
        description="What finds memories by meaning: `chroma` in Myna's data folder, the URL of a Chroma server, "
        "`pgvector` in the store's PostgreSQL, or `none`: by words alone.",
    )
    chroma_token: SecretStr | None = Field(
        default=None, description="Sent to a Chroma server as `Authorization: Bearer …`."
    )
    most_memories: int = Field(
        default=10_000,
        ge=1,
        le=100_000,
        description="The most memories of one user; then some must be forgotten first.",
    )
