import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any

import pytest

from myna.config.settings import LogSettings
from myna.core.context import working_on
from myna.server import logs

log = logging.getLogger("myna.test")

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("myna")
    before = root.handlers[:], root.level, ours.level
    root.handlers.clear()  # pytest's own stay out of it, and open
    yield
    root.handlers[:], root.level = before[:2]
    ours.setLevel(before[2])


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """What was logged as JSON since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.split("\n") if line]


def test_a_line_has_time_level_event_logger_and_the_ids(lines: Lines) -> None:
    logs.configure(LogSettings())

    def work() -> None:
        working_on(turn_id="turn_1", request_id="req_1")
        log.info("turn of %s", "悟空", extra={"stages_ms": {"first_token": 12.5}, "prompt_tokens": 7})

    copy_context().run(work)
    (line,) = lines()
    assert datetime.fromisoformat(line.pop("time")).utcoffset() == timedelta(0)
    assert line == {
        "level": "info",
        "event": "turn of 悟空",
        "logger": "myna.test",
        "stages_ms": {"first_token": 12.5},
        "prompt_tokens": 7,
        "turn_id": "turn_1",
        "request_id": "req_1",
    }
    assert list(line)[-2:] == ["turn_id", "request_id"]


def test_an_event_is_one_line_whatever_is_in_it(lines: Lines) -> None:
    logs.configure(LogSettings())
    log.info("first\nsecond\u2028third\x1b[31m", extra={"object": {1: {"x"}}, "odd": object})
    assert len(lines()) == 1


@pytest.mark.parametrize(("level", "told"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_the_least_that_is_told(lines: Lines, level: Any, told: int) -> None:
    logs.configure(LogSettings(level=level))
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    assert len(lines()) == told


def test_libraries_tell_warnings_only_and_in_the_same_form(lines: Lines) -> None:
    logs.configure(LogSettings(level="debug"))
    logging.getLogger("httpcore").debug("headers")
    logging.getLogger("uvicorn.error").info("Uvicorn running")
    logging.getLogger("uvicorn.error").warning("Exception", extra={"color_message": "\x1b[1mException"})
    (line,) = lines()
    assert (line["logger"], line["event"], line.get("color_message")) == ("uvicorn.error", "Exception", None)


def test_a_terminal_gets_it_pretty(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    logs.configure(LogSettings())
    log.info("request", extra={"method": "GET", "path": "/llm", "api_key": "hunter22"})
    written = capsys.readouterr().err
    assert not written.startswith("{")
    assert "/llm" in written
    assert "hunter22" not in written
    logs.configure(LogSettings(format="json"))
    log.info("request")
    assert capsys.readouterr().err.startswith("{")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (LogSettings(), False),
        (LogSettings(content=True), False),
        (LogSettings(level="debug"), False),
        (LogSettings(level="debug", content=True), True),
    ],
)
def test_what_was_said_is_told_at_debug_and_only_where_it_is_wanted(
    capsys: pytest.CaptureFixture[str], settings: LogSettings, told: bool
) -> None:
    logs.configure(settings)
    log.debug("said", extra={"content": {"user": "I am ill."}})
    log.info("said", extra={"content": {"user": "I am sad."}})
    written = capsys.readouterr().err
    assert ("I am ill." in written) is told
    assert "I am sad." not in written


SECRET = "k3yTh4tNobody-May_See"


def fail_with(error: Exception) -> None:
    raise error


def say_in_message() -> None:
    log.warning("the server at %s said no", f"https://me:{SECRET}@example.com/v1")


def say_in_headers() -> None:
    log.info("headers %s", {"Authorization": f"Bearer {SECRET}", "x": 1})
    log.info("headers %s", [(b"authorization", f"bearer {SECRET}".encode()), (b"x-api-key", SECRET.encode())])


def say_in_fields() -> None:
    log.info("fields", extra={"api_key": SECRET, "nested": {"HF_TOKEN": SECRET, "list": [{"password": SECRET}]}})


def say_in_queries_and_json() -> None:
    log.info(f"GET /?api_key={SECRET}&x=1")  # noqa: G004 - as libraries do
    log.info('body {"password": "%s", "token":"%s"}', SECRET, SECRET)


def say_in_a_subprotocol() -> None:
    log.info("offered %s", ["realtime", f"openai-insecure-api-key.{SECRET}"])


def say_in_an_object() -> None:
    log.info("objects", extra={"error": ValueError(f"secret={SECRET}"), "raw": f"Bearer {SECRET}".encode()})


def say_in_an_exception() -> None:
    hidden = SECRET
    try:
        try:
            fail_with(KeyError(f"Bearer {SECRET}"))
        except KeyError as error:
            raise ValueError(f"token: {hidden}") from error
    except ValueError:
        log.exception("it failed")


def say_in_a_group() -> None:
    try:
        fail_with(ExceptionGroup("several", [ValueError(f"Authorization: Basic {SECRET}"), OSError(f"token={SECRET}")]))
    except ExceptionGroup:
        log.exception("they failed")


def say_an_own_key() -> None:
    log.info("got myna-%s and sk-%s", SECRET, SECRET)


@pytest.mark.parametrize("format_", ["json", "pretty"])
@pytest.mark.parametrize(
    "say",
    [
        say_in_message,
        say_in_headers,
        say_in_fields,
        say_in_queries_and_json,
        say_in_a_subprotocol,
        say_in_an_object,
        say_in_an_exception,
        say_in_a_group,
        say_an_own_key,
    ],
)
def test_a_secret_is_nowhere_in_the_log(
    capsys: pytest.CaptureFixture[str], say: Callable[[], None], format_: Any
) -> None:
    logs.configure(LogSettings(level="debug", format=format_, content=True))
    say()
    written = capsys.readouterr().err
    assert "***" in written
    assert SECRET not in written


def test_a_configured_secret_is_nowhere_whatever_stands_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(), secrets={"correct horse", "correct horse battery", "sk"})
    log.error("it was correct horse battery, and correct horse; ask")
    assert json.loads(capsys.readouterr().err)["event"] == "it was ***, and ***; ask"


def test_a_traceback_shows_no_values_of_variables(lines: Lines) -> None:
    logs.configure(LogSettings())
    utterance = "I am " + "ill."
    try:
        fail_with(ValueError(len(utterance)))
    except ValueError:
        log.exception("it failed")
    (line,) = lines()
    assert "ValueError: 9" in line["exception"]
    assert "I am ill." not in line["exception"]


def test_numbers_and_words_are_no_secrets(lines: Lines) -> None:
    logs.configure(LogSettings())
    log.info("first_token: 0.25, max_tokens=512, the key of F", extra={"stages_ms": {"first_token": 2}, "token": 3})
    (line,) = lines()
    assert line["event"] == "first_token: 0.25, max_tokens=512, the key of F"
    assert (line["stages_ms"], line["token"]) == ({"first_token": 2}, 3)
