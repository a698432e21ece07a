"""The engine on PyTorch, with a model of two layers: what is computed, and when. `make test-transformers`."""

import logging
import os
import sys
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from tests.engines.llm.transformers.tiny_model import write_tiny_model

from myna.core.errors import BadConfig, EngineUnavailable, RequestRefused, WeightsDamaged
from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import LLMMessage, LLMRequest, Resources, Sampling
from myna.engines.llm.transformers.engine import DEVICE, TransformersLLM
from myna.engines.llm.transformers.model import Drawing, Loaded
from myna.engines.llm.transformers.options import TransformersOptions
from myna.engines.llm.transformers.plugin import plugin
from myna.engines.llm.transformers.torch_loading import Libraries, import_libraries, load_model
from myna.engines.llm.transformers.torch_model import TorchModel
from myna.engines.scheduler import open_scheduler
from myna.testing.conformance.llm import read

pytestmark = [pytest.mark.transformers, pytest.mark.anyio]

SYSTEM = LLMMessage("system", "You are a clerk who knows all about birds, and answers in one sentence.")
CONNECTIONS: list[str] = []


def note_connections(event: str, arguments: Any) -> None:
    if event in {"socket.connect", "socket.getaddrinfo"}:
        CONNECTIONS.append(f"{event}{arguments}")


@dataclass(frozen=True)
class OwnFiles:
    """Weights that are the user's own files."""

    def locate(self, name: str) -> Path:
        return Path(name)


def options(model: Path | str, **more: Any) -> TransformersOptions:
    return TransformersOptions.model_validate({"model": str(model), "fallback_model": None} | more)


@pytest.fixture(scope="module")
def libraries() -> Libraries:
    pytest.importorskip("torch", reason="`make test-transformers` has it")
    return import_libraries()


@pytest.fixture(scope="module")
def folder(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def loaded(libraries: Libraries, folder: Path) -> Loaded:
    sys.addaudithook(note_connections)
    return load_model(options(folder), OwnFiles(), "cpu", libraries)


@dataclass
class CountingNetwork:
    """The network of a model, which notes what it reads, and has no memory for some of it."""

    network: Any
    torch: Any
    fails: Collection[int] = ()
    reads: list[list[int]] = field(default_factory=list[list[int]])

    def __call__(self, **wishes: Any) -> Any:
        number = len(self.reads)
        self.reads.append(wishes["input_ids"][0].tolist())
        if number in self.fails:
            self.network(**wishes)  # the cache has been written to when memory runs out
            raise self.torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.network(**wishes)

    def sequence(self, first: int = 0) -> list[int]:
        """What was read from the read ``first`` on."""
        return [token for each in self.reads[first:] for token in each]


def counting(loaded: Loaded, *fails: int, chunk_tokens: int = 32) -> tuple[Loaded, CountingNetwork]:
    model = loaded.model
    assert isinstance(model, TorchModel)
    network = CountingNetwork(model.parts.network, model.parts.torch, fails)
    return replace(
        loaded, model=TorchModel(replace(model.parts, network=network), model.drawing, chunk_tokens)
    ), network


@asynccontextmanager
async def opened(loaded: Loaded) -> AsyncGenerator[TransformersLLM]:
    with anyio.fail_after(300):
        async with open_scheduler({DEVICE: 1}) as scheduler:
            yield TransformersLLM(loaded, scheduler, slots=2)


def asked(*said: str, key: str | None = None, **sampling: Any) -> LLMRequest:
    messages = (LLMMessage("assistant" if number % 2 else "user", text) for number, text in enumerate(said))
    return LLMRequest((SYSTEM, *messages), replace(Sampling(temperature=0, max_tokens=24), **sampling), cache_key=key)


async def written(loaded: Loaded, request: LLMRequest) -> list[int]:
    """The tokens that are read after the prompt, which are the answer without its last."""
    counted, network = counting(loaded)
    async with opened(counted) as llm:
        await read(llm, request)
    return network.sequence()[len(loaded.chat.tokens(request.messages)) :]


# ---------------------------------------------------------------------------------------------------------- opening


async def test_the_plugin_opens_a_folder_and_says_what_it_is(folder: Path, libraries: Libraries):
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(options(folder), Resources(OwnFiles(), scheduler, "cpu")) as llm,
    ):
        assert llm.info.model == str(folder)
        assert llm.info.context_tokens == 1024, "its own limit"
        assert llm.info.native_tools
        assert await llm.memory() == ()
        assert await llm.count_tokens([LLMMessage("user", "Hi")]) == len("<user\nHi><assistant\n")


