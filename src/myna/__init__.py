"""Myna: a self-hosted server that turns a language model into somebody you can talk to.

In Python: `LLM`, `Agent`, `tool`, `Session` and `serve`; see ``docs/library.md``. Importing this loads none of it.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "myna.core.errors": (
        "BadAudio BadConfig BadInput Busy Closed EngineError EngineRefused EngineTimeout EngineUnavailable MynaError "
        "PromptTooLong UnknownName WeightsError WeightsMissing"
    ),
    "myna.core.tools": "ToolCall ToolResult",
    "myna.engines.base": "Sampling",
    "myna.library.agent": "Agent",
    "myna.library.conversation": "Conversation",
    "myna.library.llm": "LLM",
    "myna.library.reply": "Reply Timings ToolRun",
    "myna.library.serving": "Server serve",
    "myna.library.session": "Session Turn",
    "myna.library.streams": "AsyncReplyStream ReplyStream",
    "myna.tools.base": "CallEnded CallStarted Step Strategy Tool Work",
    "myna.tools.tool": "Secret tool",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = [*_HOME_OF]  # pyright: ignore[reportUnsupportedDunderAll] # noqa: PLE0604 - for types there is __init__.pyi


def __getattr__(name: str) -> object:
    """What is asked for, imported now."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'myna' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
