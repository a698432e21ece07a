"""The type of the service or the action, of whichever package has it."""

import importlib
from collections.abc import Mapping
from typing import Any

from rdk_chat.problem import Problem
from rdk_chat.settings import Kind

PARTS: Mapping[Kind, Mapping[str, str]] = {
    "service": {"Request": "prompt", "Response": "response"},
    "action": {"Goal": "prompt", "Feedback": "partial", "Result": "response"},
}
"""What each kind consists of, and the text that each part has."""
FOLDERS: Mapping[Kind, str] = {"service": "srv", "action": "action"}


def interface(kind: Kind, package: str, name: str) -> Any:
    """The type, as rclpy takes it.

    Raises:
        Problem: There is no such type, or it has other fields.
    """
    folder = FOLDERS[kind]
    told = f"{package}/{folder}/{name}"
    try:
        found = getattr(importlib.import_module(f"{package}.{folder}"), name)
    except (ImportError, AttributeError, TypeError, ValueError) as fault:
        raise Problem(
            "refused",
            f"There is no {told} ({fault}). Source the workspace that has it, or correct the parameters "
            f"interfaces_package and {kind}_type.",
        ) from fault
    for part, text in PARTS[kind].items():
        fields = getattr(found, part).get_fields_and_field_types()
        if fields != {text: "string"}:
            raise Problem(
                "refused", f"{told} is another type: its {part} has {dict(fields)}, and is to have a string {text}."
            )
    return found
