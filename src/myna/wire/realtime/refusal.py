"""What is wrong with a client's event, in the words of OpenAI's ``error`` event."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from myna.core.errors import BadInput

RefusalCode: TypeAlias = Literal[
    "conversation_already_has_active_response",
    "input_audio_buffer_commit_empty",
    "invalid_json",
    "invalid_tool_call_id",
    "invalid_type",
    "invalid_value",
    "item_create_duplicate_id",
    "item_create_invalid_previous_item_id",
    "item_delete_invalid_item_id",
    "item_retrieve_invalid_item_id",
    "item_truncate_invalid_item_id",
    "missing_required_parameter",
    "output_audio_buffer_clear_not_active",
    "response_cancel_not_active",
    "response_not_found",
    "unknown_parameter",
    "unsupported_parameter",
]

_CODES: Mapping[str, RefusalCode] = {
    "missing": "missing_required_parameter",
    "union_tag_not_found": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
}

_TAGS = frozenset(
    {
        "function",
        "server_vad",
        "semantic_vad",
        "message",
        "function_call",
        "function_call_output",
        "item_reference",
        "input_text",
        "input_audio",
        "input_image",
        "output_text",
        "output_audio",
    }
)
"""Pydantic names the member of a union in the place of an error; clients do not know these."""


class EventRefused(BadInput):
    """An event that cannot be done.

    Args:
        message: One sentence.
        reason: OpenAI's code of it, where there is one.
        param: The field at fault, as ``session.tools[0].name``.
        hint: What to do about it.
    """

    def __init__(self, message: str, *, reason: RefusalCode, param: str | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.param = param


def from_validation(error: ValidationError) -> EventRefused:
    """What pydantic found first in an event."""
    found = error.errors(include_url=False, include_input=False)
    first = found[0]
    param = _place(first)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    match first["type"]:
        case "extra_forbidden":
            message = f"Unknown parameter: '{param}'"
        case "missing" | "union_tag_not_found":
            message = f"Missing required parameter: '{param}'"
        case "union_tag_invalid":
            message = f"Invalid value for '{param}': it must be one of {first.get('ctx', {}).get('expected_tags')}"
        case _:
            message = f"Invalid value for '{param}': {_said(first)}"
    return EventRefused(f"{message}{more}.", reason=_reason(first["type"]), param=param)


def _said(found: ErrorDetails) -> str:
    message = found["msg"].removeprefix("Value error, ").rstrip(".")
    return message[:1].lower() + message[1:]


def _reason(kind: str) -> RefusalCode:
    return _CODES.get(kind) or ("invalid_type" if kind.endswith("_type") else "invalid_value")


def _place(found: ErrorDetails) -> str:
    place = ""
    for step in found["loc"]:
        if isinstance(step, int):
            place += f"[{step}]"
        elif step not in _TAGS:
            place += f".{step}" if place else step
    return f"{place}.type" if found["type"].startswith("union_tag") else place
