"""Certificates: what is trusted, what is shown, and what is said when that does not fit."""

import socket
import ssl
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from tests.engines.llm.loopback import CHAT, HELLO, Loopback, serving
from tests.engines.llm.test_openai import answer

from myna.core.errors import BadConfig, EngineUnavailable
from myna.engines.base import Finished, TextDelta
from myna.engines.llm.faults import Faults
from myna.engines.llm.openai import OpenAIOptions, open_openai
from myna.engines.task_group import open_task_group
from myna.server.certificates import PUBLIC, SERVER, made_certificate

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
HERE = frozenset[x509.DNSName | x509.IPAddress]([x509.IPAddress(ip_address("127.0.0.1"))])
ELSEWHERE = frozenset[x509.DNSName | x509.IPAddress]([x509.DNSName("other.local")])


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate: whom it is vouched for by, and it with its key."""

    authority: Path
    server: Path


def made(folder: Path, names: frozenset[x509.DNSName | x509.IPAddress] = HERE, at: datetime = NOW) -> Made:
    folder.mkdir()
    made_certificate(folder, names, at)
    return Made(folder / PUBLIC, folder / SERVER)


def self_signed(path: Path) -> Path:
    """A certificate of somebody, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "myna")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    )
    signed = builder.add_extension(x509.BasicConstraints(True, None), critical=True).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return path


def context_of(certificate: Made, *, trusts: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.server)
    if trusts:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(trusts)
    return context


@asynccontextmanager
async def served(certificate: Made, *, trusts: Path | None = None) -> AsyncGenerator[Loopback]:
    async with serving({CHAT: HELLO}, tls=context_of(certificate, trusts=trusts)) as server:
        yield server


async def refused(server: Loopback, **options: object) -> EngineUnavailable:
    return await refused_at(server.url, **options)


async def refused_at(url: str, **options: object) -> EngineUnavailable:
    given = OpenAIOptions.model_validate({"base_url": url, "retries": 0} | options)
    async with open_openai(given) as llm:
        with pytest.raises(EngineUnavailable) as raised:
            await answer(llm)
    return raised.value


async def test_a_server_of_ones_own_is_trusted_when_its_authority_is_named(tmp_path: Path):
    certificate = made(tmp_path / "a")
    async with (
        served(certificate) as server,
        open_openai(OpenAIOptions(base_url=server.url, ca_file=certificate.authority)) as llm,
    ):
        assert await answer(llm) == [TextDelta("hello"), Finished("stop")]


async def test_an_authority_that_is_not_known_is_told_with_what_to_do_and_nothing_is_sent(tmp_path: Path):
    async with served(made(tmp_path / "a")) as server:
        for options in ({}, {"ca_file": made(tmp_path / "b").authority}):
            problem = await refused(server, **options)
            assert "authority that is not known" in problem.message
            assert "ca_file" in problem.hint
        assert server.requests == []


async def test_a_certificate_of_another_name_is_not_taken(tmp_path: Path):
    certificate = made(tmp_path / "a", ELSEWHERE)
    async with served(certificate) as server:
        problem = await refused(server, ca_file=certificate.authority)
    assert "another name" in problem.message
    assert "base_url" in problem.hint


async def test_a_certificate_of_another_time_is_not_taken(tmp_path: Path):
    certificate = made(tmp_path / "a", at=NOW - timedelta(days=5000))
    async with served(certificate) as server:
        problem = await refused(server, ca_file=certificate.authority)
    assert "not valid now" in problem.message


