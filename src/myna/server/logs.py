"""The server's log: one line an event, JSON for programs and colours for people, and no secret in either.

All code logs through the standard library; `configure` decides what becomes of it. What a user said or was told goes
into ``extra={"content": …}`` and nowhere else, so that it is left out in one place.
"""

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias, cast

from myna.config.settings import LogSettings
from myna.core.context import ids
from myna.tools.masking import MASK

EventDict: TypeAlias = MutableMapping[str, Any]

_FIRST = ("time", "level", "event", "logger")
_LAST = ("key_name", "conversation_id", "turn_id", "request_id", "exception")

SHORTEST_SECRET = 6
"""A configured secret that is shorter (``none``, ``sk``) would black out half of the log."""

_SECRET_NAME = re.compile(
    r"(^|[_-])(key|token|password|passwd|passphrase|secret|authorization|cookie)$", flags=re.IGNORECASE
)
_SECRETS = (
    (re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(basic\s+)[A-Za-z0-9+/_=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)(openai-insecure-api-key\.)[^\s\"',;]+"), rf"\1{MASK}"),
    (re.compile(r"\b(myna|sk|hf|gh[opsu]|xox[abp])([-_])[A-Za-z0-9_-]{16,}"), rf"\1\2{MASK}"),
    (re.compile(r"(://)[^/\s@]+@"), rf"\1{MASK}@"),
    # name=value, name: value, "name": "value" and ("name", "value"); a number is no secret (first_token: 0.2)
    (
        re.compile(
            r"(?i)((?:api[_-]?key|token|password|passwd|passphrase|secret|authorization|cookie)"
            r"(?:[\"']\s*,\s*b?[\"']|[\"']?\s*[:=]\s*b?[\"']?))(?![\d.]+\b)[^\s\"',;&}]+"
        ),
        rf"\1{MASK}",
    ),
)


def is_pretty(settings: LogSettings) -> bool:
    """Whether the log is for people."""
    return settings.format == "pretty" or (settings.format == "auto" and sys.stderr.isatty())


def configure(settings: LogSettings, secrets: Iterable[str] = ()) -> None:
    """Have all that this process logs told on standard error as ``settings`` say.

    Args:
        settings: The section ``[log]``.
        secrets: What must not appear, whatever it looks like.
    """
    import structlog  # noqa: PLC0415 - 0.3 s that the other commands need not wait for

    pretty = is_pretty(settings)
    renderer = (
        structlog.dev.ConsoleRenderer(
            timestamp_key="time", pad_event_to=8, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            _with_ids,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper("%H:%M:%S" if pretty else "iso", utc=not pretty, key="time"),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # without the values of local variables
            _Content(allowed=settings.content),
            _Masking(secrets),
            _in_order,
            renderer,
        ],
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(formatter)
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("myna").setLevel(level)


class _Stderr:
    """What standard error is at the time: while rich shows a spinner, lines go above it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _with_ids(_: object, __: str, event: EventDict) -> EventDict:
    event.update(ids())
    return event


class _Content:
    """Leaves out what was said, unless it is wanted; it is told at debug level only."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        if not self._allowed or event["level"] != "debug":
            event.pop("content", None)
        event.pop("color_message", None)  # uvicorn's message a second time
        return event


class _Masking:
    """Takes secrets out of every value, whole ones by their name and others by what they look like."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted((re.escape(each) for each in secrets if len(each) >= SHORTEST_SECRET), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        return {name: self._masked(name, value) for name, value in event.items()}

    def _masked(self, name: str, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return MASK if _SECRET_NAME.search(name) else self._without_secrets(value)
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            return {str(inner): self._masked(str(inner), item) for inner, item in items}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._masked(name, item) for item in cast("Iterable[object]", value)]
        return self._masked(name, repr(value))

    def _without_secrets(self, text: str) -> str:
        if self._known:
            text = self._known.sub(MASK, text)
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        return text


def _in_order(_: object, __: str, event: EventDict) -> EventDict:
    rest = [name for name in event if name not in _FIRST and name not in _LAST]
    return {name: event[name] for name in (*_FIRST, *rest, *_LAST) if name in event}
