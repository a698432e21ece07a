"""Command lines for the machine: nothing in the settings breaks out of its place."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from myna.engines.llm.llamafactory.commands import Commands, kill, quoted
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions

NASTY = st.one_of(
    st.sampled_from(
        ["a b", "$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "a'b\"c", "*", "~x", "!x"]
    ),
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\\/-"), min_size=1, max_size=20),
)


def options(**more: Any) -> LlamaFactoryOptions:
    return LlamaFactoryOptions.model_validate({"host": "x", "python": sys.executable} | more)


def run(line: str, folder: Path, given: str = "") -> "subprocess.CompletedProcess[str]":
    environ = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environ,
        timeout=20,
        input=given,
        check=False,
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NASTY)
def test_no_path_breaks_out_of_its_quotes(tmp_path: Path, name: str):
    work = tmp_path / name
    work.mkdir(exist_ok=True)
    (work / f"{name}.py").write_text("import os, sys; print(os.getcwd()); print(*sys.argv[1:])")
    chosen = options(work_dir=str(work), script_path=f"{name}.py")
    done = run(Commands(chosen).wrapper("run"), tmp_path)
    assert done.stdout == f"{work}\n--serve -\n"
    assert not list(tmp_path.rglob("pwned"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(env=NASTY)
def test_no_conda_environment_breaks_out_of_its_quotes(tmp_path: Path, env: str):
    conda = tmp_path / "miniconda3" / "etc" / "profile.d"
    conda.mkdir(parents=True, exist_ok=True)
    (conda / "conda.sh").write_text('conda() { printf "%s" "$2" >"$HOME/asked"; }')
    done = run(Commands(options(conda_env=env)).inside("echo in"), tmp_path)
    assert done.stdout == "in\n"
    assert (tmp_path / "asked").read_text() == env
    assert not list(tmp_path.rglob("pwned"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=st.one_of(NASTY, st.sampled_from(["\\", "\\n", "a\\", "-e", "%s", "\\x41"])))
def test_no_message_breaks_out_of_its_argument(tmp_path: Path, message: str):
    (tmp_path / "script.py").write_text("import sys; print(ascii(sys.argv[1:]))")
    done = run(Commands(options(mode="script", script_path="script.py")).script("run"), tmp_path, f"{message}\n")
    assert done.stdout == f"{[message]!a}\n"
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "field", ["work_dir", "conda_env", "script_path", "python", "cli_path", "host", "user", "jump"]
)
@pytest.mark.parametrize("value", ["a\nb", "a\0b", "a\\", "\x1b[1m", "-rf"])
def test_what_shells_take_in_different_ways_is_refused(field: str, value: str):
    with pytest.raises(ValidationError):
        options(**{field: value})


def test_the_home_folder_may_be_written_short(tmp_path: Path):
    (tmp_path / "a b").mkdir()
    assert run(f"cd {quoted('~/a b')} && pwd", tmp_path).stdout == f"{tmp_path}/a b\n"
    assert run(f"cd {quoted('~')} && pwd", tmp_path).stdout == f"{tmp_path}\n"


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"work_dir": "no such"}, "work_dir"),
        ({"conda_env": "x"}, "conda"),
        ({"python": "no-such-python"}, "python"),
        ({"script_path": "no such"}, "script"),
    ],
)
def test_what_is_missing_is_told_apart(tmp_path: Path, more: dict[str, Any], fault: str):
    done = run(Commands(options(**more)).wrapper("run"), tmp_path)
    assert done.returncode == 99
    assert done.stderr == f"myna-fault:{fault}\n"


def test_a_missing_environment_is_not_a_missing_conda(tmp_path: Path):
    conda = tmp_path / "anaconda3" / "etc" / "profile.d"
    conda.mkdir(parents=True)
    (conda / "conda.sh").write_text("conda() { return 1; }")
    assert run(Commands(options(conda_env="x")).wrapper("run"), tmp_path).stderr == "myna-fault:conda_env\n"


def test_a_process_that_takes_its_time_to_end_what_it_started_is_let(tmp_path: Path):
    ends = "trap 'sleep 1.5; touch ended; exit' TERM; touch began; while :; do sleep 0.1; done"
    environ = {"MYNA_RUN": "ours", "PATH": os.environ["PATH"]}
    with subprocess.Popen(["sh", "-c", ends], start_new_session=True, env=environ, cwd=tmp_path) as process:
        while not (tmp_path / "began").exists():
            assert process.poll() is None
        assert run(kill(process.pid, "ours"), tmp_path).returncode == 0
        process.wait(20)
    assert (tmp_path / "ended").exists()


def test_a_process_that_is_not_ours_is_not_ended(tmp_path: Path):
    with subprocess.Popen(["sleep", "100"], start_new_session=True, env={"MYNA_RUN": "ours"}) as process:
        assert run(kill(process.pid, "another"), tmp_path).returncode != 0
        assert process.poll() is None
        assert run(kill(process.pid, "ours"), tmp_path).returncode == 0
        assert process.wait(20) == -15
