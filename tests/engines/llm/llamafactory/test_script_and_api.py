"""The modes ``script`` and ``api``, over a real sshd."""

import json
from collections.abc import Sequence
from contextlib import aclosing

import anyio
import pytest
from tests.engines.llm.llamafactory.machine import Machine
from tests.engines.llm.llamafactory.relay import relayed

from myna.core.errors import BadConfig, EngineRefused, EngineTimeout, EngineUnavailable, MynaError, PromptTooLong
from myna.engines.base import LLM, Finished, LLMDelta, LLMMessage, LLMRequest, Loading, Sampling, TextDelta
from myna.engines.llm.llamafactory.plugin import open_llamafactory, plugin

pytestmark = pytest.mark.anyio

PATIENCE_S = 60.0
SCRIPT = """\
import json, sys, time
asked = json.loads(sys.argv[1])
print("loading ...")
print("\\x1b[33mWarning\\x1b[0m", file=sys.stderr)
"""
PRINTS = 'print(json.dumps({"role": "assistant", "content": %s}))\n'


def user(text: str) -> LLMMessage:
    return LLMMessage("user", text)


async def deltas(llm: LLM, *messages: LLMMessage, sampling: Sampling | None = None) -> Sequence[LLMDelta]:
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(llm.generate(LLMRequest(messages, sampling or Sampling()))) as stream:
            return [delta async for delta in stream]


async def text(llm: LLM, *messages: LLMMessage) -> str:
    return "".join(delta.text for delta in await deltas(llm, *messages) if isinstance(delta, TextDelta))


async def nothing_runs(machine: Machine) -> None:
    with anyio.fail_after(PATIENCE_S):
        while machine.processes():
            await anyio.sleep(0.05)


async def test_a_script_is_given_the_question_and_its_reply_found(machine: Machine):
    (machine.work / "mine.py").write_text(SCRIPT + PRINTS % 'asked["message"] + asked["base_model_path"]')
    async with open_llamafactory(machine.options(mode="script", script_path="mine.py")) as llm:
        nasty = "\\n '$(reboot)' 你好\n\"}"
        assert await deltas(llm, user(nasty)) == [
            Loading(f"model on {machine.options().place}", each_time=True),
            TextDelta(f"{nasty}{machine.work / 'model'}"),
            Finished("stop"),
        ]
        assert await text(llm, user("again"))
        assert machine.logins == 1


async def test_a_script_is_given_the_history(machine: Machine):
    (machine.work / "mine.py").write_text(SCRIPT + PRINTS % 'json.dumps([asked["system"], asked["history"]])')
    async with open_llamafactory(machine.options(mode="script", script_path="mine.py")) as llm:
        said = await text(llm, LLMMessage("system", "Be kind."), user("a"), LLMMessage("assistant", "b"), user("c"))
        history = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        assert json.loads(said) == ["Be kind.", history]


@pytest.mark.parametrize(
    ("script", "kind", "says"),
    [
        ("print('hello')", EngineRefused, "No reply was found in the output of mine.py .* status 0: hello"),
        ("raise SystemExit('no GPU')", EngineRefused, "status 1: no GPU"),
        ("print('[1]')", EngineRefused, "No reply was found"),
        (
            """print('{"error": {"code": "cli_not_found", "message": "x"}}')""",
            EngineRefused,
            r"not found .*\(exit 127\)",
        ),
        ("""print('{"error": {"code": "own", "message": "Out of luck."}}')""", EngineUnavailable, "Out of luck"),
        (
            "import os; os.system('llamafactory-cli: not found >&2')",
            EngineRefused,
            "No reply was found|command not found",
        ),
        ("import time; time.sleep(100)", EngineTimeout, "no whole reply within 2 s"),
    ],
)
async def test_a_script_that_fails_says_how(machine: Machine, script: str, kind: type[MynaError], says: str):
    (machine.work / "mine.py").write_text(script)
    async with open_llamafactory(machine.options(mode="script", script_path="mine.py", timeout_s=2)) as llm:
        with pytest.raises(kind, match=says):
            await text(llm, user("hello"))
    await nothing_runs(machine)


async def test_colours_in_the_reply_of_a_script_go(machine: Machine):
    (machine.work / "mine.py").write_text(SCRIPT + PRINTS % r'"\x1b[1mhello\x1b[0m\x07"')
    async with open_llamafactory(machine.options(mode="script", script_path="mine.py")) as llm:
        assert await text(llm, user("hello")) == "hello"


