"""The engine transformers against a bare ``generate`` with a streamer, on whatever device PyTorch finds.

Both write the same greedy answer by turns, the bare one in a thread with transformers' own ``TextIteratorStreamer``.
Then a conversation's next prompt is read with what is in the KV cache, and a reply is left in the middle. It needs
PyTorch, so it runs in the environment of ``make test-transformers``:

``.venv-transformers/bin/python -m benchmarks.transformers_engine [--model NAME] [--runs N] [--json]``

With ``--shape qwen2.5-14b`` it measures what docs/gpu.md wants of a GPU instead, with random weights in the real shape:
loading, the first token of a cold and of a cached prompt, each further one, and memory. They are written to a temporary
folder (10 GB; TMPDIR says on which disk), in 4 bits as GPTQ has them where GPTQModel is installed, else in 16.
"""

import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from benchmarks.random_model import SHAPES, write_random_model
from benchmarks.report import Report, Table, Target, medians, run

from myna.config.load import load_settings
from myna.core.errors import MynaError
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Sampling, TextDelta, Usage
from myna.engines.llm.transformers.engine import DEVICE, TransformersLLM
from myna.engines.llm.transformers.model import Loaded
from myna.engines.llm.transformers.options import GIB, TransformersOptions
from myna.engines.llm.transformers.torch_loading import Libraries, import_libraries, load_model
from myna.engines.llm.transformers.torch_model import TorchModel
from myna.engines.scheduler import open_scheduler
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

MODEL = "qwen2.5-coder-0.5b-instruct"
TASK = "Write the numbers from one to fifty as English words, separated by commas."
SYSTEM = "You are a careful clerk who answers in full and never tires. " * 12
TOKENS = 64
LEFT_AFTER = 8
WITHIN = 1 / 0.97
LATEST_MS = 20.0

COLD_TOKENS = 4096
LOADED_S, CACHED_MS, TOKEN_MS, MEMORY_GB = 5.0, 200.0, 50.0, 22.0
"""What docs/gpu.md wants of a card of 24 GB."""


def request(question: str, key: str | None, max_tokens: int = TOKENS) -> LLMRequest:
    sampling = Sampling(temperature=0, max_tokens=max_tokens)
    return LLMRequest((LLMMessage("system", SYSTEM), LLMMessage("user", question)), sampling, cache_key=key)


async def timed(llm: LLM, asked: LLMRequest) -> tuple[list[float], Usage]:
    """How long after the request each piece of text came, in seconds, and how many tokens there were."""
    times: list[float] = []
    used: Usage | None = None
    began = time.perf_counter()
    async with aclosing(llm.generate(asked)) as deltas:
        async for delta in deltas:
            match delta:
                case TextDelta():
                    times.append(time.perf_counter() - began)
                case Finished(usage=usage):
                    used = usage
                case _:
                    pass
    assert used is not None
    return times, used


async def engine_reply(llm: LLM, asked: LLMRequest) -> dict[str, float]:
    times, used = await timed(llm, asked)
    return {
        "first token, ms": times[0] * 1000,
        "tokens/s": (used.completion_tokens - 1) / (times[-1] - times[0]),
    }


def bare_reply(loaded: Loaded, asked: LLMRequest) -> dict[str, float]:
    model = loaded.model
    chat: Any = loaded.chat
    assert isinstance(model, TorchModel)
    torch, transformers = model.parts.torch, import_module("transformers")
    network: Any = model.parts.network
    prompt = loaded.chat.tokens(asked.messages)
    ids = torch.tensor([prompt], device=model.parts.device)
    streamer = transformers.TextIteratorStreamer(chat.tokenizer, skip_prompt=True)
    wrote: list[int] = []

    def generate() -> None:
        wishes = {"attention_mask": torch.ones_like(ids), "max_new_tokens": asked.sampling.max_tokens}
        penalty = model.drawing.repeat_penalty
        output = network.generate(ids, streamer=streamer, do_sample=False, repetition_penalty=penalty, **wishes)
        wrote.append(output.shape[1] - len(prompt))

    began = time.perf_counter()
    thread = threading.Thread(target=generate)
    thread.start()
    times = [time.perf_counter() for text in streamer if text]
    thread.join()
    return {"first token, ms": (times[0] - began) * 1000, "tokens/s": (wrote[0] - 1) / (times[-1] - times[0])}


