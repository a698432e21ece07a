import sys
import time
from types import SimpleNamespace

import pytest

from myna_ros import devices
from myna_ros.devices import AGAIN_S, NoProgram, Program


def python(code: str, *, plays: bool) -> Program:
    return Program([sys.executable, "-c", code], plays=plays)


def test_what_a_program_hears_is_read_until_it_ends() -> None:
    program = python("import sys; sys.stdout.buffer.write(bytes(range(200)))", plays=False)
    assert program.read(160) == bytes(range(160))
    assert program.read(160) == bytes(range(160, 200))
    program.end()


def test_why_a_program_ended_is_told_however_much_it_said_before() -> None:
    talks = "import sys; [print('underrun!!!', file=sys.stderr) for _ in range(20_000)]; sys.exit('no such card')"
    program = python(talks, plays=True)
    while program.runs:
        program.write(bytes(10_000))
    program.write(bytes(10_000))
    assert str(program.failure()).split(" ended: ")[1].startswith("no such card. ")
    program.end()


def test_a_device_that_fails_at_once_is_left_alone_for_a_while_and_one_that_has_worked_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = python("", plays=False)
    program.end()
    assert program.failure().again_s == AGAIN_S
    later = time.monotonic() + AGAIN_S
    monkeypatch.setattr(devices, "time", SimpleNamespace(monotonic=lambda: later))
    assert program.failure().again_s == 0


def test_a_program_that_is_not_there_is_told_with_what_to_install() -> None:
    with pytest.raises(NoProgram, match="alsa-utils"):
        Program(["no-such-arecord"], plays=False)
