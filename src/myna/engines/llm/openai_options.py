"""What is to be known of an OpenAI-compatible server: where it is, who we are to it, and how long we wait."""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from myna.core.errors import BadConfig
from myna.engines.http_address import HttpAddress

SHORTEST_SECRET = 6
"""What is shorter is no credential, and would be taken out of the middle of words."""

_OURS = frozenset({"content-length", "content-type", "host", "connection", "transfer-encoding"})


class OpenAIOptions(BaseModel):
    """An OpenAI-compatible LLM server."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    base_url: HttpAddress = Field(default="http://127.0.0.1:8080", description="Its address, with or without /v1.")
    model: str | None = Field(default=None, description="The model to ask for; may be left out where there is but one.")
    api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token.")
    headers: Mapping[str, SecretStr] = Field(default={}, description="More headers that are sent to the server.")
    timeout_s: float = Field(
        default=30.0, gt=0, description="How long it may take to begin an answer, and between two pieces of it."
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=10,
        description="How often a request is sent again that met nobody, or no free place; never once its answer began.",
    )
    load_timeout_s: float = Field(
        default=300.0,
        ge=0,
        description="How long a reply waits for a llama-server that still loads its model; 0 does not wait.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="Certificates (PEM) that are trusted besides the usual authorities; for a server that signed its "
        "own, that one.",
    )
    client_certificate: Path | None = Field(
        default=None, description="A certificate (PEM) that is shown to a server that asks for one."
    )
    client_key: Path | None = Field(
        default=None, description="The file of its private key (PEM); unset: it is in the same file."
    )
    context_tokens: int | None = Field(
        default=None, gt=0, description="The longest prompt and answer together; asked of the server if left out."
    )

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value().strip() if value else ""
        if not (key.isascii() and key.isprintable()):
            raise ValueError("holds characters that no API key has")
        return SecretStr(key) if key else None

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, given: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, value in given.items():
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or name.lower() in _OURS:
                raise ValueError(f"{name[:40]!r} is no header that can be added")
            text = value.get_secret_value()
            if not (text.isascii() and text.isprintable()):
                raise ValueError(f"{name} holds characters that no header has")
        return given

    @field_validator("ca_file", "client_certificate")
    @classmethod
    def _is_used(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and not info.data.get("base_url", "https:").startswith("https:"):
            raise ValueError("needs a base_url that begins with https://")
        return path

    @field_validator("client_key")
    @classmethod
    def _belongs_to_one(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and info.data.get("client_certificate", path) is None:
            raise ValueError("needs client_certificate")
        return path

    def sent_headers(self) -> dict[str, str]:
        """The headers of every request; one of the user's takes the place of ours."""
        named = {name.title(): value.get_secret_value() for name, value in self.headers.items()}
        bearer = {"Authorization": f"Bearer {self.api_key.get_secret_value()}"} if self.api_key else {}
        return bearer | named

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, should the server's own words hold it; the longest first."""
        hidden = {value.get_secret_value() for value in (self.api_key, *self.headers.values()) if value}
        hidden |= {words[-1] for value in hidden if len(words := value.split()) > 1}  # "Bearer …"
        return tuple(sorted((each for each in hidden if len(each) >= SHORTEST_SECRET), key=len, reverse=True))

    def tls(self) -> ssl.SSLContext | bool:
        """How the server's certificate is checked, as httpx takes it; never not at all.

        Raises:
            BadConfig: A file is not there, or not what it has to be.
        """
        if self.ca_file is None and self.client_certificate is None:
            return True
        context = httpx.create_ssl_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(self.ca_file)
            except ssl.SSLError as error:
                raise BadConfig(f"ca_file of [openai], {self.ca_file}, holds no certificate in PEM.") from error
            except OSError as error:
                raise _unreadable("ca_file", self.ca_file, error) from error
        if self.client_certificate is not None:
            self._show_certificate(context, self.client_certificate)
        return context

    def _show_certificate(self, context: ssl.SSLContext, certificate: Path) -> None:
        key = self.client_key or certificate
        for name, path in (("client_certificate", certificate), ("client_key", key)):
            try:
                path.open("rb").close()  # OpenSSL does not say which of the two it could not read
            except OSError as error:
                raise _unreadable(name, path, error) from error
        try:
            context.load_cert_chain(certificate, key, password="")  # else OpenSSL asks for one at the terminal
        except (ssl.SSLError, ValueError) as error:
            raise BadConfig(
                f"client_certificate of [openai], {certificate}, cannot be used with the key in {key}.",
                hint="Both have to be PEM, the key has to belong to the certificate and to have no passphrase.",
            ) from error


def _unreadable(name: str, path: Path, error: OSError) -> BadConfig:
    return BadConfig(f"{name} of [openai], {path}, cannot be read: {error.strerror}.", hint="Name a file in PEM.")
