"""The certificate that Myna serves HTTPS with, made on this machine, and the small authority that vouches for it.

Phones and computers that are told to trust the authority take every certificate that it signs, so it is the
authority that lasts and the certificate that is renewed. What the authority can vouch for is bounded by itself: names
and addresses of private networks, and those that this machine had when it was made. So whoever got at its key could
play this server, but no site of the internet.

Every file is written whole and then put in its place, key and certificate together: who dies half-way leaves what was.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeAlias

import psutil
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock, Timeout

from myna.core.errors import BadConfig, Busy, NoRoom

FOLDER = "tls"
"""Below the data folder."""

AUTHORITY = "authority.pem"
SERVER = "server.pem"
"""A private key and its certificate each."""

PUBLIC = "myna-ca.crt"
"""The authority's certificate alone, which anybody may have."""

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=365)
"""Apple's systems take none that is longer than 825 days."""

RENEWED_BEFORE = timedelta(days=60)
"""How long before its end a certificate is made anew."""

SKEW = timedelta(days=1)
"""By how much a phone's clock may be slow."""

LOCK_S = 10
PART = ".part-"

Name: TypeAlias = x509.DNSName | x509.IPAddress
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_PRIVATE_NAMES = ("localhost", "local", "lan", "home.arpa", "internal")
_PRIVATE_NETWORKS: tuple[_Network, ...] = (
    *map(
        ipaddress.IPv4Network,
        ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    ),
    *map(ipaddress.IPv6Network, ("::1/128", "fc00::/7")),
)
_DNS = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows who it is with.

    Attributes:
        file: The certificate and those between it and its authority, as PEM.
        key_file: Its private key; may be the same file.
        authority: The authority's certificate, for those who are to trust it; None for a certificate of the user's.
    """

    file: Path
    key_file: Path
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def names_here(hosts: Iterable[str] = ()) -> frozenset[Name]:
    """The names and addresses that this machine goes by now, and ``hosts``.

    Without IPv6 addresses that the internet knows: systems change them daily, and phones of the same network need none.
    """
    machine = socket.gethostname().rstrip(".").lower()
    told = ["localhost", "127.0.0.1", "::1", machine, f"{machine.partition('.')[0]}.local", *hosts, *addresses_here()]
    return frozenset(name for each in told if (name := _name_of(each)) is not None)


def addresses_here(*, of_others: bool = False) -> list[str]:
    """The addresses of this machine's networks; ``of_others``: those of IPv4 that other machines may reach now."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found: list[str] = []
    for network, addresses in psutil.net_if_addrs().items():
        for each in addresses:
            if each.family == socket.AF_INET and of_others:
                address = ipaddress.IPv4Address(each.address)
                if network in up and not address.is_loopback and not address.is_link_local:
                    found.append(each.address)
            elif each.family in (socket.AF_INET, socket.AF_INET6) and not of_others:
                found.append(each.address.partition("%")[0])
    return found


