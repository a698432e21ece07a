"""Calls that the model writes into its reply are taken out of it."""

from myna.text.tool_calls.calls import BrokenCall, FoundCall
from myna.text.tool_calls.filter import ToolCallFilter
from myna.text.tool_calls.format import Format
from myna.text.tool_calls.formats import FORMATS

__all__ = ["FORMATS", "BrokenCall", "Format", "FoundCall", "ToolCallFilter"]
