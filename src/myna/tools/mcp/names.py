"""What the tools of MCP servers are called here."""

import hashlib
import re
from collections.abc import Iterable

LONGEST = 64
"""Of a function's name at OpenAI and at most LLM servers: https://platform.openai.com/docs/api-reference/chat/create"""


def tool_names(server: str, names: Iterable[str]) -> dict[str, str]:
    """Names that every LLM server takes, by the server's own: ``<server>_<tool>`` in ``[A-Za-z0-9_-]``, no two equal.

    A name that has to be shortened, or that would be another's, ends with a hash of the whole, so it stays the same
    whatever tools stand beside it.
    """
    given: dict[str, str] = {}
    plain = list(dict.fromkeys(names))
    easy = {name: f"{server}_{name}" for name in plain if re.fullmatch(r"[A-Za-z0-9_-]+", name)}
    taken = {wanted for wanted in easy.values() if len(wanted) <= LONGEST}
    for name in plain:
        wanted = easy.get(name, "")
        given[name] = wanted if wanted in taken else _hashed(server, name)
    return given


def _hashed(server: str, name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    words = re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_")
    words = words[: LONGEST - len(server) - len(digest) - 2].rstrip("_")
    return "_".join(part for part in (server, words, digest) if part)
