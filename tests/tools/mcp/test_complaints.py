import logging
import time
from collections.abc import Callable

import pytest

from myna.tools.mcp.complaints import LINES, LONGEST_LINE, Complaints, listening


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_last_line_is_kept_without_secrets():
    complaints = Complaints("files", lambda text: text.replace("sesame", "***"))
    with listening(complaints) as file:
        file.write("first\nthe key is sesame\n\n")
    until(lambda: complaints.last == "the key is ***")


def test_a_line_that_does_not_end_is_kept_too():
    complaints = Complaints("files", str)
    with listening(complaints) as file:
        file.write("x" * 100_000 + "no end")
    until(lambda: complaints.last.endswith("no end"))
    assert len(complaints.last) <= LONGEST_LINE


def test_of_a_server_that_writes_on_and_on_little_is_kept():
    complaints = Complaints("files", str)
    for number in range(10 * LINES):
        complaints.take(str(number).encode())
    assert len(complaints.lines) == LINES
    assert complaints.last == str(10 * LINES - 1)


def test_lines_are_logged_as_content_alone(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        Complaints("files", str).take(b"he said hello")
    assert "hello" not in caplog.text
    assert [vars(record)["content"] for record in caplog.records] == ["he said hello"]
