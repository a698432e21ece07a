from typing import Any

from myna.config.named import named_sections
from myna.tools.mcp.options import MCPServer


def test_each_name_in_a_table_is_a_section():
    tables: list[dict[str, Any]] = [{"mcp": {"files": {"command": "a"}}}, {"mcp": {"web": {}}, "llm": {"model": "a"}}]
    assert named_sections(tables, []) == {("mcp", "files"): MCPServer, ("mcp", "web"): MCPServer}


def test_a_variable_names_the_section_that_a_table_has_whatever_its_letters():
    named = named_sections([{"mcp": {"My-Files": {}}}], ["MYNA_MCP__MY_FILES__URL"])
    assert list(named) == [("mcp", "My-Files")]


def test_a_variable_names_a_section_of_its_own():
    variables = ["MYNA_MCP__WEB__URL", "MYNA_MCP__WEB__TOKEN", "MYNA_MCP__", "MYNA_MCP", "MYNA_LLM__MODEL"]
    assert list(named_sections([], variables)) == [("mcp", "web")]


def test_what_is_no_table_names_nothing():
    assert named_sections([{"mcp": "files"}, {}], []) == {}