async def test_an_interrupted_script_is_ended_with_all_that_it_started(machine: Machine):
    (machine.work / "mine.py").write_text("import os; os.system('trap : TERM; sleep 1000.5; sleep 1000.5')")
    async with open_llamafactory(machine.options(mode="script", script_path="mine.py")) as llm:
        with anyio.move_on_after(PATIENCE_S) as waiting:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(text, llm, user("hello"))
                while not any("sleep 1000.5" in line for line in machine.processes()):
                    await anyio.sleep(0.05)
                tasks.cancel_scope.cancel()
        assert not waiting.cancelled_caught
        await nothing_runs(machine)


async def test_a_script_that_a_broken_line_has_left_there_is_ended_before_the_next(machine: Machine):
    hangs = 'import os\nif asked["message"] == "hang": os.system("sleep 1000.75")\n'
    (machine.work / "mine.py").write_text(SCRIPT + hangs + PRINTS % '"here"')
    async with relayed(machine.port) as relay, anyio.create_task_group() as tasks:
        known = (machine.folder / "known_hosts").read_text().replace(f"{machine.port}", f"{relay.port}")
        (machine.folder / "known_relay").write_text(known)
        where = {"port": relay.port, "known_hosts": machine.folder / "known_relay", "keep_alive_s": 0.1}
        options = machine.options(mode="script", script_path="mine.py", **where)

        async def left_there() -> None:
            while not any("sleep 1000.75" in line for line in machine.processes()):
                await anyio.sleep(0.05)
            relay.silent = True

        async with open_llamafactory(options) as llm:
            tasks.start_soon(left_there)
            with pytest.raises(EngineUnavailable, match="was lost"):
                await text(llm, user("hang"))
            relay.silent = False
            assert any("sleep 1000.75" in line for line in machine.processes())
            with anyio.fail_after(PATIENCE_S):
                while not await llm.is_alive(5):
                    await anyio.sleep(0.05)
            assert await text(llm, user("again")) == "here"
            assert not any("sleep 1000.75" in line for line in machine.processes())


async def test_a_long_conversation_in_chinese_fits_on_a_command_line(machine: Machine):
    (machine.work / "mine.py").write_text(SCRIPT + PRINTS % 'asked["message"][-20_000:]')
    async with open_llamafactory(machine.options(mode="script", script_path="mine.py")) as llm:
        assert await text(llm, user("你好" * 15_000)) == "你好" * 10_000


async def test_a_conversation_that_fits_on_no_command_line_is_refused(machine: Machine):
    async with open_llamafactory(machine.options(mode="script", script_path="mine.py")) as llm:
        with pytest.raises(PromptTooLong):
            await text(llm, user("x" * 130_000))


async def test_api_answers_through_a_port_of_its_own(machine: Machine):
    async with open_llamafactory(machine.options(mode="api")) as llm:
        assert await text(llm, user("hello")) == "You said: hello."
        messages = [LLMMessage("system", "Be kind."), LLMMessage("assistant", "Hello!"), user("one"), user("messages")]
        said = json.loads(await text(llm, *messages[:2], user("messages")))
        assert [message["role"] for message in said] == ["system", "user", "assistant", "user"]
        again = await deltas(llm, user("slow"), sampling=Sampling(max_tokens=20))
        assert not any(isinstance(delta, Loading) for delta in again)
        assert await llm.is_alive(5)
        assert (machine.loads, machine.logins) == (1, 1)
        assert any("llamafactory-cli api" in line for line in machine.processes())
    await nothing_runs(machine)


async def test_api_that_does_not_load_says_why(machine: Machine):
    async with open_llamafactory(machine.options(mode="api", arguments=("--says", "load error"))) as llm:
        with pytest.raises(EngineUnavailable, match=r"no file named model\.safetensors"):
            await text(llm, user("hello"))


@pytest.mark.parametrize("mode", ["cli", "api"])
async def test_without_a_model_it_says_what_is_missing(machine: Machine, mode: str):
    with pytest.raises(BadConfig, match="base_model_path is not set"):
        async with open_llamafactory(machine.options(mode=mode, base_model_path=None)):
            pass


def test_nothing_of_it_is_fetched_here(machine: Machine):
    assert plugin.weights(machine.options()) == ()
