"""Loads one model with transformers. Its libraries are imported here, when the engine is opened."""

import inspect
import logging
import os
import struct
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from myna.core.errors import BadConfig, EngineUnavailable, WeightsDamaged
from myna.engines.llm.transformers.budget import (
    DEFAULT_CONTEXT,
    Shape,
    budget_of,
    free_bytes,
    settle_context,
    shape_of,
    weights_bytes,
)
from myna.engines.llm.transformers.chat import TemplateChat
from myna.engines.llm.transformers.loading import INSTALL, load_first, locate
from myna.engines.llm.transformers.model import Drawing, Loaded, OutOfMemory, told
from myna.engines.llm.transformers.options import GIB, TransformersOptions
from myna.engines.llm.transformers.torch_model import TorchModel, TorchParts, gpu_memory, guarded
from myna.engines.llm.transformers.untyped import Torch, Untyped
from myna.weights.locate import Weights
from myna.weights.machine import count_cores, writing_cores

log = logging.getLogger(__name__)

CHUNK_ON_GPU = 512
"""Tokens of a prompt that are read at a time: longer chunks are hardly faster, and cannot be abandoned."""
CHUNK_ON_CPU = 64


@dataclass(frozen=True, slots=True)
class Libraries:
    """The modules."""

    torch: Torch
    transformers: Untyped


def import_libraries() -> Libraries:
    """PyTorch and transformers; slow the first time.

    Raises:
        BadConfig: They are not installed.
    """
    try:
        return Libraries(import_module("torch"), import_module("transformers"))
    except ImportError as error:
        raise BadConfig(
            f"The engine transformers needs PyTorch and transformers, which cannot be imported: {error}.",
            hint=f"Install them: {INSTALL}",
        ) from error


def choose_device(libraries: Libraries, wanted: str) -> str:
    """``cuda`` or ``cpu``.

    Raises:
        EngineUnavailable: CUDA is wanted, and PyTorch has no GPU.
    """
    if wanted == "cpu" or libraries.torch.cuda.is_available():
        return "cpu" if wanted == "cpu" else "cuda"
    if wanted == "cuda":
        raise EngineUnavailable(
            "The device is cuda, and PyTorch finds no NVIDIA GPU that it can use.",
            hint="`nvidia-smi` and `myna doctor` tell why; DEVICE=cpu does without.",
        )
    return "cpu"


def load_model(
    options: TransformersOptions, weights: Weights, device: str, libraries: Libraries | None = None
) -> Loaded:
    """The model, or the fallback if it does not fit. Blocks; nothing is fetched.

    Raises:
        As `myna.engines.base.Plugin.open`, and BadConfig for libraries that are missing.
    """
    libraries = libraries or import_libraries()
    loader = TorchLoader(libraries, options, choose_device(libraries, device))
    models = [options.model, *([options.fallback_model] if options.fallback_model else [])]
    return load_first(models, lambda model: loader.load(locate(model, weights, in_hub_cache), model), loader.free)


def in_hub_cache(model: str) -> Path | None:
    """The folder of a model that Hugging Face's own programs have fetched."""
    hub = import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(model, local_files_only=True))
    except (OSError, ValueError):  # not there, or no name
        return None


