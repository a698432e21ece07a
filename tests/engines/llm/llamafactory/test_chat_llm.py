"""The mode ``cli``, over a real sshd, with a stand-in for LLaMA-Factory."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from tests.engines.llm.llamafactory.machine import Machine, free_port, greeting
from tests.engines.llm.llamafactory.relay import relayed

from myna.core.errors import Busy, EngineRefused, EngineTimeout, EngineUnavailable, MynaError
from myna.engines.base import LLM, Finished, LLMDelta, LLMMessage, LLMRequest, Loading, Sampling, TextDelta
from myna.engines.llm.llamafactory.plugin import LlamaFactoryLLM, open_llamafactory
from myna.engines.llm.llamafactory.wrapper import archive

pytestmark = pytest.mark.anyio

PATIENCE_S = 60.0


def user(text: str) -> LLMMessage:
    return LLMMessage("user", text)


def assistant(text: str) -> LLMMessage:
    return LLMMessage("assistant", text)


async def deltas(llm: LLM, *messages: LLMMessage, sampling: Sampling | None = None) -> Sequence[LLMDelta]:
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(llm.generate(LLMRequest(messages, sampling or Sampling()))) as stream:
            return [delta async for delta in stream]


async def text(llm: LLM, *messages: LLMMessage) -> str:
    return "".join(delta.text for delta in await deltas(llm, *messages) if isinstance(delta, TextDelta))


async def answer(llm: LLM, *messages: LLMMessage) -> str:
    """As `text`, tried again while it is not up."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            try:
                return await text(llm, *messages)
            except EngineUnavailable:
                await anyio.sleep(0.1)


@pytest.fixture
async def llm(machine: Machine) -> AsyncGenerator[LlamaFactoryLLM]:
    async with open_llamafactory(machine.options()) as llm:
        yield llm


async def nothing_runs(machine: Machine) -> None:
    with anyio.fail_after(PATIENCE_S):
        while machine.processes():
            await anyio.sleep(0.05)


async def test_the_first_answer_waits_for_the_model_and_says_so(machine: Machine, llm: LlamaFactoryLLM):
    first, *more = await deltas(llm, user("hello"))
    assert first == Loading(f"model on {machine.options().place}")
    assert more[-1] == Finished("stop")
    assert "".join(delta.text for delta in more if isinstance(delta, TextDelta)) == "You said: hello."
    assert not llm.info.native_tools


@pytest.mark.parametrize("older", [False, True])
async def test_a_wrapper_of_another_version_is_told_of_and_used(
    machine: Machine, caplog: pytest.LogCaptureFixture, older: bool
):
    wrapper = machine.work / "other.pyz"
    wrapper.write_bytes(b"#!/usr/bin/env python3\n" * older + archive())
    async with open_llamafactory(machine.options(script_path="other.pyz")) as llm:
        assert await answer(llm, user("hello")) == "You said: hello."
    told = [record.getMessage() for record in caplog.records if "another version" in record.getMessage()]
    assert len(told) == older
    assert all("myna llamafactory deploy" in each for each in told)


async def test_a_second_question_loads_nothing_and_connects_nowhere(machine: Machine, llm: LlamaFactoryLLM):
    assert await text(llm, user("one")) == "You said: one."
    again = await deltas(llm, user("one"), assistant("You said: one."), user("messages"))
    assert not any(isinstance(delta, Loading) for delta in again)
    assert machine.loads == 1
    assert machine.logins == 1


async def test_a_system_text_and_what_was_said_reach_the_model(llm: LlamaFactoryLLM):
    said = await text(llm, LLMMessage("system", "Be kind."), user("hi"), assistant("hello"), user("messages"))
    assert "Be kind." in said
    assert "User: hi\\nAssistant: hello" in said


@pytest.mark.parametrize(
    "message", ["exit", "$(reboot)", "'; rm -rf ~; '", "two\nlines\tand 你好 🙂", '"}\n{"type": "clear"}']
)
async def test_any_message_arrives(llm: LlamaFactoryLLM, message: str):
    meant = "exit." if message == "exit" else message
    assert await text(llm, user(message)) == f"You said: {meant}."


