from pathlib import Path

from myna.cli.phone import MOST_ADDRESSES, on_a_phone
from myna.server.certificates import addresses_here
from myna.server.run import bind

AUTHORITY = Path("/data/tls/myna-ca.crt")


def test_who_serves_this_machine_alone_is_told_how_to_let_a_phone_in() -> None:
    with bind("127.0.0.1", 0) as listener:
        told = on_a_phone(listener, AUTHORITY)
    assert str(AUTHORITY) in told[0]
    assert "  myna serve --https --host 0.0.0.0" in told


def test_a_phone_is_given_addresses_that_it_can_reach() -> None:
    with bind("0.0.0.0", 0, guarded=True) as listener:
        port = listener.getsockname()[1]
        told = "\n".join(on_a_phone(listener, AUTHORITY))
    reached = addresses_here(of_others=True)[:MOST_ADDRESSES]
    assert all(f"https://{address}:{port}" in told for address in reached)
    assert f"https://{reached[0] if reached else '0.0.0.0'}:{port}/myna-ca.crt" in told
    assert "Certificate Trust Settings" in told
    assert "CA certificate" in told
    assert "myna key create" in told


def test_who_has_a_certificate_of_his_own_needs_no_telling() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert not on_a_phone(listener, None)
