"""HTTPS: what a server shows who it is with, checked when it starts and looked at again while it runs."""

import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread
from cryptography import x509
from fastapi import APIRouter
from fastapi.responses import Response

from myna.config.settings import ServerSettings
from myna.core.errors import BadConfig, MynaError
from myna.server.certificates import FOLDER, PUBLIC, Certificate, made_certificate, names_here

log = logging.getLogger(__name__)

AUTHORITY_PATH = f"/{PUBLIC}"
"""Where the authority's certificate is to be had, without a key: it is no secret, and phones need it first."""

LOOK_S = 3600.0
"""How often it is seen whether there is a newer certificate, or one is to be made."""


class TLS:
    """The certificate of a server that runs.

    Args:
        certificate: Gives it as it is now, made anew if need be.

    Raises:
        MynaError: There is none that can be used.
    """

    def __init__(self, certificate: Callable[[], Certificate]) -> None:
        self._certificate = certificate
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority = self.renew().authority
        """The file of the authority that Myna made; None for a certificate of the user's."""

    def renew(self) -> Certificate:
        """Take the certificate as it is now, for connections that come from here on.

        Raises:
            MynaError: There is none that can be used; the one before stays.
        """
        certificate = self._certificate()
        context_of(certificate)  # what is wrong with it must not harm the context that is in use
        self.context.load_cert_chain(certificate.file, certificate.key_file)
        return certificate

    async def keep_current(self) -> None:
        """Look after the certificate for as long as the server runs."""
        while True:
            await anyio.sleep(LOOK_S)
            try:
                await anyio.to_thread.run_sync(self.renew)
            except MynaError as error:
                log.error("%s", error)  # noqa: TRY400 - what is wrong is in its words


def tls_of(settings: ServerSettings, data: Path) -> TLS | None:
    """What the settings ask for; None for plain HTTP.

    Args:
        settings: The server's.
        data: The data folder, where a certificate that Myna makes is kept.

    Raises:
        MynaError: A certificate cannot be read, used or made.
    """
    if not settings.https:
        return None
    if (own := settings.certificate) is not None:
        key = settings.certificate_key or own
        return TLS(lambda: Certificate(own, key))
    return TLS(lambda: made_certificate(data / FOLDER, names_here(settings.hosts)))


def context_of(certificate: Certificate) -> ssl.SSLContext:
    """A server's context with the certificate.

    Raises:
        BadConfig: It cannot be used; the message says why.
    """
    hint = "See docs/security.md; without server.certificate, Myna makes one itself."
    for what, file in (("certificate", certificate.file), ("certificate_key", certificate.key_file)):
        try:
            content = file.read_bytes()
        except OSError as error:
            raise BadConfig(f"server.{what}: {file} cannot be read: {error.strerror}.", hint=hint) from error
        if what == "certificate":
            _check_current(file, content, hint)

    def ask() -> str:  # else OpenSSL asks on the terminal
        raise BadConfig(f"The private key in {certificate.key_file} is encrypted.", hint=f"Decrypt it. {hint}")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate.file, certificate.key_file, ask)
    except ssl.SSLError as error:
        why = {
            "KEY_VALUES_MISMATCH": f"the key in {certificate.key_file} belongs to another certificate",
        }.get(error.reason or "", f"no private key in PEM, or none that it can use, is in {certificate.key_file}")
        raise BadConfig(f"The certificate {certificate.file} cannot be used: {why}.", hint=hint) from error
    return context


def _check_current(file: Path, content: bytes, hint: str) -> None:
    try:
        found = x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise BadConfig(f"server.certificate: {file} holds no certificate in PEM.", hint=hint) from error
    if (ended := found.not_valid_after_utc) <= datetime.now(UTC):
        raise BadConfig(f"The certificate {file} has ended on {ended:%Y-%m-%d}.", hint=f"Renew it. {hint}")


def client_context(authority: Path) -> ssl.SSLContext:
    """What a client trusts a server with whose authority is in the file.

    Raises:
        BadConfig: The file holds none.
    """
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror if not isinstance(error, ssl.SSLError) else "it holds no certificate in PEM"
        raise BadConfig(
            f"The certificate authority in {authority} cannot be read: {why}.",
            hint=f"On the server it is {PUBLIC} in the folder {FOLDER} of its data folder.",
        ) from error


def router_of(authority: Path) -> APIRouter:
    """The route that gives the authority's certificate, in the form that phones offer to install."""
    router = APIRouter(include_in_schema=False)

    @router.api_route(AUTHORITY_PATH, methods=["GET", "HEAD"])
    def certificate() -> Response:  # pyright: ignore[reportUnusedFunction]
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return Response(authority.read_bytes(), media_type="application/x-x509-ca-cert", headers=headers)

    return router