async def test_two_conversations_do_not_hear_of_each_other(llm: LlamaFactoryLLM):
    await text(llm, user("a secret"))
    said = await text(llm, user("messages"))
    assert "secret" not in said


async def test_questions_are_answered_one_after_the_other(llm: LlamaFactoryLLM):
    answers: list[str] = []

    async def ask(message: str) -> None:
        answers.append(await text(llm, user(message)))

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(ask, f"{number}")
    assert answers == [f"You said: {number}." for number in range(5)]


async def test_an_interrupt_leaves_the_model_loaded_and_nothing_of_the_old_reply(
    machine: Machine, llm: LlamaFactoryLLM
):
    async with aclosing(llm.generate(LLMRequest((user("slow"),)))) as stream:
        async for delta in stream:
            if isinstance(delta, TextDelta):
                break
    assert await text(llm, user("now")) == "You said: now."
    assert machine.loads == 1


async def test_a_cancelled_task_leaves_the_model_loaded(machine: Machine, llm: LlamaFactoryLLM):
    await text(llm, user("hello"))
    with anyio.move_on_after(0.1):
        await text(llm, user("slow"))
    assert await text(llm, user("now")) == "You said: now."
    assert machine.loads == 1


@pytest.mark.parametrize(("sampling", "reason"), [(Sampling(stop=("5",)), "stop"), (Sampling(max_tokens=3), "length")])
async def test_stop_sequences_and_limits_hold(llm: LlamaFactoryLLM, sampling: Sampling, reason: str):
    *pieces, end = await deltas(llm, user("slow"), sampling=sampling)
    said = "".join(delta.text for delta in pieces if isinstance(delta, TextDelta))
    assert end == Finished(reason)  # pyright: ignore[reportArgumentType]
    assert said.startswith("0 1 2")
    assert len(said) < 40


async def test_when_it_is_closed_nothing_is_left_there(machine: Machine):
    async with open_llamafactory(machine.options(arguments=("--says", "child"))) as llm:
        await text(llm, user("hello"))
        running = machine.processes()
        assert any("llamafactory-cli chat" in line for line in running)
        assert any("sleep 1000.25" in line for line in running)
    await nothing_runs(machine)


async def test_when_it_is_closed_in_the_middle_of_a_reply_nothing_is_left_there(machine: Machine):
    async with open_llamafactory(machine.options()) as llm:
        with anyio.move_on_after(1):
            await text(llm, user("hang"))
    await nothing_runs(machine)


async def test_when_it_is_closed_while_it_loads_nothing_is_left_there(machine: Machine):
    async with open_llamafactory(machine.options(arguments=("--loads", "60"))):
        with anyio.fail_after(PATIENCE_S):
            while not any("llamafactory-cli chat" in line for line in machine.processes()):
                await anyio.sleep(0.05)
    await nothing_runs(machine)


async def test_a_reply_that_takes_too_long_ends_and_the_next_may_succeed(machine: Machine):
    async with open_llamafactory(machine.options(timeout_s=1, drain_s=0.1)) as llm:
        with pytest.raises(EngineTimeout, match="no whole reply within 1 s"):
            await text(llm, user("hang"))
        assert await answer(llm, user("again")) == "You said: again."
    assert machine.loads == 2


async def test_who_waits_too_long_for_others_is_told(machine: Machine):
    async with open_llamafactory(machine.options(timeout_s=1)) as llm, anyio.create_task_group() as tasks:
        await text(llm, user("hello"))

        async def hold() -> None:
            async with aclosing(llm.generate(LLMRequest((user("slow"),)))) as stream:
                async for delta in stream:
                    if isinstance(delta, TextDelta):
                        held.set()
                        await anyio.sleep_forever()

        held = anyio.Event()
        tasks.start_soon(hold)
        await held.wait()
        with pytest.raises(Busy):
            await text(llm, user("me too"))
        tasks.cancel_scope.cancel()


