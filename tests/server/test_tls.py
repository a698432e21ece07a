"""HTTPS and WSS of a real server on loopback, whose certificate the clients verify."""

import json
import socket
import ssl
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import anyio
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from tests.server.serving import Clients, choice, serving, serving_engines
from tests.server.sockets import silence, speech, talking
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from myna.config.settings import ServerSettings
from myna.core.errors import BadConfig
from myna.server.certificates import FOLDER, PUBLIC, SERVER, Certificate, made_certificate
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.tls import AUTHORITY_PATH, TLS, client_context, context_of, tls_of
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

NAMES = frozenset([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
HTTPS = ServerSettings(https=True)


@pytest.fixture
def tls(tmp_path: Path) -> TLS:
    made = tls_of(HTTPS, tmp_path)
    assert made is not None
    return made


def socket_of(clients: Clients, tls: TLS, **more: str) -> connect:
    assert tls.authority
    base = clients.http.base_url
    url = f"wss://{base.host}:{base.port}/v1/realtime"
    return connect(url, ssl=client_context(tls.authority), proxy=None, additional_headers=more)


@pytest.mark.anyio
async def test_pages_and_answers_come_over_https_to_who_trusts_the_authority(weights: Weights, tls: TLS) -> None:
    async with serving_engines(weights, {"llm": choice(ScriptedLLM("Hello."))}, tls=tls) as clients:
        assert clients.http.base_url.scheme == "https"
        own = str(clients.http.base_url).rstrip("/")
        assert (await clients.http.get("/health", headers={"Origin": own})).status_code == 200
        for other in (own.replace("https:", "http:"), "https://evil.example"):
            assert (await clients.http.get("/health", headers={"Origin": other})).status_code == 403
        by_name = str(clients.http.base_url.copy_with(host="localhost"))
        assert (await clients.http.get(f"{by_name}/health")).status_code == 200


@pytest.mark.anyio
async def test_who_does_not_trust_the_authority_is_warned_and_plain_http_gets_nothing(
    weights: Weights, tls: TLS
) -> None:
    async with serving_engines(weights, {}, tls=tls) as clients:
        async with httpx.AsyncClient(trust_env=False) as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(clients.http.base_url)
            with pytest.raises(httpx.RemoteProtocolError):
                await stranger.get(clients.http.base_url.copy_with(scheme="http"))
        assert (await clients.http.get("/health")).status_code == 200


@pytest.mark.anyio
async def test_somebody_talks_over_wss(weights: Weights, tls: TLS) -> None:
    async with talking(weights, tls=tls) as clients:
        own = str(clients.http.base_url).rstrip("/")
        async with socket_of(clients, tls, Origin=own) as line:
            assert (await told(line, "session.created"))["session"]["model"] == "myna/assistant"
            for audio in (speech(), silence(2.0)):
                message = {"type": "input_audio_buffer.append", "audio": b64encode(audio).decode()}
                await line.send(json.dumps(message))
            heard = await told(line, "conversation.item.input_audio_transcription.completed")
            assert heard["transcript"] == "你好"
            assert (await told(line, "response.done"))["response"]["status"] == "completed"
        with pytest.raises(InvalidStatus, match="403"):
            async with socket_of(clients, tls, Origin=own.replace("https:", "http:")):
                pass


async def told(line: ClientConnection, kind: str) -> dict[str, dict[str, str]]:
    with anyio.fail_after(20):
        while (message := json.loads(await line.recv()))["type"] != kind:
            assert message["type"] != "error", message
    return message


@pytest.mark.anyio
async def test_the_authority_is_to_be_had_without_a_key_and_nothing_else_is(
    weights: Weights, tls: TLS, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create("phone")
    async with talking(weights, rules=Rules(keys), tls=tls) as clients:
        answer = await clients.http.get(AUTHORITY_PATH)
        assert answer.headers["content-type"] == "application/x-x509-ca-cert"
        assert answer.content == (tmp_path / FOLDER / PUBLIC).read_bytes()
        assert b"PRIVATE" not in answer.content
        elsewhere = {"Origin": "https://evil.example"}
        assert (await clients.http.get(AUTHORITY_PATH, headers=elsewhere)).status_code == 403
        assert (await clients.http.get("/v1/models")).status_code == 401
        with pytest.raises(InvalidStatus, match="401"):
            async with socket_of(clients, tls):
                pass
        async with socket_of(clients, tls, Authorization=f"Bearer {secret}") as line:
            await told(line, "session.created")


@pytest.mark.anyio
async def test_without_https_no_authority_is_given(weights: Weights, tmp_path: Path) -> None:
    assert tls_of(ServerSettings(), tmp_path / "data") is None
    assert not await anyio.Path(tmp_path / "data").exists()
    async with serving(ScriptedLLM(), weights) as client:
        assert (await client.get(AUTHORITY_PATH)).status_code == 404


@pytest.mark.anyio
async def test_a_running_server_shows_the_renewed_certificate(weights: Weights, tmp_path: Path) -> None:
    names = [NAMES]
    tls = TLS(lambda: made_certificate(tmp_path, names[-1]))
    async with serving_engines(weights, {}, tls=tls) as clients:
        port = clients.http.base_url.port
        assert port
        before = await anyio.to_thread.run_sync(shown, port, tmp_path)
        names.append(NAMES | {x509.DNSName("new.local")})
        tls.renew()
        after = await anyio.to_thread.run_sync(shown, port, tmp_path)
        assert "new.local" not in before
        assert "new.local" in after
        assert (await clients.http.get("/health")).status_code == 200


def shown(port: int, folder: Path) -> str:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        client_context(folder / PUBLIC).wrap_socket(plain, server_hostname="localhost") as line,
    ):
        certificate = line.getpeercert()
    assert certificate
    return str(certificate["subjectAltName"])


# ---------------------------------------------------------------------------------------- certificates of one's own


@pytest.fixture
def own(tmp_path: Path) -> Certificate:
    """A certificate and its key, in a file each."""
    made = made_certificate(tmp_path / "made", NAMES)
    both = made.file.read_text()
    at = both.index("-----BEGIN CERTIFICATE")
    (tmp_path / "own.crt").write_text(both[at:])
    (tmp_path / "own.key").write_text(both[:at])
    return Certificate(tmp_path / "own.crt", tmp_path / "own.key", made.authority)


@pytest.mark.anyio
async def test_a_certificate_of_ones_own_is_shown_and_none_is_made(
    weights: Weights, own: Certificate, tmp_path: Path
) -> None:
    settings = ServerSettings(https=True, certificate=own.file, certificate_key=own.key_file)
    tls = tls_of(settings, tmp_path / "data")
    assert tls is not None
    assert tls.authority is None
    assert not (tmp_path / "data").exists()
    async with serving_engines(weights, {}, tls=tls) as clients:
        assert own.authority
        async with httpx.AsyncClient(verify=client_context(own.authority), trust_env=False) as client:
            assert (await client.get(f"{clients.http.base_url}/health")).status_code == 200
            assert (await client.get(f"{clients.http.base_url}{AUTHORITY_PATH}")).status_code == 404


def test_key_and_certificate_may_be_one_file(own: Certificate, tmp_path: Path) -> None:
    one = tmp_path / "one.pem"
    one.write_bytes(own.file.read_bytes() + own.key_file.read_bytes())
    assert tls_of(ServerSettings(https=True, certificate=one), tmp_path / "data")


def test_what_is_wrong_with_ones_own_files_is_told(own: Certificate, tmp_path: Path) -> None:
    def complaint(certificate: Path, key: Path) -> str:
        with pytest.raises(BadConfig) as error:
            context_of(Certificate(certificate, key))
        return str(error.value)

    text = tmp_path / "text"
    text.write_text("no PEM")
    missing = tmp_path / "missing.pem"
    other = made_certificate(tmp_path / "other", NAMES).key_file
    assert f"server.certificate: {missing} cannot be read: No such file" in complaint(missing, own.key_file)
    assert f"server.certificate_key: {missing} cannot be read: No such file" in complaint(own.file, missing)
    assert f"{text} holds no certificate in PEM" in complaint(text, own.key_file)
    assert f"is in {text}" in complaint(own.file, text)
    assert f"no private key in PEM, or none that it can use, is in {own.file}" in complaint(own.file, own.file)
    assert f"the key in {other} belongs to another certificate" in complaint(own.file, other)
    key = serialization.load_pem_private_key(own.key_file.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    assert f"The private key in {locked} is encrypted. Decrypt it" in complaint(own.file, locked)
    old = made_certificate(tmp_path / "old", NAMES, datetime.now(UTC) - timedelta(days=400)).file
    assert f"{old} has ended on" in complaint(old, old)


def test_a_renewed_certificate_that_is_broken_leaves_the_one_before(own: Certificate) -> None:
    tls = TLS(lambda: own)
    own.key_file.write_text("half")
    with pytest.raises(BadConfig):
        tls.renew()
    assert tls.context.get_ca_certs() == []
    assert len((own.file.parent / "made" / SERVER).read_bytes()) > 0


def test_an_authority_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no PEM")
    for name, why in {"missing": "No such file", "text": "holds no certificate"}.items():
        with pytest.raises(BadConfig, match=why) as error:
            client_context(tmp_path / name)
        assert PUBLIC in error.value.hint


def test_old_versions_of_tls_are_not_spoken(tls: TLS) -> None:
    assert tls.context.minimum_version >= ssl.TLSVersion.TLSv1_2
