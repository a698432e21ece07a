"""The certificate that Myna makes, as files and as other implementations see it."""

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from myna.core.errors import BadConfig, NoRoom
from myna.server.certificates import (
    AUTHORITY,
    PART,
    PUBLIC,
    SERVER,
    Name,
    addresses_here,
    made_certificate,
    names_here,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def names(*texts: str) -> frozenset[Name]:
    found: set[Name] = set()
    for text in texts:
        try:
            found.add(x509.IPAddress(ip_address(text)))
        except ValueError:
            found.add(x509.DNSName(text))
    return frozenset(found)


HOME = names("localhost", "desk.local", "127.0.0.1", "::1", "192.168.1.5")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names_of(certificate: x509.Certificate) -> set[x509.GeneralName]:
    return set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def verify(folder: Path, name: Name, at: datetime = NOW) -> None:
    """As strictly as browsers do."""
    builder = PolicyBuilder().store(Store([read(folder / PUBLIC)])).time(at)
    builder.build_server_verifier(name).verify(read(folder / SERVER), [])


@pytest.mark.parametrize("name", sorted(HOME, key=str), ids=str)
def test_the_authority_vouches_for_every_name_and_address(tmp_path: Path, name: Name) -> None:
    made_certificate(tmp_path, HOME, NOW)
    verify(tmp_path, name)
    with pytest.raises(VerificationError):
        verify(tmp_path, x509.DNSName("example.com"))


def test_it_keeps_to_what_phones_demand(tmp_path: Path) -> None:
    made_certificate(tmp_path, HOME, NOW)
    server, authority = read(tmp_path / SERVER), read(tmp_path / PUBLIC)
    assert server.not_valid_after_utc - server.not_valid_before_utc <= timedelta(days=825)
    assert authority.not_valid_after_utc == NOW + timedelta(days=3650)
    uses = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert names_of(server) == HOME


@pytest.mark.parametrize("elsewhere", ["example.com", "8.8.8.8"])
def test_who_has_the_authoritys_key_still_cannot_vouch_for_others(tmp_path: Path, elsewhere: str) -> None:
    wider = tmp_path / "wider"
    made_certificate(tmp_path, HOME, NOW)
    made_certificate(wider, HOME | names(elsewhere), NOW)
    verify(wider, next(iter(names(elsewhere))))
    bounds = read(tmp_path / PUBLIC).extensions.get_extension_for_class(x509.NameConstraints)
    assert bounds.critical
    permitted = bounds.value.permitted_subtrees or []
    assert x509.DNSName("local") in permitted
    assert not names(elsewhere) & set(permitted)


@pytest.mark.skipif(os.name != "posix", reason="rights are kept otherwise")
def test_the_keys_are_their_owners_alone_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "tls"
    made_certificate(folder, HOME, NOW)
    rights = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.glob("[!.]*"))}
    assert rights == {"tls": 0o700, AUTHORITY: 0o600, SERVER: 0o600, PUBLIC: 0o644}
    assert b"PRIVATE" not in (folder / PUBLIC).read_bytes()


def test_it_is_made_once(tmp_path: Path) -> None:
    made = made_certificate(tmp_path, HOME, NOW)
    before = (tmp_path / SERVER).read_bytes(), (tmp_path / PUBLIC).read_bytes()
    assert made_certificate(tmp_path, HOME, NOW + timedelta(days=300)) == made
    assert made_certificate(tmp_path, names("localhost"), NOW) == made, "fewer names than it has"
    assert ((tmp_path / SERVER).read_bytes(), (tmp_path / PUBLIC).read_bytes()) == before


@pytest.mark.parametrize("more", ["192.168.7.9", "desk.lan", "fd00::5"])
def test_a_new_name_renews_the_certificate_and_the_authority_stays(tmp_path: Path, more: str) -> None:
    made_certificate(tmp_path, HOME, NOW)
    trusted = (tmp_path / PUBLIC).read_bytes()
    made_certificate(tmp_path, HOME | names(more), NOW)
    assert (tmp_path / PUBLIC).read_bytes() == trusted
    assert names_of(read(tmp_path / SERVER)) == HOME | names(more)
    verify(tmp_path, next(iter(names(more))))


