"""What several answers took together."""

from myna.engines.base import Usage


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """The usage of two answers together, as far as the server told it."""
    if one is None or other is None:
        return one or other
    cached = None if one.cached_tokens is None else one.cached_tokens + (other.cached_tokens or 0)
    thought = None if one.reasoning_tokens is None else one.reasoning_tokens + (other.reasoning_tokens or 0)
    written = one.completion_tokens + other.completion_tokens
    return Usage(one.prompt_tokens + other.prompt_tokens, written, cached, thought)
