import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from myna.cli import recommend as commands
from myna.cli.main import app
from myna.cli.recommend import Outlook
from myna.config import sets
from myna.core.errors import BadConfig, UnknownName, WeightsMissing
from myna.weights.catalog import load_catalog
from myna.weights.machine import Machine
from myna.weights.recommend import Reach, Situation, recommend

GB = 1_000_000_000
DESKTOP = Machine(8, 32 * GB, 24 * GB, 35 * GB)

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of ``myna models`` in an empty home; what it raises is raised."""
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, ["models", *args], catch_exceptions=False)


def outlook(reach: Reach, machine: Machine = DESKTOP) -> Outlook:
    return Outlook(machine, reach, recommend(load_catalog(), Situation(machine, (), reach, {})))


def given(monkeypatch: pytest.MonkeyPatch, it: Outlook) -> None:
    def look_around(*_: object) -> Outlook:
        return it

    monkeypatch.setattr(commands, "look_around", look_around)


def test_recommend_says_what_this_machine_has_what_runs_and_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, outlook({"hf": "", "modelscope": "out of reach (no route)", "pypi": ""}))
    lines = run("recommend").stdout.splitlines()
    assert lines[0].startswith("This machine: 8 cores; 32.0 GB of memory, 24.0 free; 4 cores read 35 GB/s")
    assert lines[1] == "Sources: Hugging Face: answers; ModelScope: out of reach (no route); PyPI: answers."
    assert "standard: runs here, 2.7 GB to fetch" in lines
    assert "  Note: qwen2.5-3b-instruct is under the Qwen Research License, which forbids commercial use." in lines
    assert "gpu: does not run here in real time, its hub knows the size" in lines
    assert lines[-2:] == ["Recommended: standard", "To get and use it: myna models use standard"]


def test_recommend_says_that_it_is_offline(run: Run, monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, outlook({"hf": "out of reach", "pypi": "out of reach"}))
    lines = run("recommend").stdout.splitlines()
    assert "No source can be reached now, so this is about what is here." in lines
    assert "Recommended: starter" in lines


def test_recommend_says_when_the_machine_is_too_busy_to_be_measured(run: Run, monkeypatch: pytest.MonkeyPatch):
    busy = Machine(8, 32 * GB, 24 * GB, 5 * GB, busy=0.8)
    given(monkeypatch, outlook({"hf": "", "pypi": ""}, busy))
    assert "Other programs use 80% of the cores" in run("recommend").stdout


def test_recommend_gives_programs_an_object(run: Run, monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, outlook({"hf": "", "pypi": "out of reach"}))
    told = json.loads(run("recommend", "--json").stdout)
    assert told["machine"]["cores"] == 8
    assert told["sources"]["pypi"] == {"answers": False, "why_not": "out of reach"}
    assert [each["name"] for each in told["sets"]] == ["starter", "standard", "gpu"]
    assert (told["used"], told["recommended"]) == ("starter", "starter")


def test_recommend_looks_at_this_very_machine(run: Run, monkeypatch: pytest.MonkeyPatch):
    def probe(*_: object) -> Reach:
        return {"hf": "out of reach", "modelscope": "out of reach", "pypi": "", "npm": ""}

    monkeypatch.setattr(commands, "probe", probe)
    told = json.loads(run("recommend", "--json").stdout)
    assert told["machine"]["read_bytes_per_s"] > 0
    assert told["recommended"] == "starter", "no source has more"


def test_use_fetches_the_set_and_then_writes_it_down(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pulled: list[list[str]] = []

    def pull(_: object, names: list[str], **__: object) -> None:
        assert not (tmp_path / "myna.toml").exists(), "a set that did not come must not be used"
        pulled.append(names)

    monkeypatch.setattr(commands, "pull_with_progress", pull)
    done = run("use", "standard")
    assert pulled == [["standard"]]
    assert tomllib.loads((tmp_path / "myna.toml").read_text()) == {"weights": {"set": "standard"}}
    assert str(tmp_path / "myna.toml") in done.stderr
    assert "But" not in done.stderr


def test_a_set_that_does_not_come_is_not_used(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def pull(*_: object, **__: object) -> None:
        raise WeightsMissing("No source has it.")

    monkeypatch.setattr(commands, "pull_with_progress", pull)
    with pytest.raises(WeightsMissing):
        run("use", "standard")
    assert not (tmp_path / "myna.toml").exists()


def test_use_says_what_wins_over_the_set(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def pull(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(commands, "pull_with_progress", pull)
    monkeypatch.setenv("MODEL_PATH", "whisper-base")
    (tmp_path / "myna.toml").write_text("# mine\n[llamacpp]\nmodel = 'mine.gguf'\n")
    said = run("use", "standard").stderr
    assert "But faster_whisper.model is whisper-base: MODEL_PATH in the environment wins." in said
    assert "But llamacpp.model is mine.gguf: llamacpp.model in myna.toml" in said
    assert (tmp_path / "myna.toml").read_text().startswith("# mine\n[llamacpp]\n")


@pytest.mark.parametrize("name", ["whisper-small", "Standard"])
def test_a_set_that_there_is_not_is_told_with_those_that_there_are(run: Run, name: str):
    with pytest.raises(UnknownName) as error:
        run("use", name)
    assert error.value.hint == "There is starter, standard, gpu."


def test_a_set_whose_engine_is_not_installed_is_not_fetched(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sets, "LIBRARIES_OF_SET", {"gpu": ("json", "no_such_library")})
    with pytest.raises(BadConfig, match="no_such_library") as error:
        run("use", "gpu")
    assert "pip install 'myna[gpu]'" in error.value.message
    assert not (tmp_path / "myna.toml").exists()


def test_with_its_engine_the_set_for_a_gpu_is_used_like_any_other(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def pull(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(sets, "LIBRARIES_OF_SET", {"gpu": ("json",)})
    monkeypatch.setattr(commands, "pull_with_progress", pull)
    monkeypatch.setenv("MYNA_LLM__ENGINE", "llamacpp")
    said = run("use", "gpu").stderr
    assert tomllib.loads((tmp_path / "myna.toml").read_text()) == {"weights": {"set": "gpu"}}
    assert "But llm.engine is llamacpp: MYNA_LLM__ENGINE in the environment wins." in said
