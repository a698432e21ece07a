"""`myna llamafactory check` and `deploy`, over a real sshd: every step that can fail, with its message."""

import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.engines.llm.llamafactory.machine import Machine, free_port, greeting, new_key

from myna.core.errors import BadConfig, EngineRefused
from myna.engines.llm.llamafactory.check import Step, check
from myna.engines.llm.llamafactory.deploy import deploy
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.wrapper import archive

pytestmark = pytest.mark.anyio

PATIENCE_S = 60.0


async def steps(options: LlamaFactoryOptions, *, load: bool = False) -> list[Step]:
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(check(options, load=load)) as walked:
            return [step async for step in walked]


async def last(options: LlamaFactoryOptions, *, load: bool = False) -> Step:
    return (await steps(options, load=load))[-1]


def program(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_where_all_is_well_every_step_says_what_it_found(machine: Machine):
    walked = await steps(machine.options(), load=True)
    names = ["connection", "work folder", "Python", "pexpect", "wrapper", "llamafactory-cli", "base model", "reply"]
    assert [step.name for step in walked] == names
    assert all(step.ok for step in walked)
    assert "You said: Say hello" in walked[-1].found


async def test_a_shell_that_greets_fails_no_step(machine: Machine):
    with greeting(machine, "echo Welcome"):
        assert all(step.ok for step in await steps(machine.options()))


async def test_an_unreachable_machine_is_the_first_step(machine: Machine):
    step = await last(machine.options(port=free_port()))
    assert (step.name, step.ok) == ("connection", False)
    assert "cannot be reached by SSH" in step.found
    assert "llamafactory.host" in step.hint


async def test_an_unknown_host_key_is_the_first_step(machine: Machine, tmp_path: Path):
    step = await last(machine.options(known_hosts=tmp_path / "none"))
    assert step.name == "connection"
    assert "is not known here; the machine shows ssh-ed25519 SHA256:" in step.found


async def test_a_refused_login_is_the_first_step(machine: Machine, tmp_path: Path):
    new_key(tmp_path / "key")
    step = await last(machine.options(key=tmp_path / "key"))
    assert step.name == "connection"
    assert "refused the login" in step.found


@pytest.mark.parametrize(
    ("more", "name", "found", "hint"),
    [
        ({"work_dir": "/no such"}, "work folder", "There is no folder /no such on", "REMOTE_WORK_DIR"),
        ({"conda_env": "x"}, "conda environment", "conda was not found on", "CONDA_ENV"),
        ({"python": "python9"}, "Python", "There is no python9 on", "llamafactory.python"),
        ({"script_path": "no.pyz"}, "wrapper", "There is no file no.pyz on", "myna llamafactory deploy"),
        ({"script_path": "old.pyz"}, "wrapper", "is not the wrapper of this version", "myna llamafactory deploy"),
        ({"cli_path": "no-cli"}, "llamafactory-cli", "no-cli: command not found on", "LLAMAFACTORY_CLI_PATH"),
        ({"base_model_path": "/no/model"}, "base model", "There is no folder /no/model on", "base_model_path"),
        ({"adapter_path": "/no/adapter"}, "adapter", "There is no adapter in /no/adapter on", "output_dir"),
        ({"mode": "script", "script_path": "no.py"}, "script", "There is no file no.py on", "CHAT_SCRIPT_PATH"),
    ],
)
async def test_a_step_that_fails_is_the_last_and_says_how_to_mend_it(
    machine: Machine, more: dict[str, Any], name: str, found: str, hint: str
):
    (machine.work / "old.pyz").write_bytes(b"an older one")
    walked = await steps(machine.options(**more))
    step = walked[-1]
    assert (step.name, step.ok) == (name, False)
    assert found in step.found
    assert hint in step.hint
    assert all(before.ok for before in walked[:-1])


async def test_a_missing_conda_environment_is_not_a_missing_conda(machine: Machine):
    conda = machine.home / "miniconda3" / "etc" / "profile.d" / "conda.sh"
    conda.parent.mkdir(parents=True, exist_ok=True)
    conda.write_text(f"""conda() {{ [ "$2" = here ] && CONDA_PREFIX={sys.prefix} && export CONDA_PREFIX; }}""")
    step = await last(machine.options(conda_env="elsewhere"))
    assert (step.name, step.ok) == ("conda environment", False)
    assert "There is no conda environment elsewhere on" in step.found
    assert "conda env list" in step.hint
    walked = await steps(machine.options(conda_env="here"))
    assert all(step.ok for step in walked)
    assert walked[2].found == sys.prefix


async def test_a_python_outside_of_the_environment_is_told(machine: Machine):
    conda = machine.home / "miniconda3" / "etc" / "profile.d" / "conda.sh"
    conda.parent.mkdir(parents=True, exist_ok=True)
    conda.write_text("conda() { CONDA_PREFIX=/opt/other; export CONDA_PREFIX; }")
    step = await last(machine.options(conda_env="other"))
    assert (step.name, step.ok) == ("Python", False)
    assert "is another than expected" in step.found
    assert "/opt/other" in step.found


async def test_an_old_python_is_told(machine: Machine):
    old = program(machine.home / "old" / "python3", "echo 3 6 9; echo /usr/bin/python3; echo /usr")
    step = await last(machine.options(python=old))
    assert (step.name, step.ok) == ("Python", False)
    assert "is another than expected: /usr/bin/python3 is 3.6.9" in step.found
    assert "3.8" in step.hint


async def test_a_missing_pexpect_is_told_and_how_to_install_it(machine: Machine):
    bare = program(machine.home / "bare" / "python3", f'exec {sys.executable} -S "$@"')
    step = await last(machine.options(python=bare))
    assert (step.name, step.ok) == ("pexpect", False)
    assert "has no pexpect" in step.found
    assert f"{bare} -m pip install pexpect" in step.hint


async def test_a_model_of_a_hub_is_only_doubtful(machine: Machine):
    step = await last(machine.options(base_model_path="Qwen/Qwen2.5-0.5B-Instruct"))
    assert step.ok is None
    assert "the hub" in step.hint


@pytest.mark.parametrize(("trained", "ok"), [("/data/model", True), ("Qwen/Other-7B", None), (None, True)])
async def test_an_adapter_that_was_trained_for_another_model_is_doubtful(
    machine: Machine, trained: str | None, ok: bool | None
):
    adapter = machine.work / "my adapter"
    adapter.mkdir(exist_ok=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": trained}))
    step = await last(machine.options(adapter_path="my adapter"))
    assert (step.name, step.ok) == ("adapter", ok)
    if ok is None:
        assert "was trained for Qwen/Other-7B" in step.found


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"arguments": ("--loads", "60"), "load_timeout_s": 0.5}, "did not load on"),
        ({"arguments": ("--says", "load error")}, "no file named model.safetensors"),
        ({"reply_pattern": "Bot: "}, "No reply was found in the output of"),
    ],
)
async def test_a_reply_that_does_not_come_is_the_last_step(machine: Machine, more: dict[str, Any], found: str):
    step = await last(machine.options(**more), load=True)
    assert (step.name, step.ok) == ("reply", False)
    assert found in step.found