def _name_of(text: str) -> Name | None:
    """What a certificate calls a name or an address; None for what it cannot name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return x509.DNSName(text) if _DNS.fullmatch(text) else None
    if address.version == 6 and not _is_in(address, _PRIVATE_NETWORKS):
        return None
    return x509.IPAddress(address)


def made_certificate(folder: Path, names: frozenset[Name], now: datetime | None = None) -> Certificate:
    """A certificate for ``names``: the one that is in ``folder``, or a new one if that will not do.

    Made anew are: a certificate that lacks a name, is near its end or is damaged; and the authority, when it is near
    its end or may not vouch for a name. Who has come to trust the authority has to be told of a new one.

    Args:
        folder: Where Myna keeps it; made if it is not there.
        names: As `names_here` gives them.
        now: With a zone; the time, if left out.

    Raises:
        BadConfig: The authority cannot be read.
        NoRoom: The folder cannot be written.
        Busy: Another process is at it.
    """
    now = now or datetime.now(UTC)
    with _alone(folder):
        authority = _authority(folder / AUTHORITY, names, now)
        public = _pem(authority.certificate)
        if not (folder / PUBLIC).exists() or (folder / PUBLIC).read_bytes() != public:
            _write(folder / PUBLIC, public, mode=0o644)
        if not _will_do(folder / SERVER, authority, names, now):
            _write_pair(folder / SERVER, _new_server(authority, names, now))
    return Certificate(folder / SERVER, folder / SERVER, folder / PUBLIC)


def _authority(path: Path, names: frozenset[Name], now: datetime) -> _Pair:
    try:
        kept = _read(path)
    except ValueError as error:
        raise BadConfig(
            f"The certificate authority in {path} cannot be read: it is not as Myna wrote it.",
            hint="Put a copy of the file back, or remove it: then a new one is made, which phones have to be told of.",
        ) from error
    lasts = kept is not None and now + SERVER_LIFE <= kept.certificate.not_valid_after_utc
    if kept is not None and lasts and all(_permits(kept.certificate, name) for name in names):
        return kept
    made = _new_authority(names, now)
    _write_pair(path, made)
    return made


def _will_do(path: Path, authority: _Pair, names: frozenset[Name], now: datetime) -> bool:
    try:
        kept = _read(path)
        if kept is None:
            return False
        kept.certificate.verify_directly_issued_by(authority.certificate)
        told = kept.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    current = kept.certificate.not_valid_before_utc <= now <= kept.certificate.not_valid_after_utc - RENEWED_BEFORE
    return current and names <= set(told)


def _new_authority(names: frozenset[Name], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    called = _called(f"Myna on {socket.gethostname()}"[:50] + f", {now:%Y-%m-%d}")  # people tell it from an older one
    more = [_bound_of(name) for name in names if not _is_private(name)]
    permitted = [*map(x509.DNSName, _PRIVATE_NAMES), *map(x509.IPAddress, _PRIVATE_NETWORKS), *more]
    certificate = (
        _begun(called, called, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _new_server(authority: _Pair, names: frozenset[Name], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    known_as = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _begun(_called("Myna"), issuer.subject, key.public_key(), now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(sorted(names, key=str)), critical=False)
        .add_extension(known_as, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _is_private(name: Name) -> bool:
    if isinstance(name, x509.IPAddress):
        return _is_in(name.value, _PRIVATE_NETWORKS)
    return any(_is_below(name.value, each) for each in _PRIVATE_NAMES)


def _bound_of(name: Name) -> Name:
    return x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name


def _permits(authority: x509.Certificate, name: Name) -> bool:
    """Whether the authority may vouch for a name."""
    try:
        bounds = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ()
    except x509.ExtensionNotFound:
        return False
    if isinstance(name, x509.IPAddress):
        return _is_in(name.value, [bound.value for bound in bounds if isinstance(bound, x509.IPAddress)])
    return any(isinstance(bound, x509.DNSName) and _is_below(name.value, bound.value) for bound in bounds)


def _is_in(address: object, networks: Iterable[object]) -> bool:
    known = (ipaddress.IPv4Network, ipaddress.IPv6Network)
    return any(isinstance(network, known) and address in network for network in networks)


def _is_below(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _read(path: Path) -> _Pair | None:
    """What is in the file, or None if there is no file.

    Raises:
        ValueError: It is not what Myna wrote there.
        OSError: It cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        key = serialization.load_pem_private_key(content, None)
    except TypeError as error:  # it is encrypted
        raise ValueError(str(error)) from error
    certificate = x509.load_pem_x509_certificate(content)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise ValueError("the key is another's")
    return _Pair(certificate, key)


def _write_pair(path: Path, pair: _Pair) -> None:
    key = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(path, key + _pem(pair.certificate))


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    with ExitStack() as leaving:
        with NamedTemporaryFile("wb", dir=path.parent, prefix=PART, delete=False) as file:  # its owner's alone to read
            part = Path(file.name)
            leaving.callback(part.unlink, missing_ok=True)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(mode)
        part.replace(path)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Nobody else changes the files meanwhile; what one who died has left half-written is removed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=LOCK_S):
            for part in folder.glob(f"{PART}*"):
                part.unlink(missing_ok=True)
            yield
    except Timeout:
        raise Busy("Another process is making the certificate.", hint="Try again in a moment.") from None
    except OSError as error:
        raise NoRoom(
            f"The certificate cannot be kept in {folder}: {error.strerror}.", hint="Mend it, and try again."
        ) from error
