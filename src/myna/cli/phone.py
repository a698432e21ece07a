"""What people are told who serve over HTTPS: how a phone gets there."""

import socket
from collections.abc import Sequence
from pathlib import Path

from myna.server.certificates import addresses_here
from myna.server.configured import url_of
from myna.server.run import is_loopback
from myna.server.tls import AUTHORITY_PATH

MOST_ADDRESSES = 3


def on_a_phone(listener: socket.socket, authority: Path | None) -> Sequence[str]:
    """The lines that say what to do on a phone, and on other computers.

    Args:
        listener: Where the server is.
        authority: The file of the authority that Myna made; None for a certificate of the user's, of which phones are
            told already.
    """
    if authority is None:
        return ()
    address, port = listener.getsockname()[:2]
    own = f"Its certificate is Myna's own: browsers warn of it until they trust {authority}"
    if is_loopback(address):
        return (
            own,
            "Only this machine reaches it. For phones, stop it, create a key once, and listen wider:",
            "  myna key create --name phone --user owner",
            "  myna serve --https --host 0.0.0.0",
        )
    everywhere = address in ("0.0.0.0", "::")  # noqa: S104 - told, not bound
    urls = [f"https://{each}:{port}" for each in addresses_here(of_others=True)] if everywhere else []
    urls = urls or [url_of(listener, secure=True)]
    return (
        own,
        f"On a phone in the same network, open {' or '.join(urls[:MOST_ADDRESSES])}",
        "It warns of the certificate. On Android, going on in spite of it will do; iPhones need to trust it:",
        f"  open {urls[0]}{AUTHORITY_PATH} there, and install what it is. An iPhone (in Safari) then has it in",
        "    Settings, General, VPN & Device Management; trust it in General, About, Certificate Trust Settings.",
        "    Android: Settings, Security, Encryption & credentials, Install a certificate, CA certificate.",
        "The page asks for a key, which is made here by: myna key create --name phone --user owner",
    )
