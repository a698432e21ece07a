import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import pytest

from myna.core.errors import EngineUnavailable
from myna.doctor import examine as examining
from myna.doctor.examine import Wanted, examine
from myna.doctor.finding import Finding, worst
from myna.testing.clock import on_virtual_clock


class Heard:
    def __init__(self) -> None:
        self.began: list[str] = []
        self.findings: list[Finding] = []

    def starting(self, check: str) -> None:
        self.began.append(check)

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)

    def of(self, check: str) -> Finding:
        return next(each for each in self.findings if each.check == check)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    return tmp_path


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@on_virtual_clock
async def test_a_check_that_hangs_or_fails_or_breaks_is_told_and_the_next_is_done():
    async def hangs() -> Sequence[Finding]:
        await anyio.sleep(math.inf)
        return []

    async def fails() -> Sequence[Finding]:
        raise EngineUnavailable("It is gone.", hint="Start it.")

    async def breaks() -> Sequence[Finding]:
        raise ZeroDivisionError("by zero")

    async def works() -> Sequence[Finding]:
        await anyio.sleep(1)
        return [Finding("works", "ok", "well")]

    heard = Heard()
    for name, work in {"hangs": hangs, "fails": fails, "breaks": breaks, "works": works}.items():
        await examining._check(heard, name, 5, work)  # pyright: ignore[reportPrivateUsage]
    assert heard.began == ["hangs", "fails", "breaks", "works"]
    assert [each.verdict for each in heard.findings] == ["problem", "problem", "problem", "ok"]
    assert heard.of("hangs").measured == "no result within 5 s"
    assert (heard.of("fails").measured, heard.of("fails").advice) == ("It is gone.", "Start it.")
    assert heard.of("breaks").measured == "ZeroDivisionError: by zero"


@pytest.mark.anyio
async def test_on_an_empty_machine_what_is_missing_is_told_and_nothing_is_fetched(home: Path):
    heard = Heard()
    await examine(Wanted({"server": {"port": 0}}), heard)
    assert heard.of("weights").verdict == "problem"
    assert heard.of("weights").advice == (
        "myna models pull kokoro-v1.0 misaki-en silero-vad smart-turn-v3.2 whisper-base qwen2.5-coder-0.5b-instruct"
    )
    assert heard.of("turn").measured == "not tried"
    for engine in ("tts", "vad", "llm"):
        assert heard.of(engine).verdict == "problem"
        assert heard.of(engine).advice.startswith("Run: myna models pull")
    assert heard.of("asr").measured == "not tried"
    assert {"python", "cpu", "memory", "gpu", "cache folder", "data folder", "port", "embed"} <= {
        each.check for each in heard.findings
    }
    assert not files_in(home)
    assert worst(heard.findings) == "problem"


@pytest.mark.anyio
async def test_with_broken_settings_the_machine_is_checked_all_the_same(home: Path):
    (home / "myna.toml").write_text("[llm]\ntop_p = 7\n")
    heard = Heard()
    await examine(Wanted(), heard)
    assert heard.of("settings").verdict == "problem"
    assert "llm.top_p" in heard.of("settings").measured
    assert {"python", "cpu", "memory", "gpu"} <= {each.check for each in heard.findings}
    assert "llm" not in heard.began


@pytest.mark.anyio
@pytest.mark.usefixtures("home")
async def test_sources_are_asked_only_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def sources(*_: object) -> Sequence[Finding]:
        asked.append("sources")
        return []

    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(examining.installation, "sources", sources)
    monkeypatch.setattr(examining, "_engines", nothing)
    run = partial(Wanted, {"server": {"port": 0}})
    await examine(run(), Heard())
    assert not asked
    await examine(run(sources=True), Heard())
    assert asked == ["sources"]


@pytest.mark.parametrize(
    ("verdicts", "verdict"), [([], "ok"), (["ok", "warning"], "warning"), (["warning", "problem", "ok"], "problem")]
)
def test_the_worst_verdict_counts(verdicts: Sequence[str], verdict: str):
    assert worst([Finding("x", each, "") for each in verdicts]) == verdict  # pyright: ignore[reportArgumentType]
