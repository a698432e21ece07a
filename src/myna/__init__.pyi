from myna.core.errors import (
    BadAudio,
    BadConfig,
    BadInput,
    Busy,
    Closed,
    EngineError,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    MynaError,
    PromptTooLong,
    UnknownName,
    WeightsError,
    WeightsMissing,
)
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import Sampling
from myna.library.agent import Agent
from myna.library.conversation import Conversation
from myna.library.llm import LLM
from myna.library.reply import Reply, Timings, ToolRun
from myna.library.serving import Server, serve
from myna.library.session import Session, Turn
from myna.library.streams import AsyncReplyStream, ReplyStream
from myna.tools.base import CallEnded, CallStarted, Step, Strategy, Tool, Work
from myna.tools.tool import Secret, tool

__version__: str

__all__ = [
    "LLM",
    "Agent",
    "AsyncReplyStream",
    "BadAudio",
    "BadConfig",
    "BadInput",
    "Busy",
    "CallEnded",
    "CallStarted",
    "Closed",
    "Conversation",
    "EngineError",
    "EngineRefused",
    "EngineTimeout",
    "EngineUnavailable",
    "MynaError",
    "PromptTooLong",
    "Reply",
    "ReplyStream",
    "Sampling",
    "Secret",
    "Server",
    "Session",
    "Step",
    "Strategy",
    "Timings",
    "Tool",
    "ToolCall",
    "ToolResult",
    "ToolRun",
    "Turn",
    "UnknownName",
    "WeightsError",
    "WeightsMissing",
    "Work",
    "serve",
    "tool",
]
