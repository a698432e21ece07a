"""The child process of `myna.engines.llm.chat_template`: renders the chat templates that servers tell.

A template is a program of somebody else's: it may loop for ever, or fill all memory, and nothing within a process stops
that. This one may be killed at any time. It reads a request as one line of JSON from standard input,
``{"template", "variables", "most"}``, and writes one line, ``{"text"}`` or ``{"error"}``; it lives until standard input
ends. It imports as little as it can, to start fast.
"""

import json
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_MEMORY = 512 << 20
"""Bytes of address space. Python and Jinja take some 40 MB."""
MOST_CPU_S = 10.0
"""After this the kernel ends the process, should nobody be there any more who would."""

FAULTS = (TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What rendering a template can end with."""


def bound_memory() -> None:
    """Have allocations fail that go beyond `MOST_MEMORY`."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - POSIX only

    with suppress(OSError, ValueError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def bound_time(seconds: float) -> None:
    """Have the kernel end this process after so much CPU time; 0: no more."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


@lru_cache(maxsize=4)
def compiled(template: str) -> Template:
    """As the transformers library sets its environment up, for which such templates are written."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = to_json
    return environment.from_string(template)


def to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """The filter ``tojson``, which in Jinja itself escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def refuse(message: str) -> NoReturn:
    """``raise_exception``: the template does not take such a conversation."""
    raise TemplateError(message)


def now_as(form: str) -> str:
    """``strftime_now``: some templates tell the model the date."""
    return datetime.now(UTC).astimezone().strftime(form)


def render(template: str, variables: Mapping[str, Any], most: int) -> dict[str, str]:
    """What a template makes of the variables, at most so many characters of it."""
    pieces: list[str] = []
    length = 0
    try:
        for piece in compiled(template).generate(raise_exception=refuse, strftime_now=now_as, **variables):
            pieces.append(piece)
            length += len(piece)
            if length > most:
                return {"error": f"it makes more than {most} characters"}
        return {"text": "".join(pieces)}
    except FAULTS as fault:
        pieces.clear()
        return {"error": f"{type(fault).__name__}: {fault}"[:300]}


def main() -> None:
    """Answer requests until there are no more."""
    bound_memory()
    for line in sys.stdin:
        asked = json.loads(line)
        bound_time(MOST_CPU_S)
        answer = render(asked["template"], asked["variables"], asked["most"])
        bound_time(0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
