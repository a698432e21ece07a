"""Lines that tell who answers."""

import pytest

from myna.cli.engine_lines import show_engine
from myna.core.events import EngineFailedOver, ModelLoads
from myna.core.ids import TurnId

TURN = TurnId("turn_a")


def test_that_another_engine_is_asked_is_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]):
    show_engine(EngineFailedOver(TURN, "cloud", "engine_refused", "It said\x1b[2J\nno.", "box"))
    out, told = capsys.readouterr()
    assert (out, told) == ("", "! cloud does not answer: It said [2J no. box is asked.\n")


def test_that_a_model_loads_is_a_line(capsys: pytest.CaptureFixture[str]):
    show_engine(ModelLoads(TURN, "Qwen2.5-7B on gpu-box"))
    assert capsys.readouterr().err == "… loading Qwen2.5-7B on gpu-box\n"
