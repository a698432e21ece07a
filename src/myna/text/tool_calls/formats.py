"""Every format that the filter knows. `docs/tool-formats.md` tells how to add one."""

from myna.text.tool_calls.format import Format
from myna.text.tool_calls.json_formats import (
    COHERE,
    FENCED,
    HERMES,
    INTERNLM,
    JSON_ALONE,
    LLAMA,
    MISTRAL,
    NEMOTRON,
    PHI,
)
from myna.text.tool_calls.named_formats import DEEPSEEK, FUNCTIONARY, KIMI, MISTRAL_NAMED, QWEN_AGENT
from myna.text.tool_calls.python_formats import GEMMA, LLAMA_PYTHON, PYTHON_LIST
from myna.text.tool_calls.xml_formats import GLM, MINIMAX, QWEN_CODER

FORMATS: tuple[Format, ...] = (
    HERMES,
    QWEN_CODER,
    GLM,
    LLAMA,
    LLAMA_PYTHON,
    INTERNLM,
    PHI,
    NEMOTRON,
    COHERE,
    DEEPSEEK,
    KIMI,
    MINIMAX,
    MISTRAL,
    MISTRAL_NAMED,
    FUNCTIONARY,
    QWEN_AGENT,
    FENCED,
    GEMMA,
    JSON_ALONE,
    PYTHON_LIST,
)
"""Where two could begin, the first one is taken."""
