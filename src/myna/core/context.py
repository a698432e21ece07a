"""What is being worked on, so that a line of the log can say for whom it was."""

from collections.abc import Mapping
from contextvars import ContextVar

_ids: ContextVar[Mapping[str, str]] = ContextVar("myna_ids")


def ids() -> Mapping[str, str]:
    """The ids of what is being worked on, such as ``turn_id``."""
    return _ids.get({})


def working_on(**more: str | None) -> None:
    """Add to the ids, in this task and in those that it starts from now on; None takes one away."""
    known = {**ids(), **more}
    _ids.set({name: value for name, value in known.items() if value is not None})
