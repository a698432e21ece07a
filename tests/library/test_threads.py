"""No word of one reply ever comes out of another."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.library.scripted import Echo

import myna

AGENTS = 40
ROUNDS = 5


def _expected(mark: str) -> str:
    return "".join(f"{mark}-{n} " for n in range(20)) + f"stamped {mark}"


def _stamp(mark: str) -> str:
    """Stamp a mark.

    Args:
        mark: Which.
    """
    return f"stamped {mark}"


def test_many_agents_in_many_threads_never_mix_their_words_or_calls() -> None:
    engine = Echo()
    stamp = myna.tool(_stamp, name="stamp")
    steps_of: dict[int, set[str]] = {}

    def work(number: int) -> None:
        mine: set[str] = set()
        steps_of[number] = mine
        agent = myna.Agent(engine, [stamp], on_step=lambda step: mine.add(repr(step)))
        for round_ in range(ROUNDS):
            mark = f"a{number}r{round_}"
            stream = agent.stream(f"<{mark}>")
            assert "".join(stream) == _expected(mark)
            assert [run.arguments for run in stream.reply.tool_calls] == [{"mark": mark}]

    with ThreadPoolExecutor(AGENTS) as threads:
        list(threads.map(work, range(AGENTS)))
    assert engine.most > 1
    assert engine.running == 0
    for number, steps in steps_of.items():
        marks = {part for step in steps for part in step.replace("'", " ").replace('"', " ").split() if part[0] == "a"}
        assert all(mark.startswith(f"a{number}r") for mark in marks if "r" in mark and mark[1].isdigit())


def test_one_agent_may_be_asked_from_many_threads_and_loops_at_once() -> None:
    agent = myna.Agent(Echo(), [myna.tool(_stamp, name="stamp")])

    def in_a_thread(number: int) -> str:
        return agent(f"<t{number}>")

    def in_a_loop(number: int) -> list[str]:
        async def main() -> list[str]:
            replies = await asyncio.gather(*(agent.arun(f"<l{number}x{n}>") for n in range(5)))
            return [reply.text for reply in replies]

        return asyncio.run(main())

    with ThreadPoolExecutor(20) as threads:
        plain = [threads.submit(in_a_thread, number) for number in range(10)]
        loops = [threads.submit(in_a_loop, number) for number in range(10)]
        assert [each.result() for each in plain] == [_expected(f"t{number}") for number in range(10)]
        assert [each.result() for each in loops] == [
            [_expected(f"l{number}x{n}") for n in range(5)] for number in range(10)
        ]


def test_streams_read_in_turns_in_one_thread_stay_apart() -> None:
    llm = myna.LLM(Echo())
    streams = [llm.stream(f"<s{number}>") for number in range(10)]
    texts = [""] * len(streams)
    for pieces in zip(*streams, strict=True):
        texts = [text + piece for text, piece in zip(texts, pieces, strict=True)]
    assert texts == ["".join(f"s{number}-{n} " for n in range(20)) for number in range(10)]


def test_a_stream_may_be_read_in_another_thread_than_it_was_asked_in() -> None:
    stream = myna.LLM(Echo()).stream("<other>")
    read: list[str] = []
    thread = threading.Thread(target=lambda: read.extend(stream))
    thread.start()
    thread.join()
    assert "".join(read) == "".join(f"other-{n} " for n in range(20))