async def leave(llm: TransformersLLM, asked: LLMRequest) -> dict[str, float]:
    """How long a token takes, and how long after a reply was left amid a token the device is free."""
    times: list[float] = []
    enough = anyio.Event()
    token_s = left = 0.0

    async def listen() -> None:
        async with aclosing(llm.generate(asked)) as deltas:
            async for delta in deltas:
                if isinstance(delta, TextDelta):
                    times.append(time.perf_counter())
                if len(times) > LEFT_AFTER:
                    enough.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await enough.wait()
        token_s = (times[-1] - times[0]) / (len(times) - 1)
        await anyio.sleep(token_s / 3)
        left = time.perf_counter()
        tasks.cancel_scope.cancel()
    await llm.is_alive(60)
    return {"left to stopped, ms": (time.perf_counter() - left) * 1000, "a token, ms": token_s * 1000}


@asynccontextmanager
async def opened(loaded: Loaded) -> AsyncGenerator[TransformersLLM]:
    async with open_scheduler({DEVICE: 1}) as scheduler:
        yield TransformersLLM(loaded, scheduler, slots=1)


async def one_run(loaded: Loaded, number: int) -> Table:
    cold = request(f"{number}. {TASK}", key=None)
    async with opened(loaded) as llm:
        engine = await engine_reply(llm, replace(cold, cache_key=f"{number}"))
        bare = await anyio.to_thread.run_sync(bare_reply, loaded, cold)
        next_one = request(f"{number}. {TASK} Begin.", key=f"{number}", max_tokens=4)
        cached = await engine_reply(llm, next_one)
        left = await leave(llm, replace(cold, sampling=replace(cold.sampling, max_tokens=4 * TOKENS)))
    return {
        "Myna": engine,
        "bare generate": bare,
        "Myna, prefix cached": {"first token, ms": cached["first token, ms"]},
        "Myna, left": left,
    }


def load(options: TransformersOptions, libraries: Libraries) -> tuple[Loaded, float]:
    """The model, on the GPU where there is one, and how many seconds loading it took."""
    store = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    began = time.perf_counter()
    try:
        loaded = load_model(options, store, "auto", libraries)
    except MynaError as error:
        sys.exit(str(error))
    return loaded, time.perf_counter() - began


def measure_model(wanted: Namespace) -> Report:
    libraries = import_libraries()
    options = TransformersOptions(model=wanted.model, fallback_model=None, context_tokens=4096)
    loaded, load_s = load(options, libraries)
    bare_reply(loaded, request(TASK, None, max_tokens=4))  # the first is slow
    tables = [anyio.run(one_run, loaded, number) for number in range(wanted.runs)]
    table = medians(tables)
    myna, bare, left = table["Myna"], table["bare generate"], table["Myna, left"]
    return Report(
        f"A reply of {TOKENS} tokens by {loaded.name} on {device_name(libraries)}",
        table,
        packages=("torch", "transformers"),
        targets=(
            Target("tokens/s, bare ÷ Myna", bare["tokens/s"] / myna["tokens/s"], "at most", WITHIN),
            Target(
                "left to stopped, beyond a token, ms",
                left["left to stopped, ms"] - left["a token, ms"],
                "at most",
                LATEST_MS,
            ),
        ),
        notes=(f"Loading took {load_s:.1f} s.", *(str(each) for each in loaded.model.memory())),
    )


def device_name(libraries: Libraries) -> str:
    cuda = libraries.torch.cuda
    return cuda.get_device_name(0) if cuda.is_available() else "the CPU"


def filled(loaded: Loaded, beginning: str, tokens: int) -> tuple[LLMMessage, ...]:
    """A prompt of so many tokens, of a tokenizer that reads bytes."""
    empty = (LLMMessage("system", ""), LLMMessage("user", "Go on."))
    room = tokens - len(loaded.chat.tokens(empty))
    text = beginning + " all work and no play" * tokens
    return (LLMMessage("system", text[:room]), empty[1])


