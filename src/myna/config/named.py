"""Sections that the user names, one for each thing there is: ``[mcp.NAME]``, ``[endpoints.NAME]``."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel

from myna.config.tree import Key, environment_name
from myna.engines.llm.openai import OpenAIOptions
from myna.tools.mcp.options import MCPServer

ENDPOINTS = "endpoints"
"""More OpenAI-compatible servers, each of which can be chosen as an LLM engine."""

NAMED: Mapping[str, type[BaseModel]] = {"mcp": MCPServer, ENDPOINTS: OpenAIOptions}


def named_sections(tables: Iterable[Mapping[str, Any]], variables: Iterable[str]) -> dict[Key, type[BaseModel]]:
    """The sections that the sources name: nested tables, and names of environment variables.

    In ``MYNA_MCP__FILES__URL`` the name is that of a table which is so called there, whatever its letters, else
    ``files``.
    """
    tables, variables = list(tables), list(variables)
    sections: dict[Key, type[BaseModel]] = {}
    for section, model in NAMED.items():
        for table in tables:
            inside: object = table.get(section)
            if isinstance(inside, Mapping):
                sections |= {(section, str(name)): model for name in cast("Mapping[str, Any]", inside)}
        known = {environment_name(key) for key in sections}
        prefix = environment_name((section,)) + "__"
        for variable in variables:
            name, under, _ = variable.removeprefix(prefix).partition("__")
            if variable.startswith(prefix) and name and under and prefix + name not in known:
                sections[section, name.lower()] = model
    return sections
