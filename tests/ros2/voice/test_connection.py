"""With each `websockets` that a robot may have, against a real server; they are fetched where they are not here."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.end_to_end.parrot import serving_parrot
from tests.end_to_end.processes import Server

from myna_ros.connection import NoConnection, read_key

ROOT = Path(__file__).parents[3]

TALK = """
import asyncio, sys, websockets
from myna_ros.connection import NoConnection, connect
from myna_ros.settings import address

async def main(url, closed):
    connection = await connect(address(url, "polly"), url)
    created = await connection.receive()
    assert created["type"] == "session.created", created
    await connection.send({"type": "session.update", "session": {"type": "realtime"}})
    assert (await connection.receive())["type"] == "session.updated"
    await connection.close()
    try:
        await connection.receive()
    except NoConnection as error:
        assert "was lost" in str(error), error
    refused = address(url) + "?conversation=" + "x" * 999
    for endpoint, told in ((refused, ""), (closed, "no Myna at nowhere"), (url + "/none", "no Myna")):
        try:
            connection = await connect(endpoint.replace("http", "ws"), "nowhere")
            await connection.receive()
            await connection.receive()
        except NoConnection as error:
            assert told in str(error), error
        else:
            raise AssertionError(endpoint)
    print("talked with", websockets.__version__ if hasattr(websockets, "__version__") else websockets.version)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with serving_parrot(tmp_path_factory.mktemp("parrot")) as server:
        yield server


@pytest.mark.ros
@pytest.mark.parametrize("version", ["9.1", "10.4", "12.0", "16.0"])
def test_any_websockets_will_do(version: str, server: Server, tmp_path: Path) -> None:
    fetched = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            tmp_path,
            f"websockets=={version}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert fetched.returncode == 0, fetched.stderr
    told = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:myna_ros", "-c", TALK, server.url, "ws://127.0.0.1:9"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT / 'ros2' / 'myna_ros'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "talked with" in told.stdout


def test_a_key_stands_in_a_file_or_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_API_KEY", "myna_env")
    assert read_key("") == "myna_env"
    (tmp_path / "key").write_text("  myna_file\n", encoding="utf-8")
    assert read_key(str(tmp_path / "key")) == "myna_file"


@pytest.mark.parametrize("held", [b"", b"\n", b"two words", "钥匙".encode(), b"\xff\xfe", b"x" * 5_000, b"a\nb"])
def test_a_file_without_a_key_is_told(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "key").write_bytes(held)
    with pytest.raises(NoConnection):
        read_key(str(tmp_path / "key"))
    with pytest.raises(NoConnection):
        read_key(str(tmp_path))
