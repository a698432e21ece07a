"""Which set of models a machine can run in real time, and a source can give now. Pure: facts in, advice out.

The rule, for each set:

1. *Memory.* Its files, the LLM's KV cache and `PROGRAM_BYTES` for the program itself fit into the available memory.
2. *Speed.* Its LLM writes `NEEDED_TOKENS_PER_S` while Kokoro speaks. A token takes one read of all the LLM's bytes, so
   the speed of memory bounds the tokens per second; speech takes `SPEAKING_CORES` cores, and the LLM has the rest.
3. *A source.* Each of its files is here, or one of its sources answers.

A set for a GPU needs its memory on one GPU instead of 1 and 2, and the libraries of its engine.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from myna.weights.catalog import Catalog, Model, ModelFile
from myna.weights.machine import Machine, writing_cores

NEEDED_TOKENS_PER_S = 8.0
"""Speech takes 3 to 4 tokens a second in either language; twice that, so that a clause is there before it is due."""

SPEAKING_CORES = 1.6
"""What Kokoro takes while it speaks: 0.8 s on two cores for a second of speech, measured on a server's cores."""

SMALLEST_SHARE = 0.2
"""Of the cores, what the LLM gets where speech wants all of them: the system divides them."""

PROGRAM_BYTES = 1_000_000_000
"""Python, the runtimes and their working memory (0.4 GB measured beside the starter set), and as much to spare."""

CONTEXT_TOKENS = 2 * 8192
"""What the embedded LLM keeps in its KV cache by default: two slots."""

KV_BYTES_PER_TOKEN: Mapping[str, int] = {
    "qwen2.5-coder-0.5b-instruct": 2 * 24 * 2 * 64 * 2,
    "qwen2.5-3b-instruct": 2 * 36 * 2 * 128 * 2,
}
"""Keys and values × layers × KV heads × their size × two bytes, from the models' own ``config.json``."""

NOT_COMMERCIAL: Mapping[str, str] = {
    "Qwen-Research": "under the Qwen Research License, which forbids commercial use",
}
"""Licences that a user has to know of before the download."""

Reach: TypeAlias = Mapping[str, str]
"""Why a kind of source (``hf``, ``pypi`` …) gives nothing now, by kind; empty for one that answers."""


@dataclass(frozen=True, slots=True)
class SetNeeds:
    """What a set asks of a machine beyond its files.

    Attributes:
        llm: The model that writes.
        gpu_bytes: Memory of one GPU; 0 for a set that runs on a CPU.
        larger_gpu_bytes: The same for its LLM; with less the smaller one is loaded that is in the set as well.
    """

    llm: str
    gpu_bytes: int = 0
    larger_gpu_bytes: int = 0


SETS: Mapping[str, SetNeeds] = {
    "starter": SetNeeds("qwen2.5-coder-0.5b-instruct"),
    "standard": SetNeeds("qwen2.5-3b-instruct"),
    "gpu": SetNeeds("qwen2.5-14b-instruct-gptq-int4", gpu_bytes=12_000_000_000, larger_gpu_bytes=16_000_000_000),
}
"""From the smallest to the largest. What a GPU has to hold is computed in ``docs/gpu.md``."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the advice depends on.

    Attributes:
        here: Names of the models that are on this machine.
        reach: Which sources answer; one that was not asked gives nothing.
        lacks: Why sets cannot be used as Myna is installed, a sentence each, by name.
    """

    machine: Machine
    here: Collection[str]
    reach: Reach
    lacks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SetAdvice:
    """What is to be said of a set.

    Attributes:
        fits: Whether this machine runs it in real time.
        available: Whether it is here, or sources can give what is missing of it; and its engine is installed.
        reasons: Why not, or why so, a sentence each.
        download_bytes: What has to be fetched; None where only the hub knows.
        memory_bytes: What it takes when it runs.
        tokens_per_s: How fast its LLM is expected to write beside speech; None on a GPU.
        licenses: Of its models, those that forbid what most expect to be allowed, in words.
    """

    name: str
    fits: bool
    available: bool
    reasons: tuple[str, ...]
    download_bytes: int | None
    memory_bytes: int
    tokens_per_s: float | None
    licenses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """The advice: what there is to say of each set, from the smallest, and the one to take."""

    sets: tuple[SetAdvice, ...]
    recommended: str

    def of(self, name: str) -> SetAdvice:
        """What is to be said of one set."""
        return next(each for each in self.sets if each.name == name)


def recommend(catalog: Catalog, situation: Situation) -> Advice:
    """The largest set that runs in real time and can be had; ``starter`` where none does, since something must."""
    sets = tuple(_advise(catalog, name, needs, situation) for name, needs in SETS.items())
    good = [each.name for each in sets if each.fits and each.available]
    return Advice(sets, good[-1] if good else next(iter(SETS)))


