import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.weights.models import catalog, model_file, noise

from myna.config.load import Loaded, load_settings
from myna.config.settings import ServerSettings
from myna.doctor import installation
from myna.doctor.installation import download_bytes, memory_needed, port, settings, sources, weights
from myna.server.tls import TLS, tls_of
from myna.weights.recommend import PROGRAM_BYTES
from myna.weights.store import WeightsStore

CONTENT = noise(100_000)


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    return WeightsStore(tmp_path / "weights", catalog(model_file(CONTENT)))


def load(tmp_path: Path, **server: object) -> Loaded:
    return load_settings({"server": server}, cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})


def bring(store: WeightsStore, content: bytes) -> None:
    (store.root / "tiny").mkdir(parents=True)
    (store.root / "tiny" / "weights.bin").write_bytes(content)


def test_settings_are_told_with_where_they_come_from(tmp_path: Path):
    (found,) = settings(load(tmp_path, port=1))
    assert found.figures["changed"] == {
        "home": "MYNA_HOME in the environment",
        "server.port": "server.port on the command line",
    }
    assert "on the command line" in found.measured


def test_missing_weights_are_a_problem_with_the_command_that_fetches_them(store: WeightsStore):
    (found,) = weights(store, ["tiny"], deep=False)
    assert (found.verdict, found.advice) == ("problem", "myna models pull tiny")
    assert "0 MB" in found.measured
    assert download_bytes(store, ["tiny"]) == len(CONTENT)


def test_weights_that_are_here_are_well_and_damage_shows_where_they_are_read(store: WeightsStore):
    bring(store, CONTENT[:-1] + b"?")
    (quick,) = weights(store, ["tiny"], deep=False)
    assert quick.verdict == "ok"
    (deep,) = weights(store, ["tiny"], deep=True)
    assert (deep.verdict, deep.figures["damaged"]) == ("problem", ["tiny/weights.bin"])
    (store.root / "tiny" / "weights.bin").write_bytes(CONTENT)
    (mended,) = weights(store, ["tiny"], deep=True)
    assert mended.verdict == "ok"
    assert "every byte" in mended.measured


def test_files_of_ones_own_count_with_their_size(store: WeightsStore, tmp_path: Path):
    bring(store, CONTENT)
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"GGUF" * 1000)
    needed = ["tiny", str(mine)]
    assert memory_needed(store, needed) == PROGRAM_BYTES + len(CONTENT) + 4000
    (found,) = weights(store, needed, deep=True)
    assert "1 of your own" in found.measured
    assert download_bytes(store, needed) == 0


def test_a_model_that_nobody_knows_is_a_problem(store: WeightsStore):
    (found,) = weights(store, ["tiny", "nobody"], deep=False)
    assert found.verdict == "problem"
    assert "nobody" in found.measured


def test_a_free_port_is_well(tmp_path: Path):
    (found,) = port(load(tmp_path, port=0))
    assert found.verdict == "ok"


def test_a_port_that_another_program_has_is_a_problem(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (found,) = port(load(tmp_path, port=taken.getsockname()[1]))
    assert found.verdict == "problem"
    assert "in use" in found.measured


@contextmanager
def a_server_that_answers(body: bytes, tls: TLS | None = None) -> Generator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("body", "verdict"), [({"status": "ok", "engines": {}}, "ok"), ({"status": "ok"}, "problem"), ([], "problem")]
)
def test_myna_is_told_from_another_server_on_its_port(tmp_path: Path, body: object, verdict: str):
    with a_server_that_answers(json.dumps(body).encode()) as number:
        (found,) = port(load(tmp_path, port=number))
    assert found.verdict == verdict
    assert found.figures["myna_is_running"] == (verdict == "ok")


def test_a_myna_that_speaks_https_is_known(tmp_path: Path):
    with a_server_that_answers(b'{"engines": {}}', tls_of(ServerSettings(https=True), tmp_path)) as number:
        (found,) = port(load(tmp_path, port=number, https=True))
    assert (found.verdict, found.figures["myna_is_running"]) == ("ok", True)


def test_a_certificate_that_cannot_be_used_is_a_problem(tmp_path: Path):
    (found,) = port(load(tmp_path, port=0, https=True, certificate=str(tmp_path / "none.pem")))
    assert found.verdict == "problem"
    assert "none.pem cannot be read" in found.measured


def test_an_open_door_without_a_key_is_a_problem(tmp_path: Path):
    (found,) = port(load(tmp_path, port=0, host="0.0.0.0"))
    assert found.verdict == "problem"
    assert "myna key create" in found.advice


def test_a_myna_that_runs_does_not_hide_that_it_would_not_start_again(tmp_path: Path):
    with a_server_that_answers(b'{"engines": {}}') as number:
        (found,) = port(load(tmp_path, port=number, host="0.0.0.0"))
    assert found.verdict == "problem"
    assert "no API key" in found.measured


def test_sources_are_told_one_by_one(tmp_path: Path, store: WeightsStore, monkeypatch: pytest.MonkeyPatch):
    def reach(*_: object) -> dict[str, str]:
        return {"hf": "out of reach (no route)", "pypi": ""}

    monkeypatch.setattr(installation, "probe", reach)
    hub, registry = sources(load(tmp_path), store.catalog)
    assert (hub.check, hub.verdict, hub.measured) == ("source Hugging Face", "warning", "out of reach (no route)")
    assert (registry.check, registry.verdict) == ("source PyPI", "ok")