async def test_a_server_that_asks_for_a_certificate_is_shown_ours(tmp_path: Path):
    certificate, ours = made(tmp_path / "a"), self_signed(tmp_path / "ours.pem")
    async with served(certificate, trusts=ours) as server:
        options = {"ca_file": certificate.authority, "client_certificate": ours}
        given = OpenAIOptions.model_validate({"base_url": server.url} | options)
        async with open_openai(given) as llm:
            assert await answer(llm) == [TextDelta("hello"), Finished("stop")]


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_a_server_that_misses_our_certificate_is_told_so(tmp_path: Path, version: str):
    certificate, ours = made(tmp_path / "a"), self_signed(tmp_path / "ours.pem")
    context = context_of(certificate, trusts=ours)
    context.maximum_version = ssl.TLSVersion[version]

    def shake_hands(listener: socket.socket) -> None:  # anyio's own server does not say why it hangs up
        with suppress(OSError):
            while True:
                with suppress(ssl.SSLError), context.wrap_socket(listener.accept()[0], server_side=True) as line:
                    line.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=shake_hands, args=[listener], daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        problem = await refused_at(url, ca_file=certificate.authority)
        listener.shutdown(socket.SHUT_RDWR)
    if version == "TLSv1_2":  # in 1.3 what the server says may be lost as it hangs up
        assert "wants a certificate of ours" in problem.message
    assert "client_certificate" in problem.hint


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert"), "wants a certificate of ours"),
        (ssl.SSLError(1, "[SSL: TLSV1_ALERT_INTERNAL_ERROR] internal error"), "cannot be spoken to in TLS"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "broke off its answer"),
    ],
)
async def test_what_goes_wrong_with_tls_in_an_answer_is_told(fault: ssl.SSLError, said: str):
    with pytest.raises(EngineUnavailable, match=said), Faults("The server", "m", 30, anonymous=True).cleared():
        raise fault


async def test_https_to_a_server_without_says_so():
    async def answer_plainly(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, open_task_group() as tasks:
        tasks.start_soon(listener.serve, answer_plainly)
        problem = await refused_at(f"https://127.0.0.1:{listener.extra(SocketAttribute.local_port)}")
        tasks.cancel_scope.cancel()
    assert "speaks no TLS" in problem.message
    assert "http://" in problem.hint


# ---------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("name", ["ca_file", "client_certificate"])
async def test_a_file_that_is_missing_or_none_is_named_at_opening(tmp_path: Path, name: str):
    for path in (tmp_path / "missing.pem", tmp_path, tmp_path / "empty.pem"):
        (tmp_path / "empty.pem").write_text("nothing")
        options = OpenAIOptions.model_validate({"base_url": "https://127.0.0.1:1", name: path})
        with pytest.raises(BadConfig, match=f"{name} of") as raised:
            async with open_openai(options):
                pass
        assert str(path) in raised.value.message


async def test_a_key_of_another_certificate_or_with_a_passphrase_is_refused(tmp_path: Path):
    ours, other = made(tmp_path / "a"), made(tmp_path / "b")
    key = load_pem_private_key(ours.server.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    for path in (other.server, locked):
        options = {"base_url": "https://127.0.0.1:1", "client_certificate": ours.server, "client_key": path}
        with pytest.raises(BadConfig, match="cannot be used with the key") as raised:
            OpenAIOptions.model_validate(options).tls()
        assert "passphrase" in raised.value.hint
    plain = tmp_path / "plain.pem"
    plain.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    fits = {"base_url": "https://127.0.0.1:1", "client_certificate": ours.server, "client_key": plain}
    assert OpenAIOptions.model_validate(fits).tls() is not True


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ({"ca_file": "a.pem"}, "https://"),
        ({"base_url": "http://a", "client_certificate": "a.pem"}, "https://"),
        ({"base_url": "https://a", "client_key": "a.pem"}, "client_certificate"),
    ],
)
async def test_files_that_would_not_be_used_are_refused(options: dict[str, str], needs: str):
    with pytest.raises(ValidationError, match=f"needs .*{needs}"):
        OpenAIOptions.model_validate(options)


async def test_the_check_of_certificates_cannot_be_switched_off():
    for name in ("verify", "insecure"):
        with pytest.raises(ValidationError, match="Extra inputs"):
            OpenAIOptions.model_validate({name: False})
