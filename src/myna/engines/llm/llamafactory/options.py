"""What can be set, in ``[llamafactory]``."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

WRAPPER_NAME = "myna_llamafactory.pyz"


def _one_line(value: str) -> str:
    """Quoting makes all else a plain word in every shell; to some, line breaks and backslashes mean other things."""
    if not value.isprintable() or "\\" in value:
        raise ValueError("must have no line break, control character or backslash")
    if value.startswith("-"):
        raise ValueError("must not begin with -")
    return value


Word = Annotated[str, AfterValidator(_one_line)]


class LlamaFactoryOptions(BaseModel):
    """A base model with an adapter on a machine that is reached by SSH, driven by LLaMA-Factory."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Word | None = Field(default=None, description="The machine: a name, an address or a name of ~/.ssh/config.")
    port: int | None = Field(default=None, gt=0, lt=65536, description="Its SSH port; 22 if nothing else says so.")
    user: Word | None = Field(default=None, description="Who logs in there.")
    key: Path | None = Field(default=None, description="The private key; else those of ~/.ssh and of the SSH agent.")
    passphrase: SecretStr | None = Field(default=None, description="Opens the private key.")
    password: SecretStr | None = Field(
        default=None, description="For a machine that takes no keys; those on the way to it are not told."
    )
    jump: Word | None = Field(
        default=None,
        description="Machines to go through, in order: user@gate:22,user@inner. Else as ~/.ssh/config says.",
    )
    known_hosts: Path = Field(
        default=Path("~/.ssh/known_hosts"), description="The host keys that are trusted. They are always checked."
    )
    ssh_config: Path = Field(default=Path("~/.ssh/config"), description="Settings of SSH that are followed, too.")
    connect_timeout_s: float = Field(default=10.0, gt=0, description="How long connecting and logging in may take.")
    keep_alive_s: float = Field(
        default=5.0,
        gt=0,
        description="How often the machine is asked whether it is there; after three misses it is gone.",
    )

    mode: Literal["cli", "script", "api"] = Field(
        default="cli",
        description="cli: a chat that stays open. script: a program of yours, once for each question. api: its server.",
    )
    script_path: Word = Field(
        default=WRAPPER_NAME,
        description="On that machine, seen from work_dir: the wrapper, or in the mode script your own program.",
    )
    work_dir: Word | None = Field(default=None, description="The folder there in which all runs; else the home folder.")
    conda_env: Word | None = Field(default=None, description="The conda environment there: its name or its folder.")
    python: Word | None = Field(default=None, description="The Python there; else python3, or python with conda_env.")
    cli_path: Word = Field(default="llamafactory-cli", description="LLaMA-Factory's program there.")
    base_model_path: Word | None = Field(default=None, description="The model: a folder there, or its name on a hub.")
    adapter_path: Word | None = Field(default=None, description="The folder there of the adapter (LoRA), if any.")
    template: Word | None = Field(default=None, description="LLaMA-Factory's name for the chat template, as qwen.")
    max_new_tokens: int = Field(default=512, gt=0, description="The longest reply; set when the model is loaded.")
    temperature: float | None = Field(default=None, gt=0, le=2, description="Set when the model is loaded.")
    top_p: float | None = Field(default=None, gt=0, le=1, description="Set when the model is loaded.")
    top_k: int | None = Field(default=None, gt=0, description="Set when the model is loaded.")
    arguments: tuple[str, ...] = Field(default=(), description="More words for llamafactory-cli.")
    context_tokens: int | None = Field(default=None, gt=0, description="The longest prompt and answer together.")

    timeout_s: float = Field(default=300.0, gt=0, description="How long one reply may take, loading not counted.")
    load_timeout_s: float = Field(default=600.0, gt=0, description="How long the model may take to load.")
    drain_s: float = Field(
        default=120.0, ge=0, description="How long an interrupted reply may still be written, unseen, in the mode cli."
    )
    prompt: str = Field(default="User: ", min_length=1, description="What llamafactory-cli chat writes to ask.")
    reply_pattern: str = Field(default="Assistant: ", min_length=1, description="Finds what stands before a reply.")

    @field_validator("reply_pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return value

    @property
    def place(self) -> str:
        """The machine, for messages."""
        return f"{self.user}@{self.host}" if self.user else f"{self.host}"

    @property
    def model(self) -> str:
        """What answers, for people."""
        named = self.adapter_path or self.base_model_path or self.script_path
        return named.rstrip("/").rpartition("/")[2] or named

    def argument(self) -> dict[str, object]:
        """What the wrapper is told."""
        numbers = {"max_new_tokens": self.max_new_tokens, "temperature": self.temperature}
        numbers |= {"top_p": self.top_p, "top_k": self.top_k}
        words = [word for name, value in numbers.items() if value is not None for word in (f"--{name}", str(value))]
        return {
            "base_model_path": self.base_model_path or "",
            "adapter_path": self.adapter_path or "",
            "template": self.template or "",
            "cli_path": self.cli_path,
            "arguments": [*words, *self.arguments],
            "prompt": self.prompt,
            "reply_pattern": self.reply_pattern,
            "load_timeout_s": self.load_timeout_s,
            "timeout_s": self.timeout_s,
            "drain_s": self.drain_s,
        }