def largest_to_run(catalog: Catalog, machine: Machine, lacks: Mapping[str, str]) -> str:
    """The set that would be recommended if all of them were here: what no source can change."""
    everything = frozenset(model.name for model in catalog.models)
    return recommend(catalog, Situation(machine, everything, {}, lacks)).recommended


def weights_and_cache(catalog: Catalog, names: Sequence[str]) -> int:
    """The memory in bytes that models of the catalog take when they run, without the program's own."""
    models = catalog.expand(names)
    return sum(
        sum(file.size for file in model.files) + KV_BYTES_PER_TOKEN.get(model.name, 0) * CONTEXT_TOKENS
        for model in models
    )


def tokens_per_s(machine: Machine, llm_bytes: int, *, speaking: bool) -> float:
    """How many tokens an LLM of so many bytes writes in a second at most, alone or while speech is made."""
    alone = machine.read_bytes_per_s / llm_bytes
    if not speaking:
        return alone
    left = max(machine.cores - SPEAKING_CORES, SMALLEST_SHARE * machine.cores)
    return alone * min(1.0, left / writing_cores(machine.cores))


def lacking(catalog: Catalog, name: str, here: Collection[str]) -> tuple[Model, ...]:
    """The models of a set that are not on this machine."""
    return tuple(model for model in catalog.expand([name]) if model.name not in here)


def _advise(catalog: Catalog, name: str, needs: SetNeeds, situation: Situation) -> SetAdvice:
    machine, missing = situation.machine, lacking(catalog, name, situation.here)
    memory_bytes = needs.gpu_bytes or weights_and_cache(catalog, [name]) + PROGRAM_BYTES
    speed = None if needs.gpu_bytes else tokens_per_s(machine, _size(catalog.expand([needs.llm])), speaking=True)
    fits, why = _on_gpu(needs, machine) if speed is None else _on_cpu(memory_bytes, speed, machine)
    absent = _absent(missing, situation.reach)
    if fits and name in situation.lacks:
        absent = (situation.lacks[name], *absent)
    return SetAdvice(
        name=name,
        fits=fits,
        available=not absent,
        reasons=(why, *absent),
        download_bytes=None if any(model.repos for model in missing) else _size(missing),
        memory_bytes=memory_bytes,
        tokens_per_s=speed,
        licenses=tuple(
            f"{model.name} is {NOT_COMMERCIAL[model.license]}"
            for model in catalog.expand([name])
            if model.license in NOT_COMMERCIAL
        ),
    )


def _size(models: Iterable[Model]) -> int:
    return sum(file.size for model in models for file in model.files)


def _on_cpu(memory_bytes: int, speed: float, machine: Machine) -> tuple[bool, str]:
    needed, free = memory_bytes / 1e9, machine.available_bytes / 1e9
    if memory_bytes > machine.available_bytes:
        return False, f"It takes {needed:.1f} GB of memory, and {free:.1f} GB are free."
    if speed < NEEDED_TOKENS_PER_S:
        return False, (
            f"Its LLM would write about {speed:.1f} tokens/s here while Myna speaks; "
            f"speech without gaps needs {NEEDED_TOKENS_PER_S:g}."
        )
    return True, f"It takes {needed:.1f} GB of memory, and writes about {speed:.0f} tokens/s here while Myna speaks."


def _on_gpu(needs: SetNeeds, machine: Machine) -> tuple[bool, str]:
    gpu = max(machine.gpus, key=lambda each: each.free_bytes, default=None)
    if gpu is None:
        return False, "It needs an NVIDIA GPU, and there is none."
    free = f"{gpu.free_bytes / 1e9:.1f} GB are free on the {gpu.name}"
    if needs.gpu_bytes <= gpu.free_bytes < needs.larger_gpu_bytes:
        larger = f"the larger of its LLMs would take {needs.larger_gpu_bytes / 1e9:.0f}"
        return True, f"It takes {needs.gpu_bytes / 1e9:.0f} GB on a GPU, and {free}; {larger}."
    return gpu.free_bytes >= needs.gpu_bytes, f"It takes {needs.gpu_bytes / 1e9:.0f} GB on a GPU, and {free}."


def _absent(missing: Sequence[Model], reach: Reach) -> tuple[str, ...]:
    """Why no source gives what is missing, a sentence for each model; nothing where each of them can be had."""
    return tuple(
        f"No source gives {model.name} now."
        for model in missing
        if not all(any(reach.get(kind) == "" for kind in kinds) for kinds in kinds_of(model))
    )


def kinds_of(model: Model) -> list[frozenset[str]]:
    """The kinds of sources that have each file of a model; of its repositories, if it is whole ones."""
    if model.repos:
        return [frozenset(repo.kind for repo in model.repos)]
    return [_kinds(file) for file in model.files]


def _kinds(file: ModelFile) -> frozenset[str]:
    return frozenset(source.kind for source in file.sources)
