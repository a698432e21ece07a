"""The engine transformers against a bare ``generate`` with a streamer, on whatever device PyTorch finds.

Both write the same greedy answer by turns, the bare one in a thread with transformers' own ``TextIteratorStreamer``.
Then a conversation's next prompt is read with what is in the KV cache, and a reply is left in the middle. It needs
PyTorch, so it runs in the environment of ``make test-transformers``:

``.venv-transformers/bin/python -m benchmarks.transformers_engine [--model NAME] [--runs N] [--json]``
"""

import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

import anyio
from benchmarks.report import Report, Table, Target, medians, run

from myna.config.load import load_settings
from myna.core.errors import MynaError
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Sampling, TextDelta
from myna.engines.llm.transformers.engine import DEVICE, TransformersLLM
from myna.engines.llm.transformers.model import Loaded
from myna.engines.llm.transformers.options import TransformersOptions
from myna.engines.llm.transformers.torch_loading import import_libraries, load_model
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


def request(question: str, key: str | None, max_tokens: int = TOKENS) -> LLMRequest:
    sampling = Sampling(temperature=0, max_tokens=max_tokens)
    return LLMRequest((LLMMessage("system", SYSTEM), LLMMessage("user", question)), sampling, cache_key=key)


async def engine_reply(llm: LLM, asked: LLMRequest) -> dict[str, float]:
    times: list[float] = []
    tokens = 0
    began = time.perf_counter()
    async with aclosing(llm.generate(asked)) as deltas:
        async for delta in deltas:
            match delta:
                case TextDelta():
                    times.append(time.perf_counter())
                case Finished(usage=usage):
                    tokens = usage.completion_tokens if usage else 0
                case _:
                    pass
    return {
        "first token, ms": (times[0] - began) * 1000,
        "tokens/s": (tokens - 1) / (times[-1] - times[0]),
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


def measure(wanted: Namespace) -> Report:
    store = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    libraries = import_libraries()
    device = "cuda" if libraries.torch.cuda.is_available() else "cpu"
    began = time.perf_counter()
    try:
        options = TransformersOptions(model=wanted.model, fallback_model=None, context_tokens=4096)
        loaded = load_model(options, store, device, libraries)
    except MynaError as error:
        sys.exit(str(error))
    load_s = time.perf_counter() - began
    bare_reply(loaded, request(TASK, None, max_tokens=4))  # the first is slow
    tables = [anyio.run(one_run, loaded, number) for number in range(wanted.runs)]
    table = medians(tables)
    myna, bare, left = table["Myna"], table["bare generate"], table["Myna, left"]
    return Report(
        f"A reply of {TOKENS} tokens by {loaded.name} on {device}",
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


def main(arguments: Sequence[str] | None = None) -> None:
    def add_options(parser: ArgumentParser) -> None:
        parser.add_argument("--model", default=MODEL, help="as in [transformers] of myna.toml")

    run("transformers_engine", measure, arguments, runs=5, add_options=add_options)


if __name__ == "__main__":
    main()
