import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from tests.engines.llm.llamafactory.machine import Machine, NoSshd, run_machine
from typer.testing import CliRunner, Result

from myna.cli import llamafactory
from myna.core.errors import BadConfig
from myna.engines.llm.llamafactory.wrapper import archive

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Machine]:
    try:
        with run_machine(tmp_path_factory.mktemp("machine")) as machine:
            yield machine
    except NoSshd as error:
        pytest.skip(str(error))


@pytest.fixture
def run(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, value in machine.options().model_dump(mode="json", exclude_defaults=True).items():
        monkeypatch.setenv(f"MYNA_LLAMAFACTORY__{name.upper()}", str(value))
    return lambda *words: CliRunner().invoke(llamafactory.app, words, catch_exceptions=False)


def test_check_tells_each_step_and_the_first_answer(run: Run):
    done = run("check")
    assert done.exit_code == 0
    assert "✓ connection: logged in to" in done.stderr
    assert "You said: Say hello" in done.stderr


def test_check_tells_the_step_that_fails_and_how_to_mend_it(run: Run):
    done = run("check", "--no-load", "--set", "llamafactory.work_dir=/no such")
    assert done.exit_code == 1
    assert "✗ work folder: There is no folder /no such on" in done.stderr
    assert "REMOTE_WORK_DIR" in done.stderr


def test_check_speaks_to_programs(run: Run):
    done = run("check", "--no-load", "--json", "--set", "llamafactory.script_path=nowhere")
    steps = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [step["ok"] for step in steps] == [True] * (len(steps) - 1) + [False]
    assert steps[-1].keys() == {"name", "ok", "found", "hint"}


def test_deploy_puts_the_wrapper_where_check_finds_it(run: Run, machine: Machine):
    (machine.work / "myna_llamafactory.pyz").unlink(missing_ok=True)
    assert run("check", "--no-load").exit_code == 1
    assert "The wrapper is at" in run("deploy").stderr
    assert (machine.work / "myna_llamafactory.pyz").read_bytes() == archive()
    assert run("check", "--no-load").exit_code == 0


def test_without_a_host_it_says_what_to_set(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MYNA_LLAMAFACTORY__HOST")
    with pytest.raises(BadConfig, match=r"llamafactory\.host is not set"):
        run("check")
