"""``[mcp.NAME]``: an MCP server whose tools Myna may call."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from myna.tools.masking import SHORTEST_SECRET

MCPName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")]
"""How a server is called here; the names of its tools begin with it."""

_CREDENTIAL = re.compile("token|key|secret|passw|auth|credential|cookie", re.IGNORECASE)

Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86400)]


class MCPServer(BaseModel):
    """``[mcp.NAME]``: a program that is started (`command`), or a server at a `url`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    enabled: bool = Field(default=True, description="Whether the server is used; `false` leaves it out.")
    command: str | None = Field(default=None, min_length=1, description="The program to start, without arguments.")
    args: tuple[str, ...] = Field(default=(), description="The program's arguments.")
    env: Mapping[str, SecretStr] = Field(
        default={},
        description="Variables for the program. Of Myna's own it gets only those that every program needs, such as "
        "`PATH` and `HOME`.",
    )
    folder: Path | None = Field(default=None, description="The program's working folder; unset is Myna's.")
    token: SecretStr | None = Field(default=None, description="Sent to the `url` as `Authorization: Bearer …`.")
    headers: Mapping[str, SecretStr] = Field(default={}, description="More headers that are sent to the `url`.")
    tools: tuple[str, ...] = Field(
        default=("*",), description="Which of the server's tools are taken, by name; `*` stands for any letters."
    )
    confirm: Literal["destructive", "always", "never"] = Field(
        default="destructive",
        description="Which calls the user is asked about first: of tools that the server calls `destructive`, "
        "`always`, or `never`.",
    )
    timeout_s: Seconds = Field(default=60.0, description="For a call, in seconds.")
    connect_timeout_s: Seconds = Field(default=60.0, description="For connecting and listing the tools, in seconds.")
    check_every_s: Seconds = Field(
        default=60.0, description="The tools are listed anew this often, in seconds; so it is seen when it has gone."
    )
    url: str | None = Field(
        default=None, validate_default=True, description="The server's address, such as `http://localhost:3000/mcp`."
    )

    @field_validator("url")
    @classmethod
    def _one_of_both(cls, url: str | None, info: ValidationInfo) -> str | None:
        command: str | None = info.data.get("command")
        if url is None:
            if command is None:
                raise ValueError("is required, or a command is")
            if _given(info.data, "token", "headers"):
                raise ValueError("is required where there is a token or headers")
            return None
        if command is not None:
            raise ValueError("cannot stand beside a command: a server has one of both")
        if _given(info.data, "args", "env", "folder"):
            raise ValueError("cannot stand beside args, env or folder, which are for a command")
        return _address(url)

    def secrets(self) -> frozenset[str]:
        """What must not be shown, should the server's own words hold it."""
        hidden = [*self.env.values(), *self.headers.values(), *([self.token] if self.token else ())]
        values = {secret.get_secret_value() for secret in hidden}
        return _long_enough(values)

    def credentials(self) -> frozenset[str]:
        """Those that must not be shown even if all is well: they are called so. Paths and the like may be."""
        named = {**self.env, **self.headers, **({"token": self.token} if self.token else {})}
        return _long_enough({value.get_secret_value() for name, value in named.items() if _CREDENTIAL.search(name)})


def _long_enough(values: Iterable[str]) -> frozenset[str]:
    return frozenset(value for value in values if len(value) >= SHORTEST_SECRET)


def _given(data: Mapping[str, Any], *names: str) -> bool:
    return any(data.get(name) for name in names)


def _address(url: str) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("must be a URL such as http://localhost:3000/mcp")
    return url
