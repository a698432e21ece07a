"""The examination: every check in its turn, each bounded in time. One that fails does not stop the others."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

import anyio
import anyio.to_thread

from myna.config.load import Loaded, load_settings
from myna.core.errors import BadConfig, MynaError
from myna.doctor import engines, installation
from myna.doctor import machine as machines
from myna.doctor.engines import Spoken
from myna.doctor.finding import Finding
from myna.engines.base import Resources
from myna.engines.held import Choice
from myna.engines.plugins import Kind
from myna.engines.scheduler import open_scheduler
from myna.server.service import cpu_slots
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

QUICK_S = 10.0
DEEP_S = 600.0
"""For hashing the weights, from a slow disk."""

GPU_S = QUICK_S + len(machines.SEES_GPU) * machines.GPU_ENGINES_S
SOURCES_S = 15.0
ENGINE_S = 300.0
"""For an engine to load and do its work, on a small machine that is busy."""

KINDS: Sequence[Kind] = ("tts", "vad", "turn", "asr", "llm", "embed")
"""The TTS first, since others hear what it says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for.

    Attributes:
        flags: Settings of this run, as `load_settings` takes them.
        sources: Ask the sources of weights, which are elsewhere in the network.
        deep: Hash the weights.
    """

    flags: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sources: bool = False
    deep: bool = False


class Listener(Protocol):
    """Is told how the examination goes."""

    def starting(self, check: str) -> None:
        """A check begins."""
        ...

    def found(self, finding: Finding) -> None:
        """A check found something."""
        ...


Work: TypeAlias = Callable[[], Awaitable[Sequence[Finding]]]
_Check: TypeAlias = Callable[[str, float, Work], Awaitable[None]]


async def examine(wanted: Wanted, listener: Listener) -> None:
    """Check everything, one after the other, so that each is timed alone."""
    check = partial(_check, listener)
    try:
        loaded = load_settings(wanted.flags)
    except BadConfig as error:
        listener.found(installation.broken_settings(error))
        loaded = None
    else:
        await check("settings", QUICK_S, _thread(installation.settings, loaded))
    await check("python", QUICK_S, _thread(machines.python))
    if loaded is None:
        await check("machine", GPU_S, _thread(machines.machine, None))
        return
    store = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    choices = loaded.choices(KINDS)
    needed = installation.needed_weights(list(choices.values()))
    await check("machine", GPU_S, _thread(machines.machine, partial(installation.memory_needed, store, needed)))
    await check("folders", QUICK_S, _thread(_folders, loaded, store, needed))
    await check("weights", DEEP_S, _thread(partial(installation.weights, store, needed, deep=wanted.deep)))
    await check("port", QUICK_S, _thread(installation.port, loaded))
    if wanted.sources:
        await check("sources", SOURCES_S, _thread(installation.sources, loaded, store.catalog))
    async with open_scheduler({"cpu": cpu_slots()}) as scheduler:
        await _engines(check, choices, Resources(store, scheduler, loaded.settings.device))


def _folders(loaded: Loaded, store: WeightsStore, needed: Sequence[str]) -> Sequence[Finding]:
    return machines.folders(loaded.folders, installation.download_bytes(store, needed))


async def _engines(check: _Check, choices: Mapping[Kind, Choice], resources: Resources) -> None:
    """Try each engine, alone."""
    spoken: dict[str, Spoken] = {}
    timings: dict[str, float] = {}
    tries: Mapping[Kind, Callable[..., Awaitable[Sequence[Finding]]]] = {
        "tts": partial(engines.tts, spoken=spoken),
        "vad": partial(engines.vad, spoken=spoken),
        "turn": partial(engines.turn, spoken=spoken),
        "asr": partial(engines.asr, spoken=spoken, timings=timings),
        "llm": partial(engines.llm, timings=timings),
        "embed": engines.embed,
    }
    for kind, choice in choices.items():
        await check(kind, ENGINE_S, partial(tries[kind], choice, resources))
        for fallback in choice.fallbacks:
            name = f"{kind} {fallback.name}"
            await check(name, ENGINE_S, partial(engines.fallback, name, fallback, resources))
    await check("reply", QUICK_S, _thread(engines.reply, timings, spoken))


async def _check(listener: Listener, name: str, limit_s: float, work: Work) -> None:
    """Do one check, within its time, and tell what it finds, also where it fails."""
    listener.starting(name)
    began = time.perf_counter()
    try:
        with anyio.fail_after(limit_s):
            findings = await work()
    except TimeoutError:
        told = f"no result within {limit_s:g} s"
        findings = [Finding(name, "problem", told, "It hangs, or this machine is very busy.", "Try again when idle.")]
    except MynaError as error:
        findings = [Finding(name, "problem", error.message, advice=error.hint)]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this machine is what a doctor is for
        findings = [Finding(name, "problem", f"{type(error).__name__}: {error}", "The check itself failed.")]
    took_s = time.perf_counter() - began
    for finding in findings:
        listener.found(replace(finding, took_s=took_s / len(findings)))


def _thread(call: Callable[..., Sequence[Finding]], *args: object) -> Work:
    return partial(anyio.to_thread.run_sync, partial(call, *args), abandon_on_cancel=True)
