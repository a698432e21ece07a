"""The JSON argument, and what it makes of a command line and an environment."""

from __future__ import annotations

import locale
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    Object = dict[str, Any]
    """Whatever JSON says."""


class Problem(Exception):
    """What went wrong: a code for programs and a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.told = {"code": code, "message": message}


class Settings:
    """The JSON argument.

    Attributes:
        base: The model's folder, or its name on a hub.
        adapter: The folder of the adapter, or empty.
        prompt: What ``chat`` writes, at the beginning of a line, when it waits for a message.
        reply: Finds what stands before a reply.
        arguments: More words for ``llamafactory-cli``.
        drain_s: How long a reply that nobody wants any more may go on before the process is ended.
        clear_s: How long the process may take to forget its history before it is ended.
        idle_s: How long nobody may write to us before everything is ended; 0 for ever.
    """

    def __init__(self, given: object) -> None:
        if not isinstance(given, dict):
            raise Problem("bad_argument", "The argument is no JSON object.")
        self.given = cast("Object", given)
        self.base = self._text("base_model_path")
        if not self.base:
            raise Problem("bad_argument", "The argument has no base_model_path.")
        self.adapter = self._text("adapter_path")
        self.template = self._text("template")
        self.system = self._text("system")
        self.message = self._text("message")
        self.history = messages(self.given.get("history"))
        self.cli = self._text("cli_path") or "llamafactory-cli"
        self.prompt = self._text("prompt") or "User: "
        self.api_key = self._text("api_key")
        self.arguments = [str(argument) for argument in self.given.get("arguments") or ()]
        self.load_timeout_s = self._seconds("load_timeout_s", 600)
        self.timeout_s = self._seconds("timeout_s", 300)
        self.drain_s = self._seconds("drain_s", 120)
        self.clear_s = self._seconds("clear_s", max(self.drain_s, 10))
        self.idle_s = int(self._seconds("idle_s", 0))
        try:
            self.reply = re.compile(self._text("reply_pattern") or "Assistant: ")
        except re.error as error:
            raise Problem("bad_argument", f"reply_pattern is no regular expression: {error}.") from error

    def _text(self, key: str) -> str:
        value = self.given.get(key) or ""
        if not isinstance(value, str) or "\0" in value:
            raise Problem("bad_argument", f"{key} is no text.")
        return value

    def _seconds(self, key: str, default: float) -> float:
        value = self.given.get(key, default)
        if not isinstance(value, (int, float)) or value < 0:
            raise Problem("bad_argument", f"{key} is no number of seconds.")
        return float(value)

    def command(self, task: str) -> list[str]:
        """The command line of ``llamafactory-cli``."""
        found = shutil.which(str(Path(self.cli).expanduser()))
        if found is None:
            raise Problem("cli_not_found", f"{self.cli}: command not found.")
        words = [found, task, "--model_name_or_path", str(Path(self.base).expanduser())]
        if self.template:
            words += ["--template", self.template]
        if self.adapter:
            words += ["--adapter_name_or_path", str(Path(self.adapter).expanduser()), "--finetuning_type", "lora"]
        return words + self.arguments

    def environment(self) -> dict[str, str]:
        """Its environment: no colours, no bracketed paste, no key bindings of the user's, and UTF-8."""
        env = dict(os.environ, TERM="dumb", INPUTRC="/dev/null", PYTHONUTF8="1", PYTHONUNBUFFERED="1", NO_COLOR="1")
        named = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
        if is_there("C.UTF-8") or "utf" not in named.lower() or not is_there(named):
            env["LC_ALL"] = "C.UTF-8"  # where a locale is named that is not there, GNU readline takes letters for keys
        return env


def is_there(name: str) -> bool:
    """Whether the machine has a locale."""
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    return True


def messages(given: object) -> list[dict[str, str]]:
    """A history, checked."""
    if given is not None and not isinstance(given, list):
        raise Problem("bad_argument", "history is no list.")
    kept: list[dict[str, str]] = []
    for item in cast("list[Any]", given or []):
        message = cast("Object", item if isinstance(item, dict) else {})
        content = message.get("content")
        if not isinstance(content, str):
            raise Problem("bad_argument", "A message of the history has no content.")
        kept.append({"role": str(message.get("role")), "content": content.strip()})
    return kept
