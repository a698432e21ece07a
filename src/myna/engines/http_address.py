"""Where a server of somebody else's is."""

import ipaddress
from typing import Annotated

import httpx
from pydantic import AfterValidator


def _is_http(value: str) -> str:
    try:
        url = httpx.URL(value.strip())
    except httpx.InvalidURL as error:
        raise ValueError(f"not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must begin with http:// or https:// and name a host")
    if url.query or url.fragment:  # paths are put behind it, and a key in it would be shown
        raise ValueError("must end before any ? or #; a key belongs into api_key or headers")
    return str(url).rstrip("/")


HttpAddress = Annotated[str, AfterValidator(_is_http)]
"""An address that paths can be put behind."""


def is_local(host: str) -> bool:
    """Whether this is a name of this machine alone, which no proxy can reach."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
