"""Records what the real `llamafactory-cli chat` writes, for the stand-in to replay.

``python -m tests.engines.llm.llamafactory.record CLI MODEL FILE``: a JSON list of what it wrote (``out``, as Latin-1,
with the milliseconds since what came before) and of what was typed (``in``).
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, cast

from myna.engines.llm.llamafactory.remote.chat import load_pexpect, unlimited_lines
from myna.engines.llm.llamafactory.remote.settings import Settings
from myna.engines.llm.llamafactory.remote.text import typed

SAID = ("Say hello in five words.", "And again,\nin one line.", "clear", "你好，\t用中文说一句话。")
ARGUMENTS = ("--max_new_tokens", "24", "--temperature", "0.01")
PROMPT = b"\r\nUser: "
PATIENCE_S = 600


def record(cli: str, model: str) -> list[dict[str, Any]]:
    """Run it on the CPU, say what there is to be said, and give all that happened."""
    given = {"base_model_path": model, "template": "qwen", "cli_path": cli, "arguments": ARGUMENTS}
    settings = Settings(given)
    first, *words = settings.command("chat")
    env = settings.environment() | {"CUDA_VISIBLE_DEVICES": ""}
    apart = ["-c", 'exec 2>/dev/null; exec "$0" "$@"', first, *words]
    child = load_pexpect().spawn("/bin/sh", apart, env=env, echo=False, timeout=PATIENCE_S, preexec_fn=unlimited_lines)
    happened: list[dict[str, Any]] = []
    try:
        for said in (*SAID, "exit"):
            happened += _until_prompt(child)
            data = b"clear\n" if said == "clear" else typed(said, readline=True) if said != "exit" else b"exit\n"
            os.write(child.child_fd, data)
            happened.append({"in": data.decode("latin-1")})
    finally:
        child.close(force=True)
    return happened


def _until_prompt(child: Any) -> list[dict[str, Any]]:
    happened: list[dict[str, Any]] = []
    written, last = b"", time.monotonic()
    while not written.endswith(PROMPT):
        data = cast(bytes, child.read_nonblocking(65536, PATIENCE_S))
        now = time.monotonic()
        happened.append({"out": data.decode("latin-1"), "ms": round(1000 * (now - last))})
        written, last = written + data, now
    return happened


if __name__ == "__main__":
    _, cli, model, file = sys.argv
    lines = [json.dumps(entry) for entry in record(cli, model)]
    Path(file).write_text("[\n" + ",\n".join(lines) + "\n]\n")