def test_nothing_is_asked_of_the_network(loaded: Loaded):
    assert loaded.context_tokens
    assert not CONNECTIONS
    assert os.environ["GPTQMODEL_OFFLINE"] == "1"


def failing_loader(libraries: Libraries, problem: Exception, times: int) -> tuple[Libraries, list[str]]:
    """Transformers, of which the first models cannot be loaded."""
    real = libraries.transformers
    tried: list[str] = []

    class Failing:
        @staticmethod
        def from_pretrained(folder: str, **wishes: Any) -> Any:
            tried.append(folder)
            if len(tried) <= times:
                raise problem
            return real.AutoModelForCausalLM.from_pretrained(folder, **wishes)

    names = ("AutoConfig", "AutoTokenizer", "DynamicCache", "utils")
    sibling = SimpleNamespace(AutoModelForCausalLM=Failing, **{name: getattr(real, name) for name in names})
    return Libraries(libraries.torch, sibling), tried


def test_without_memory_to_load_it_the_fallback_is_loaded(
    libraries: Libraries, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    big = write_tiny_model(tmp_path)
    problem = libraries.torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 130.00 MiB.")
    failing, tried = failing_loader(libraries, problem, times=1)
    with caplog.at_level(logging.WARNING):
        found = load_model(options(big, fallback_model=str(folder)), OwnFiles(), "cpu", failing)
    assert found.name == str(folder)
    assert tried == [str(big), str(folder)]
    assert "Tried to allocate 130.00 MiB" in caplog.text
    assert f"{folder} is loaded instead of {big}." in caplog.text


def test_without_memory_for_either_the_error_says_so(libraries: Libraries, folder: Path):
    failing, _ = failing_loader(libraries, libraries.torch.OutOfMemoryError("CUDA out of memory."), times=2)
    with pytest.raises(EngineUnavailable, match="does not fit into memory: CUDA out of memory; "):
        load_model(options(folder, fallback_model=str(folder)), OwnFiles(), "cpu", failing)


def test_a_library_that_is_missing_for_a_model_is_named(libraries: Libraries, folder: Path):
    problem = ImportError("Loading a GPTQ quantized model requires optimum (`pip install optimum`)")
    failing, _ = failing_loader(libraries, problem, times=1)
    with pytest.raises(BadConfig, match=r"requires optimum.*pip install 'myna\[gpu\]'"):
        load_model(options(folder), OwnFiles(), "cpu", failing)


def test_files_that_are_no_model_are_refused_by_name(libraries: Libraries, tmp_path: Path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF and then nothing")
    for path in (file, tmp_path):
        with pytest.raises(WeightsDamaged, match=f"^{path} cannot be loaded as a language model"):
            load_model(options(path), OwnFiles(), "cpu", libraries)


def test_weights_that_broke_off_are_refused_by_name(libraries: Libraries, folder: Path, tmp_path: Path):
    copytree(folder, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(WeightsDamaged, match=f"^{tmp_path} cannot be loaded"):
        load_model(options(tmp_path), OwnFiles(), "cpu", libraries)


def test_cuda_without_a_gpu_is_an_error(libraries: Libraries, folder: Path):
    if libraries.torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineUnavailable, match="PyTorch finds no NVIDIA GPU"):
        load_model(options(folder), OwnFiles(), "cuda", libraries)


# ---------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("penalty", [1.0, 1.3])
async def test_it_writes_what_generate_writes(loaded: Loaded, libraries: Libraries, penalty: float):
    model = loaded.model
    assert isinstance(model, TorchModel)
    own = TorchModel(model.parts, replace(model.drawing, repeat_penalty=penalty), model.chunk_tokens)
    request = asked("Name three birds.", max_tokens=64)
    prompt = loaded.chat.tokens(request.messages)
    network: Any = model.parts.network
    ids = libraries.torch.tensor([prompt])
    wishes = {"do_sample": False, "repetition_penalty": penalty, "attention_mask": libraries.torch.ones_like(ids)}
    wrote = network.generate(ids, max_new_tokens=64, pad_token_id=256, **wishes)[0, len(prompt) :].tolist()
    assert len(wrote) > 20
    assert await written(replace(loaded, model=own), request) == wrote[:-1]


async def test_the_same_seed_gives_the_same_text_and_another_another(loaded: Loaded):
    async with opened(loaded) as llm:
        texts = [
            (await read(llm, asked("Tell me a story.", temperature=1.2, top_k=0, top_p=1.0, seed=seed)))[0]
            for seed in (7, 7, 8)
        ]
    assert texts[0] == texts[1] != texts[2]


def test_penalties_and_cuts_are_those_of_the_request(loaded: Loaded, libraries: Libraries):
    model, torch = loaded.model, libraries.torch
    assert isinstance(model, TorchModel)
    logits = torch.full((model.parts.vocabulary,), -50.0)
    logits[5], logits[6], logits[7] = 3.0, 2.9, 1.0

    def drawn(drawing: Drawing, prompt: Sequence[int], times: int = 3) -> list[int]:
        drawer = model.drawer(drawing, prompt)
        return [drawer.draw(logits) for _ in range(times)]

    assert drawn(Drawing(0), [1]) == [5, 5, 5]
    assert drawn(Drawing(0, repeat_penalty=1.5), [5]) == [6, 5, 5]
    assert drawn(Drawing(0, presence_penalty=0.5), [5]) == [5, 6, 5]
    assert drawn(Drawing(0, frequency_penalty=1.2), [5]) == [5, 6, 5]
    assert set(drawn(Drawing(1.0, top_k=2), [1], 60)) == {5, 6}
    assert set(drawn(Drawing(1.0, top_p=0.9), [1], 60)) == {5, 6}
    assert set(drawn(Drawing(1.0, top_p=0.1), [1], 20)) == {5}
    assert set(drawn(Drawing(5.0, top_k=3), [1], 200)) == {5, 6, 7}


async def test_who_leaves_stops_the_model_within_one_token(loaded: Loaded):
    counted, network = counting(loaded)
    async with opened(counted) as llm:
        async with aclosing(llm.generate(asked("Count to a hundred.", max_tokens=500))) as deltas:
            await anext(deltas)
            await anext(deltas)
        reads = len(network.reads)
        assert await llm.is_alive(60)
        assert len(network.reads) - reads <= 1


# ------------------------------------------------------------------------------------------------------------ caches


async def test_the_next_turn_computes_only_what_is_new(loaded: Loaded):
    counted, network = counting(loaded)
    async with opened(counted) as llm:
        await read(llm, asked("Hi", key="a"))
        known = network.sequence()
        reads = len(network.reads)
        request = asked("Hi", loaded.chat.text(known[-4:]), "And another?", key="a")
        _, finished = await read(llm, request)
    prompt = loaded.chat.tokens(request.messages)
    common = next(place for place, pair in enumerate(zip(prompt, known, strict=False)) if pair[0] != pair[1])
    assert common > 80
    assert finished.usage is not None
    assert finished.usage.cached_tokens == common
    assert network.sequence(reads)[: len(prompt) - common] == prompt[common:]


async def test_what_comes_after_a_cut_or_copied_beginning_is_the_same(loaded: Loaded):
    request = asked("What is a myna?", max_tokens=40)
    cold = await written(loaded, request)
    counted, network = counting(loaded)
    async with opened(counted) as llm:
        await read(llm, asked("What is a magpie?", key="a"))
        for key in ("b", "a", "a"):  # a copy of a's, a's own cut, and a's own again
            reads = len(network.reads)
            _, finished = await read(llm, replace(request, cache_key=key))
            assert finished.usage is not None
            cached = finished.usage.cached_tokens or 0
            assert cached > 80
            assert network.sequence(reads)[finished.usage.prompt_tokens - cached :] == cold


async def test_what_was_read_ahead_for_everybody_is_copied(loaded: Loaded):
    request = asked("What is a myna?", max_tokens=40)
    cold = await written(loaded, request)
    counted, network = counting(loaded)
    async with opened(counted) as llm:
        await llm.read_ahead([SYSTEM, LLMMessage("user", "")], everywhere=True)
        for key in ("a", "b"):
            reads = len(network.reads)
            _, finished = await read(llm, replace(request, cache_key=key))
            assert finished.usage is not None
            cached = finished.usage.cached_tokens or 0
            assert cached > 80
            assert network.sequence(reads)[finished.usage.prompt_tokens - cached :] == cold


async def test_two_requests_at_a_time_do_not_disturb_each_other(loaded: Loaded):
    requests = [asked("Name three birds.", max_tokens=60), asked("用中文数到十。", max_tokens=60)]
    async with opened(loaded) as llm:
        alone = [(await read(llm, request))[0] for request in requests]
        together = dict[int, str]()

        async def listen(number: int) -> None:
            together[number] = (await read(llm, requests[number]))[0]

        async with anyio.create_task_group() as tasks:
            for number in range(2):
                tasks.start_soon(listen, number)
    assert [together[0], together[1]] == alone


# ----------------------------------------------------------------------------------------------------- out of memory


@pytest.mark.parametrize("at", [0, 1, 4, 20])
async def test_out_of_memory_once_changes_no_token(loaded: Loaded, at: int, caplog: pytest.LogCaptureFixture):
    request = asked("Name three birds.", max_tokens=60)
    prompt = loaded.chat.tokens(request.messages)
    expected = await written(loaded, request)
    failing, network = counting(loaded, at)
    with caplog.at_level(logging.WARNING):
        async with opened(failing) as llm:
            _, finished = await read(llm, request)
    again = network.sequence(at + 1)
    assert again[: len(prompt)] == prompt
    wrote = again[len(prompt) :]
    assert len(wrote) > 20
    assert wrote == expected[: len(wrote)]
    assert finished.usage is not None
    assert finished.usage.completion_tokens == len(wrote) + 1
    assert "Tried to allocate 2.00 GiB" in caplog.text


async def test_out_of_memory_twice_is_an_error_that_says_what_to_do(loaded: Loaded):
    failing, network = counting(loaded, 2, 4)
    async with opened(failing) as llm:
        with pytest.raises(EngineUnavailable, match="Set fewer context_tokens or a smaller model"):
            await read(llm, asked("Name three birds."))
        network.fails = ()
        await read(llm, asked("Name three birds."))


@pytest.mark.parametrize("status", ["CUBLAS_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED"])
async def test_what_cuda_says_of_no_memory_in_other_words_is_understood(loaded: Loaded, status: str):
    failing, network = counting(loaded, 2)

    def problem(_: str) -> RuntimeError:
        return RuntimeError(f"CUDA error: {status} when calling `cublasCreate(handle)`")

    network.torch = SimpleNamespace(OutOfMemoryError=problem)
    async with opened(failing) as llm:
        await read(llm, asked("Name three birds."))
    assert len(network.reads) > 3


# ------------------------------------------------------------------------------------------------------------ template


def test_the_template_has_the_tools_and_the_calls(loaded: Loaded):
    tool = ToolSpec("weather", "Tells the weather.", {"type": "object"})
    called = LLMMessage("assistant", "", (ToolCall("1", "weather", '{"city": "Paris"}'),))
    prompt = loaded.chat.text(loaded.chat.tokens([called, LLMMessage("tool", "rain", tool_call_id="1")], [tool]))
    assert prompt == (
        '<|im_start|>tools[weather]<|im_end|><|im_start|>assistant\n<tool_call>{"city": "Paris"}</tool_call><|im_end|>'
        "<|im_start|>tool\nrain<|im_end|><|im_start|>assistant\n"
    )


async def test_a_template_that_fails_refuses_the_request(loaded: Loaded):
    judge = LLMMessage("judge", "Guilty!")  # pyright: ignore[reportArgumentType]
    async with opened(loaded) as llm:
        with pytest.raises(RequestRefused, match="no such role"):
            await read(llm, LLMRequest((judge,)))