async def test_deploy_copies_the_wrapper_whole_and_again(machine: Machine):
    options = machine.options(script_path="a new/wrapper.pyz", work_dir=f"{machine.home}")
    with pytest.raises(EngineRefused, match="cannot be written"):
        await deploy(options)
    (machine.home / "a new").mkdir()
    for _ in range(2):
        assert await deploy(options) == f"{options.place}:{machine.home}/a new/wrapper.pyz"
        assert (machine.home / "a new" / "wrapper.pyz").read_bytes() == archive()
        assert [file.name for file in (machine.home / "a new").iterdir()] == ["wrapper.pyz"]


async def test_deploy_says_where_a_whole_path_is(machine: Machine):
    options = machine.options(script_path=f"{machine.home}/whole.pyz", work_dir=None)
    assert await deploy(options) == f"{options.place}:{machine.home}/whole.pyz"


async def test_deploy_leaves_a_file_of_the_users_alone_but_for_force(machine: Machine):
    mine = machine.work / "of mine.py"
    mine.write_text("print('precious')")
    options = machine.options(script_path="of mine.py")
    with pytest.raises(EngineRefused, match=r"of mine\.py on .* is a file of yours"):
        await deploy(options)
    assert mine.read_text() == "print('precious')"
    await deploy(options, force=True)
    assert mine.read_bytes() == archive()


@pytest.mark.parametrize(("more", "kind"), [({"work_dir": "/no such"}, EngineRefused), ({"mode": "script"}, BadConfig)])
async def test_deploy_says_why_not(machine: Machine, more: dict[str, Any], kind: type[Exception]):
    with pytest.raises(kind):
        await deploy(machine.options(**more))