async def test_a_model_that_dies_says_why_and_is_loaded_again(machine: Machine, llm: LlamaFactoryLLM):
    with pytest.raises(EngineUnavailable, match="CUDA out of memory"):
        await text(llm, user("die"))
    assert await answer(llm, user("again")) == "You said: again."
    assert machine.loads == 2


async def test_a_reply_that_cannot_be_found_is_told(llm: LlamaFactoryLLM):
    with pytest.raises(EngineRefused, match=r"No reply was found in the output of .*Bot> \?"):
        await text(llm, user("strange"))
    assert await text(llm, user("now")) == "You said: now."


async def test_a_shell_that_greets_does_not_stand_in_the_way(machine: Machine):
    with greeting(machine, "echo Welcome"):
        async with open_llamafactory(machine.options()) as llm:
            assert await text(llm, user("hello")) == "You said: hello."


async def test_the_patterns_can_be_set(machine: Machine):
    async with open_llamafactory(machine.options(reply_pattern=r"Assistant: You \w+: ")) as llm:
        assert await text(llm, user("hello")) == "hello."


async def test_a_connection_that_is_lost_in_a_reply_is_an_error_and_comes_back(machine: Machine):
    async with relayed(machine.port) as relay:
        known = (machine.folder / "known_hosts").read_text().replace(f"{machine.port}", f"{relay.port}")
        (machine.folder / "known_relay").write_text(known)
        options = machine.options(port=relay.port, known_hosts=machine.folder / "known_relay", keep_alive_s=0.1)
        async with open_llamafactory(options) as llm:
            assert await text(llm, user("hello")) == "You said: hello."
            assert await llm.is_alive(5)
            relay.silent = True
            with pytest.raises(EngineUnavailable, match="was lost"):
                await text(llm, user("hello"))
            assert not await llm.is_alive(0.5)
            relay.silent = False
            assert await answer(llm, user("again")) == "You said: again."
            assert len([line for line in machine.processes() if "llamafactory-cli chat" in line]) == 1
    await nothing_runs(machine)


async def test_a_machine_that_comes_later_is_found(machine: Machine):
    port = free_port()
    known = (machine.folder / "known_hosts").read_text().replace(f"{machine.port}", f"{port}")
    (machine.folder / "known_later").write_text(known)
    options = machine.options(port=port, known_hosts=machine.folder / "known_later")
    async with open_llamafactory(options) as llm:
        with pytest.raises(EngineUnavailable, match="it refused the connection"):
            await text(llm, user("hello"))
        assert not await llm.is_alive(1)
        async with relayed(machine.port, port):
            assert await answer(llm, user("hello")) == "You said: hello."


@pytest.mark.parametrize(
    ("more", "kind", "says"),
    [
        ({"work_dir": "/no such"}, EngineRefused, "There is no folder /no such on"),
        ({"script_path": "nowhere.pyz"}, EngineRefused, "There is no file nowhere.pyz on"),
        ({"conda_env": "x"}, EngineRefused, "conda was not found on"),
        ({"python": "python9"}, EngineRefused, "There is no python9 on"),
        ({"cli_path": "no-cli"}, EngineRefused, r"no-cli: command not found on .* \(exit 127\)"),
        ({"arguments": ("--says", "load error")}, EngineUnavailable, "no file named model.safetensors"),
        ({"arguments": ("--loads", "60"), "load_timeout_s": 0.5}, EngineTimeout, "did not load on .* within 0.5 s"),
        ({"script_path": "mine.py"}, EngineRefused, "mine.py on .* is not the wrapper of this Myna"),
    ],
)
async def test_what_is_wrong_there_is_what_a_question_is_told(
    machine: Machine, more: dict[str, Any], kind: type[MynaError], says: str
):
    (machine.work / "mine.py").write_text("print('hello')\n")
    async with open_llamafactory(machine.options(**more)) as llm:
        with pytest.raises(kind, match=says):
            await text(llm, user("hello"))