@dataclass(frozen=True, slots=True)
class TorchLoader:
    """Loads models. Blocks, for seconds to minutes."""

    libraries: Libraries
    options: TransformersOptions
    device: str

    def load(self, path: Path, name: str) -> Loaded:
        """The model in a folder, or in a GGUF file.

        Raises:
            OutOfMemory: It does not fit.
            WeightsDamaged: It cannot be read.
            BadConfig: A library is missing for it, or it is not made for conversations.
        """
        transformers = self.libraries.transformers
        transformers.utils.logging.disable_progress_bar()
        os.environ.setdefault("GPTQMODEL_OFFLINE", "1")  # else it may fetch the source code of a kernel
        if self.device == "cpu":  # threads that wait for each other beside other work make all of it slow
            self.libraries.torch.set_num_threads(writing_cores(count_cores()))
        where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        folder = str(path)
        if path.is_file():
            folder, where["gguf_file"] = str(path.parent), path.name
        with _cleared(name, path):
            config = transformers.AutoConfig.from_pretrained(folder, **where)
            # Told the configuration, neither of these reads a GGUF file for it again, which takes seconds.
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, config=config, **where)
            settings = cast("dict[str, Any]", config.to_dict())
            context = self._context(path, settings, name)
            network = self._network(folder, where, config)
        generation = network.generation_config
        chat = TemplateChat(tokenizer, _ids(generation.eos_token_id), _template_errors(), name)
        shape = shape_of(settings)
        parts = TorchParts(
            self.libraries.torch,
            network,
            transformers.DynamicCache,
            network.get_input_embeddings().weight.device,
            network.get_output_embeddings().weight.shape[0],
            _wishes(network.forward),
        )
        chunk = CHUNK_ON_GPU if self.device == "cuda" else CHUNK_ON_CPU
        model = TorchModel(parts, self._drawing(generation), chunk)
        log.info("%s is loaded with a context of %d tokens. %s", name, context, told(model.memory()))
        return Loaded(name, model, chat, context, shape.parameters if shape else None, self.device)

    def free(self) -> None:
        """Give back what a loading that failed has taken."""
        import_module("gc").collect()
        if self.device == "cuda":
            self.libraries.torch.cuda.empty_cache()

    def _context(self, path: Path, settings: Mapping[str, Any], name: str) -> int:
        """How long the context becomes.

        Raises:
            OutOfMemory: The model does not fit with it.
        """
        shape = shape_of(settings)
        own = shape.context_tokens if shape else DEFAULT_CONTEXT
        context = min(self.options.context_tokens or DEFAULT_CONTEXT, own)
        if self.device != "cuda" or shape is None:
            return context
        return self._fitting(path, settings, shape, context, name)

    def _fitting(self, path: Path, settings: Mapping[str, Any], shape: Shape, context: int, name: str) -> int:
        gguf = path.is_file()
        element_bytes = 4 if self.options.dtype == "float32" else 2
        budget = budget_of(
            shape,
            weights=weights_bytes(_size(path), shape, settings, gguf=gguf, element_bytes=element_bytes),
            context_tokens=context,
            chunk_tokens=CHUNK_ON_GPU,
            reserve=round(self.options.reserve_gib * GIB),
            free=free_bytes(gpu_memory(self.libraries.torch), self.options.device_map),
            element_bytes=element_bytes,
        )
        settled = settle_context(budget, asked=self.options.context_tokens is not None)
        if isinstance(settled, str):
            raise OutOfMemory(settled)
        if settled.context_tokens < context:
            log.warning("The context of %s is cut to %d tokens: %s.", name, settled.context_tokens, budget)
        else:
            log.info("%s takes %s.", name, settled)
        return settled.context_tokens

    def _network(self, folder: str, where: Mapping[str, Any], config: Untyped) -> Untyped:
        torch, options = self.libraries.torch, self.options
        quantized = getattr(config, "quantization_config", None) is not None
        dtype = self._dtype(config, quantized=quantized)
        wishes: dict[str, Any] = {"dtype": dtype, "attn_implementation": self._attention(dtype)}
        if self.device == "cuda":
            wishes["device_map"] = options.device_map
            if options.max_gpu_memory_gib is not None:
                most = round(options.max_gpu_memory_gib * GIB)
                wishes["max_memory"] = dict.fromkeys(range(torch.cuda.device_count()), most)

        def load() -> Untyped:
            kind = self.libraries.transformers.AutoModelForCausalLM
            return kind.from_pretrained(folder, config=config, **where, **wishes).eval()

        network = guarded(torch, load)
        scattered = set(getattr(network, "hf_device_map", {}).values()) & {"cpu", "disk"}
        if self.device == "cuda" and scattered:
            raise OutOfMemory("parts of it would have to stay in the machine's own memory, which is far too slow")
        return network

    def _dtype(self, config: Untyped, *, quantized: bool) -> Untyped:
        torch = self.libraries.torch
        if self.options.dtype != "auto":
            return getattr(torch, self.options.dtype)
        if self.device == "cpu":
            return torch.float32
        own = getattr(config, "dtype", None) or torch.bfloat16
        if quantized:
            return own
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16

    def _attention(self, dtype: Untyped) -> str:
        if self.options.attention != "auto":
            return self.options.attention
        torch = self.libraries.torch
        able = self.device == "cuda" and dtype != torch.float32 and torch.cuda.get_device_capability()[0] >= 8
        return "flash_attention_2" if able and find_spec("flash_attn") else "sdpa"

    def _drawing(self, generation: Untyped) -> Drawing:
        """How the model's own configuration wants tokens drawn."""

        def own(name: str, otherwise: float) -> float:
            value = getattr(generation, name, None)
            return otherwise if value is None else value

        drawing = Drawing(
            temperature=own("temperature", 0.7),
            top_p=own("top_p", 0.95),
            top_k=int(own("top_k", 50)),
            repeat_penalty=own("repetition_penalty", 1.0),
        )
        penalty = self.options.repeat_penalty
        return drawing if penalty is None else replace(drawing, repeat_penalty=penalty)


@contextmanager
def _cleared(name: str, path: Path) -> Generator[None]:
    """Turns what transformers raises of a model's files into errors of Myna."""
    try:
        yield
    except ImportError as error:
        raise BadConfig(
            f"{name} needs a library that cannot be imported: {_first_line(error)}.",
            hint=f"Install what the engine needs: {INSTALL}",
        ) from error
    except _file_errors() as error:
        raise WeightsDamaged(
            f"{path} cannot be loaded as a language model: {type(error).__name__}: {_first_line(error)}.",
            hint="Is it a whole model for text, of a kind that transformers knows? A newer one knows more kinds; "
            "`myna models verify` checks the files of the catalog.",
        ) from error


def _file_errors() -> tuple[type[Exception], ...]:
    """What is raised for files that are damaged, incomplete, or of something else."""
    safetensors = import_module("safetensors")
    known = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, struct.error)
    return (*known, safetensors.SafetensorError)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:300].rstrip(".")


def _ids(tokens: int | Iterable[int] | None) -> tuple[int, ...]:
    if tokens is None:
        return ()
    return (tokens,) if isinstance(tokens, int) else tuple(tokens)


def _wishes(forward: Callable[..., Any]) -> dict[str, object]:
    """Logits of the last token alone, where a model can do that: those of a long prompt take gigabytes."""
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(forward).parameters else {}


def _template_errors() -> tuple[type[Exception], ...]:
    jinja2 = sys.modules.get("jinja2") or import_module("jinja2")
    return (jinja2.TemplateError, ValueError, TypeError)


def _size(path: Path) -> int:
    """The bytes of the weights in a folder, or of a file."""
    if path.is_file():
        return path.stat().st_size
    for kind in ("*.safetensors", "*.bin"):
        if size := sum(file.stat().st_size for file in path.glob(kind)):
            return size
    return 0
