import os
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.end_to_end.parrot import serving_parrot
from tests.end_to_end.processes import MYNA, Home, Server

from myna.weights.locate import Weights

PATIENT = {f"MYNA_SESSION__{name}_TIMEOUT_S": "300" for name in ("GENERATION", "FIRST_TOKEN", "IDLE", "HEAR", "SPEAK")}
"""A machine that others keep busy is no failure."""

OTHER_NAME = "myna.example"
"""What the parrot's server may be called too."""

URL = re.compile(r"https?://[\w.]+:\d+")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, weights: Weights) -> Home:
    folder = tmp_path_factory.mktemp("home")
    (folder / "cache").mkdir()
    (folder / "cache" / "weights").symlink_to(weights.locate("silero-vad").parents[1])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
    environ |= {"MYNA_HOME": str(folder), "PATH": f"{MYNA.parent}:{environ['PATH']}"} | PATIENT
    return Home(folder, environ)


@pytest.fixture(scope="session")
def start(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers on free ports, and stops them in the end."""
    started: list[Server] = []

    def start(*arguments: str) -> Server:
        log = tmp_path_factory.mktemp("log") / "serve.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [MYNA, "serve", "--port", "0", *arguments],
                cwd=home.folder,
                env=home.environ,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                text=True,
            )
        server = Server("", process, log)
        server.wait(lambda: URL.search(log.read_text()) is not None)
        started.append(Server(URL.findall(log.read_text())[0], process, log))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def server(start: Callable[..., Server]) -> Server:
    server = start()
    server.wait_ready()
    return server


@pytest.fixture(scope="session")
def steady(start: Callable[..., Server]) -> Server:
    """A server whose LLM does not vary."""
    server = start("--set", "llm.temperature=0")
    server.wait_ready()
    return server


@pytest.fixture(scope="session")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that says again what it is told, and needs no weights."""
    with serving_parrot(tmp_path_factory.mktemp("parrot"), "--set", f'server.hosts=["{OTHER_NAME}"]') as server:
        yield server
