from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.weights.catalog import load_catalog
from myna.weights.machine import GPU, Machine
from myna.weights.recommend import (
    KV_BYTES_PER_TOKEN,
    NEEDED_TOKENS_PER_S,
    SETS,
    Advice,
    Reach,
    Situation,
    largest_to_run,
    recommend,
    tokens_per_s,
    weights_and_cache,
)

CATALOG = load_catalog()
GB = 1_000_000_000
EVERYTHING: Reach = {"hf": "", "modelscope": "", "pypi": "", "npm": ""}
NOTHING: Reach = dict.fromkeys(EVERYTHING, "out of reach")
ALL = [model.name for model in CATALOG.models]
STARTER = CATALOG.sets["starter"]
LACKING = {"gpu": "Its LLM needs torch, not installed here: pip install it"}

SMALL = Machine(cores=2, memory_bytes=4 * GB, available_bytes=3 * GB, read_bytes_per_s=20 * GB)
DESKTOP = Machine(cores=8, memory_bytes=32 * GB, available_bytes=24 * GB, read_bytes_per_s=35 * GB)
WORKSTATION = Machine(16, 128 * GB, 100 * GB, 100 * GB, gpus=(GPU("NVIDIA H200", 150 * GB, 140 * GB, "570"),))


def advise(
    machine: Machine,
    *,
    here: Collection[str] = (),
    reach: Reach = EVERYTHING,
    lacks: Mapping[str, str] = LACKING,
) -> Advice:
    return recommend(CATALOG, Situation(machine, here, reach, lacks))


def test_two_cores_get_the_starter_set_since_the_llm_would_be_slower_than_speech():
    advice = advise(SMALL)
    assert advice.recommended == "starter"
    standard = advice.of("standard")
    assert not standard.fits
    assert "GB of memory" in standard.reasons[0]
    slow = advise(Machine(2, 32 * GB, 30 * GB, 20 * GB)).of("standard")
    assert not slow.fits
    assert "tokens/s" in slow.reasons[0]


def test_a_desktop_gets_the_standard_set_with_a_word_on_its_license():
    advice = advise(DESKTOP)
    assert advice.recommended == "standard"
    (told,) = advice.of("standard").licenses
    assert "qwen2.5-3b-instruct" in told
    assert "forbids commercial use" in told
    assert advice.of("starter").licenses == ()


def with_gpu(free: int) -> Machine:
    return Machine(16, 128 * GB, 100 * GB, 100 * GB, gpus=(GPU("T4", 16 * GB, free, "570"),))


def test_a_gpu_set_is_recommended_where_its_engine_is_installed_and_a_gpu_runs_it():
    assert advise(WORKSTATION, lacks={}).recommended == "gpu"
    assert advise(with_gpu(2 * GB), lacks={}).recommended == "standard"
    assert "there is none" in advise(DESKTOP, lacks={}).of("gpu").reasons[0]


def test_what_has_to_be_installed_is_told_to_who_has_the_gpu_for_it():
    told = advise(WORKSTATION)
    assert told.recommended == "standard"
    assert told.of("gpu").fits
    assert LACKING["gpu"] in told.of("gpu").reasons
    assert LACKING["gpu"] not in advise(DESKTOP).of("gpu").reasons


def test_a_gpu_for_the_smaller_llm_of_the_set_alone_is_told_so():
    (told,) = advise(with_gpu(13 * GB), lacks={}).of("gpu").reasons
    assert told.startswith("It takes 12 GB on a GPU, and 13.0 GB are free")
    assert "the larger of its LLMs would take 16" in told
    assert "larger" not in advise(WORKSTATION, lacks={}).of("gpu").reasons[0]


def test_what_no_source_gives_is_not_recommended_unless_it_is_here():
    registries: Reach = {"hf": "out of reach", "modelscope": "out of reach", "pypi": "", "npm": ""}
    advice = advise(DESKTOP, reach=registries)
    assert advice.recommended == "starter"
    assert advice.of("standard").fits
    assert "No source gives qwen2.5-3b-instruct now." in advice.of("standard").reasons
    assert advise(DESKTOP, here=CATALOG.sets["standard"], reach=registries).recommended == "standard"