async def shape_reply(llm: LLM, messages: Sequence[LLMMessage], key: str) -> dict[str, float]:
    sampling = Sampling(temperature=0, max_tokens=TOKENS)
    times, used = await timed(llm, LLMRequest(tuple(messages), sampling, cache_key=key))
    return {
        "prompt, tokens": used.prompt_tokens,
        "cached, tokens": used.cached_tokens or 0,
        "first token, ms": times[0] * 1000,
        "a token, ms": (times[-1] - times[0]) / (used.completion_tokens - 1) * 1000,
    }


async def shape_run(loaded: Loaded, number: int) -> Table:
    """Each run has other prompts, and a model that has read nothing."""
    loaded.model.free()  # what the run before has left
    first = filled(loaded, f"{number} cold", COLD_TOKENS)
    turn = (*first, LLMMessage("assistant", "Well."), LLMMessage("user", "And then?"))
    whole = filled(loaded, f"{number} full", loaded.context_tokens - TOKENS)
    async with opened(loaded) as llm:
        return {
            "cold": await shape_reply(llm, first, "a"),
            "the next turn": await shape_reply(llm, turn, "a"),
            "cold, the whole context": await shape_reply(llm, whole, "b"),
        }


def load_shape(name: str, bits: int, libraries: Libraries) -> tuple[Loaded, float]:
    with TemporaryDirectory() as folder:
        write_random_model(Path(folder), SHAPES[name], libraries, bits)
        return load(TransformersOptions(model=folder, fallback_model=None), libraries)


def measure_shape(wanted: Namespace) -> Report:
    libraries = import_libraries()
    bits = wanted.bits or (4 if find_spec("gptqmodel") else 16)
    import_s = load_shape("tiny", bits, libraries)[1]  # the libraries import much for their first model
    loaded, load_s = load_shape(wanted.shape, bits, libraries)
    began = time.perf_counter()
    anyio.run(shape_run, loaded, wanted.runs)  # the first is slow: kernels are chosen, or compiled
    first_s = time.perf_counter() - began
    table = medians([anyio.run(shape_run, loaded, number) for number in range(wanted.runs)])
    memory = loaded.model.memory()
    slowest = max(row["a token, ms"] for row in table.values())
    targets = [
        Target("loading, s", load_s, "at most", LOADED_S),
        Target("first token of the next turn, ms", table["the next turn"]["first token, ms"], "at most", CACHED_MS),
        Target("a token at the slowest, ms", slowest, "at most", TOKEN_MS),
    ]
    if memory:  # PyTorch keeps what it has taken, so this is the most that the last run had in use
        taken = sum(each.total - each.free for each in memory) + 4 * GIB
        targets.append(
            Target("memory of the card, and what ASR and TTS may take, GB", taken / 1e9, "at most", MEMORY_GB)
        )
    return Report(
        f"Random weights of {bits} bits in the shape of {wanted.shape} on {device_name(libraries)}",
        table,
        packages=("torch", "transformers", *(("gptqmodel",) if bits == 4 else ())),
        targets=tuple(targets),
        notes=(
            f"Before, a tiny model took {import_s:.1f} s to load, with what the libraries import for it.",
            f"The three replies took {first_s:.1f} s the first time. The card's memory counts other programs too.",
            *(str(each) for each in memory),
        ),
    )


def measure(wanted: Namespace) -> Report:
    return measure_shape(wanted) if wanted.shape else measure_model(wanted)


def main(arguments: Sequence[str] | None = None) -> None:
    def add_options(parser: ArgumentParser) -> None:
        parser.add_argument("--model", default=MODEL, help="as in [transformers] of myna.toml")
        parser.add_argument("--shape", choices=SHAPES, help="random weights in this shape, instead of a model")
        parser.add_argument("--bits", type=int, choices=(4, 16), help="of the random weights")

    run("transformers_engine", measure, arguments, runs=5, add_options=add_options)


if __name__ == "__main__":
    main()