def test_it_is_renewed_before_its_end_and_the_authority_too(tmp_path: Path) -> None:
    made_certificate(tmp_path, HOME, NOW)
    trusted, later = (tmp_path / PUBLIC).read_bytes(), NOW + timedelta(days=306)
    made_certificate(tmp_path, HOME, later)
    assert read(tmp_path / SERVER).not_valid_after_utc == later + timedelta(days=365)
    assert (tmp_path / PUBLIC).read_bytes() == trusted
    much_later = NOW + timedelta(days=3300)
    made_certificate(tmp_path, HOME, much_later)
    assert (tmp_path / PUBLIC).read_bytes() != trusted
    verify(tmp_path, x509.DNSName("localhost"), much_later)


def test_a_name_that_the_authority_may_not_vouch_for_needs_a_new_one(tmp_path: Path) -> None:
    made_certificate(tmp_path, HOME, NOW)
    trusted = (tmp_path / PUBLIC).read_bytes()
    made_certificate(tmp_path, HOME | names("myna.example.com", "203.0.113.4"), NOW)
    assert (tmp_path / PUBLIC).read_bytes() != trusted
    verify(tmp_path, x509.DNSName("myna.example.com"))
    verify(tmp_path, x509.IPAddress(ip_address("203.0.113.4")))


def test_a_clock_that_was_ahead_does_no_harm(tmp_path: Path) -> None:
    made_certificate(tmp_path, HOME, NOW + timedelta(days=30))
    made_certificate(tmp_path, HOME, NOW)
    assert read(tmp_path / SERVER).not_valid_before_utc <= NOW


@pytest.mark.parametrize("damage", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_certificate_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    made_certificate(tmp_path, HOME, NOW)
    trusted = (tmp_path / PUBLIC).read_bytes()
    (tmp_path / SERVER).write_bytes(damage)
    (tmp_path / PUBLIC).write_bytes(damage)
    made_certificate(tmp_path, HOME, NOW)
    assert (tmp_path / PUBLIC).read_bytes() == trusted
    verify(tmp_path, x509.DNSName("localhost"))


def test_a_key_of_another_certificate_is_damage_too(tmp_path: Path) -> None:
    made_certificate(tmp_path, HOME, NOW)
    made_certificate(tmp_path / "other", HOME, NOW)
    (tmp_path / SERVER).write_bytes((tmp_path / "other" / SERVER).read_bytes())
    made_certificate(tmp_path, HOME, NOW)
    verify(tmp_path, x509.DNSName("localhost"))


def test_a_damaged_authority_is_told_and_left(tmp_path: Path) -> None:
    made_certificate(tmp_path, HOME, NOW)
    whole = (tmp_path / AUTHORITY).read_bytes()
    (tmp_path / AUTHORITY).write_bytes(whole[:200])
    with pytest.raises(BadConfig, match=r"authority\.pem cannot be read") as error:
        made_certificate(tmp_path, HOME, NOW)
    assert "remove it" in error.value.hint
    assert (tmp_path / AUTHORITY).read_bytes() == whole[:200]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoRoom, match="cannot be kept in"):
        made_certificate(tmp_path / "file", HOME, NOW)


def test_who_dies_while_writing_leaves_what_was(tmp_path: Path) -> None:
    made_certificate(tmp_path, HOME)
    (tmp_path / f"{PART}left").write_bytes(b"half a key")
    trusted = (tmp_path / PUBLIC).read_bytes()
    program = (
        "import sys; from pathlib import Path; from cryptography import x509\n"
        "from myna.server.certificates import made_certificate\n"
        "for number in range(10**6):\n"
        "    made_certificate(Path(sys.argv[1]), frozenset([x509.DNSName(f'n{number}.local')])); print(flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout
        for _ in range(5):
            process.stdout.readline()
        process.kill()
    made_certificate(tmp_path, HOME)
    assert (tmp_path / PUBLIC).read_bytes() == trusted
    verify(tmp_path, x509.DNSName("localhost"), datetime.now(UTC))
    assert not list(tmp_path.glob(f"{PART}*"))


def test_the_names_of_this_machine_are_found() -> None:
    found = names_here(("myna.example.com", "10.1.2.3", "name with spaces", "-bad", "2001:db8::1"))
    machine = socket.gethostname().lower()
    assert names("localhost", "127.0.0.1", "::1", "myna.example.com", "10.1.2.3") <= found
    assert x509.DNSName(f"{machine.partition('.')[0]}.local") in found
    assert names("2001:db8::1").isdisjoint(found), "the systems change such addresses daily"
    assert {x509.IPAddress(ip_address(each)) for each in addresses_here(of_others=True)} <= found


def test_what_others_reach_is_no_loopback() -> None:
    assert "127.0.0.1" in addresses_here()
    assert not any(ip_address(each).is_loopback for each in addresses_here(of_others=True))