def test_offline_it_is_what_is_here_and_else_the_starter_set():
    assert advise(DESKTOP, reach=NOTHING).recommended == "starter"
    assert not advise(DESKTOP, reach=NOTHING).of("starter").available
    assert advise(DESKTOP, here=CATALOG.sets["standard"], reach=NOTHING).recommended == "standard"
    assert advise(DESKTOP, here=STARTER, reach=NOTHING).of("starter").available


def test_a_source_that_was_not_asked_gives_nothing():
    told = advise(DESKTOP, reach={})
    assert told.recommended == "starter"
    assert not told.of("standard").available


def test_a_model_can_come_in_parts_from_different_sources():
    """Kokoro's model is on PyPI alone, its voices on the hub or npm."""
    assert advise(SMALL, reach={"pypi": "", "npm": ""}).of("starter").available
    assert advise(SMALL, reach={"pypi": "", "hf": ""}).of("starter").available
    assert not advise(SMALL, reach={"pypi": ""}).of("starter").available


def test_the_download_counts_only_what_is_not_here():
    assert advise(SMALL).of("starter").download_bytes == pytest.approx(0.77 * GB, rel=0.01)
    assert advise(SMALL, here=STARTER).of("starter").download_bytes == 0
    both = CATALOG.expand(["kokoro-v1.0", "misaki-en", "silero-vad", "smart-turn-v3.2"])
    shared = sum(f.size for m in both for f in m.files)
    whole, rest = (advise(SMALL, here=here).of("standard").download_bytes for here in ((), STARTER))
    assert whole is not None
    assert rest == whole - shared
    assert advise(SMALL).of("gpu").download_bytes is None, "only the hub knows"


def test_memory_is_weights_and_the_kv_cache_of_all_slots():
    llm, ear = CATALOG.expand(["qwen2.5-3b-instruct", "whisper-base"])
    assert weights_and_cache(CATALOG, [llm.name]) == llm.files[0].size + 36864 * 16384
    assert weights_and_cache(CATALOG, [ear.name]) == sum(file.size for file in ear.files)


def test_every_llm_of_a_cpu_set_has_its_cache_counted():
    assert {needs.llm for needs in SETS.values() if not needs.gpu_bytes} == KV_BYTES_PER_TOKEN.keys()
    assert all(needs.llm in CATALOG.sets[name] for name, needs in SETS.items())
    assert SETS.keys() == CATALOG.sets.keys()


def test_speech_takes_its_share_of_the_cores():
    two = Machine(2, GB, GB, 20 * GB)
    assert tokens_per_s(two, GB, speaking=False) == 20
    assert tokens_per_s(two, GB, speaking=True) == pytest.approx(8)
    assert tokens_per_s(Machine(8, GB, GB, 20 * GB), GB, speaking=True) == 20, "there are cores enough for both"
    assert tokens_per_s(Machine(1, GB, GB, 20 * GB), GB, speaking=True) == pytest.approx(4)


machines = st.builds(
    Machine,
    cores=st.integers(1, 64),
    memory_bytes=st.just(64 * GB),
    available_bytes=st.integers(0, 64 * GB),
    read_bytes_per_s=st.floats(1e8, 1e12),
)
reaches = st.fixed_dictionaries(dict.fromkeys(EVERYTHING, st.sampled_from(["", "out of reach"])))


@given(machines, machines, reaches)
def test_a_better_machine_never_gets_a_smaller_set(one: Machine, other: Machine, reach: Reach):
    best = Machine(
        max(one.cores, other.cores),
        64 * GB,
        max(one.available_bytes, other.available_bytes),
        max(one.read_bytes_per_s, other.read_bytes_per_s),
    )
    order = list(SETS)
    worse, better = advise(one, reach=reach), advise(best, reach=reach)
    assert order.index(better.recommended) >= order.index(worse.recommended)
    for name in ("starter", "standard"):
        assert better.of(name).fits or not worse.of(name).fits


@given(machines)
def test_what_a_machine_can_run_is_what_it_is_advised_where_all_sources_answer(machine: Machine):
    for lacks in ({}, LACKING):
        assert largest_to_run(CATALOG, machine, lacks) == advise(machine, lacks=lacks).recommended


def test_what_fits_writes_faster_than_speech():
    for machine in (SMALL, DESKTOP, WORKSTATION):
        for each in advise(machine).sets:
            assert not each.fits or each.tokens_per_s is None or each.tokens_per_s >= NEEDED_TOKENS_PER_S
