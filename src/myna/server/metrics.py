"""``/metrics``: how the server does, in numbers, as Prometheus reads them.

No texts, and no names but those of engines and devices: whoever keeps the numbers learns nothing of what was said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import get_args

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

import myna
from myna.engines.base import GPUMemory
from myna.engines.held import EngineState, Status
from myna.engines.llm.breaker import BreakerState
from myna.engines.plugins import Kind
from myna.engines.scheduler import DeviceLoad
from myna.server.places import Places
from myna.server.service import Service
from myna.server.turn_times import BOUNDS_S, TurnTimes

router = APIRouter()

MEMORY_S = 1.0
"""How long an engine may take to tell the memory of its GPUs: it waits for a step that computes."""

_BOUNDS = (*map(str, BOUNDS_S), "+Inf")
_LOAD = {
    "slots": "Calls that a device runs at a time.",
    "busy": "Calls that run on a device.",
    "waiting": "Calls that wait for a slot of a device.",
    "abandoned": "Of the busy calls, those that nobody waits for any more.",
}
_MEMORY = {
    "total": "All the memory of a GPU.",
    "free": "What nobody uses of the memory of a GPU.",
    "used": "What the tensors of this process take of the memory of a GPU.",
    "reserved": "What this process holds of the memory of a GPU to put tensors in, the used included.",
    "peak": "The most memory of a GPU that was used since the process began.",
}


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Numbers since the process began, and as they are now. ``docs/metrics.md`` names them."""
    service: Service = request.app.state.service
    gpus = await service.engines.gpu_memory(MEMORY_S)
    registry = CollectorRegistry()
    registry.register(_Now(service, request.app.state.places, gpus))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Content-Type": content_type})


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """What there is to tell: a ``prometheus_client.registry.Collector``."""

    service: Service
    places: Places
    gpus: Mapping[str, Sequence[GPUMemory]]

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        yield InfoMetricFamily("myna_build", "The version of Myna.", {"version": myna.__version__})
        yield from _turns(self.service.turn_times)
        yield GaugeMetricFamily("myna_sessions", "Sessions that are live on a WebSocket.", self.places.taken)
        yield GaugeMetricFamily("myna_sessions_limit", "The most of them at a time.", self.places.number)
        yield from _engines(self.service.engines.states)
        yield from _devices(self.service.scheduler.load())
        yield from _gpus(self.gpus)


def _turns(times: TurnTimes) -> Iterator[Metric]:
    turns = CounterMetricFamily("myna_turns", "Turns that were to be answered, by how they ended.", labels=["outcome"])
    for outcome, number in times.outcomes.items():
        turns.add_metric([outcome], number)
    yield turns
    told = "When a turn reached a stage, since the end of the utterance."
    stages = HistogramMetricFamily("myna_turn_stage_seconds", told, labels=["stage"])
    for stage, histogram in times.stages.items():
        upto = [*zip(_BOUNDS, accumulate(histogram.counts), strict=True)]
        stages.add_metric([stage], upto, histogram.sum_s)
    yield stages


def _engines(states: Mapping[Kind, EngineState]) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "myna_engine_status", "1 for where an engine stands.", labels=["kind", "engine", "status"]
    )
    breaker = GaugeMetricFamily("myna_engine_breaker", "1 for where its breaker stands.", labels=["engine", "state"])
    told = "How often another engine was asked in the place of this one."
    failovers = CounterMetricFamily("myna_engine_failovers", told, labels=["engine"])
    answers = GaugeMetricFamily(
        "myna_engine_answers", "1 for the engine of a chain that would answer.", labels=["engine"]
    )
    for kind, state in states.items():
        for member in state.members or [state]:
            for each in get_args(Status):
                status.add_metric([kind, member.engine, each], member.status == each)
            if member.breaker is not None:
                for each in get_args(BreakerState):
                    breaker.add_metric([member.engine, each], member.breaker == each)
                failovers.add_metric([member.engine], member.failovers)
                answers.add_metric([member.engine], state.answers == member.engine)
    yield from (status, breaker, failovers, answers)


def _devices(loads: Mapping[str, DeviceLoad]) -> Iterator[Metric]:
    for name, told in _LOAD.items():
        family = GaugeMetricFamily(f"myna_device_{name}", told, labels=["device"])
        for device, load in loads.items():
            family.add_metric([device], getattr(load, name))
        yield family


def _gpus(gpus: Mapping[str, Sequence[GPUMemory]]) -> Iterator[Metric]:
    for name, told in _MEMORY.items():
        family = GaugeMetricFamily(f"myna_gpu_memory_{name}_bytes", told, labels=["engine", "device"])
        for engine, memory in gpus.items():
            for gpu in memory:
                family.add_metric([engine, gpu.device], getattr(gpu, name))
        yield family
