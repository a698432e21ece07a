"""A stand-in for LLaMA-Factory's program: it logs, prompts and answers as the real one does, but has no model.

It is copied as ``llamafactory-cli`` to the "remote machine" of the tests. What it answers depends on the message; among
its own arguments, ``--loads S`` says how long loading takes, ``--says X`` how it fails, ``--replays FILE`` has it write
what the real one wrote.
"""

# ruff: noqa: T201 - it is a program
import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

try:
    import readline  # noqa: F401 # pyright: ignore[reportUnusedImport] - as the real one does: it edits the lines
except ImportError:
    print("Install `readline` for a better experience.")

LOG = "[INFO|2026-11-22 10:00:00] llamafactory.model.loader:143 >> all params: 494,032,768 [0.5B]"
COLOURED = "\x1b[38;5;3m[WARNING|2026-11-22 10:00:00] llamafactory.chat.hf_engine:148 >> slow\x1b[0m"


SAYS: dict[str, list[str]] = {
    "logs": ["Here \x1b[1mit", f"\x1b[0m is{LOG}\n", f",{COLOURED}\n", " 你好", "。"],
    "prompt": ["A chat:\n", "User: ", "hello\n", "\n", "User: ", "again\n\n", "done"],
    "slow": [f"{number} " for number in range(30)],
    "silence": [],
}
"""What is written, a piece at a time, after a message that ends so."""


def pieces(message: str, messages: list[dict[str, str]]) -> list[str]:
    """What is written, a piece at a time."""
    last = message.rpartition("\n")[2].removeprefix("User: ")
    if last == "messages":
        return [json.dumps(messages, ensure_ascii=False)]
    whole = ["You said: ", *(message[at : at + 50] for at in range(0, len(message), 50)), "."]
    return SAYS.get(last, whole)


def load(options: argparse.Namespace) -> None:
    """What happens before the first prompt."""
    print(LOG, flush=True)
    print("`torch_dtype` is deprecated!", file=sys.stderr, flush=True)
    with Path(options.model_name_or_path, "loads").open("a") as loads:
        loads.write("x")
    if options.says == "load error":
        raise OSError("Error no file named model.safetensors found in directory.")
    if options.says == "child":
        subprocess.Popen(["sh", "-c", "trap '' HUP; exec sleep 1000.25"])
    time.sleep(options.loads)
    print(COLOURED, flush=True)


def chat(options: argparse.Namespace) -> None:
    """As `run_chat` in LLaMA-Factory 0.9.5."""
    load(options)
    messages: list[dict[str, str]] = []
    print("Welcome to the CLI application, use `clear` to remove the history, use `exit` to exit the application.")
    while True:
        query = input("\nUser: ")
        if query.strip() == "exit":
            break
        if query.strip() == "clear":
            time.sleep(1000 if options.says == "never cleared" else 0)
            messages = []
            print("History has been removed.")
            continue
        messages.append({"role": "user", "content": query})
        if query.endswith("die"):
            print("torch.OutOfMemoryError: CUDA out of memory.", file=sys.stderr, flush=True)
            os._exit(3)
        if query.endswith("strange"):
            print("Bot> ?")
            continue
        print("Assistant: ", end="", flush=True)
        if query.endswith("hang"):
            time.sleep(1000)
        response = ""
        for piece in pieces(query, messages):
            print(piece, end="", flush=True)
            response += piece
            time.sleep(0.02 if query.endswith(("slow", "prompt", "logs")) else 0)
        print()
        messages.append({"role": "assistant", "content": response})


def replay(file: str) -> None:
    """A chat as it was recorded (`record.py`); another message than the recorded one ends it."""
    written = ""
    for entry in json.loads(Path(file).read_text()):
        if "out" in entry:
            written += entry["out"].replace("\r\n", "\n")
            prompts = written.endswith("\nUser: ")
            piece, written = (written.removesuffix("\nUser: "), "\nUser: ") if prompts else (written, "")
            sys.stdout.buffer.write(piece.encode("latin-1"))
            sys.stdout.buffer.flush()
            time.sleep(min(entry["ms"], 10) / 1000)
        else:
            said, written = input(written), ""
            meant = entry["in"].encode("latin-1").decode().removesuffix("\n").replace("\x16", "")
            if said != meant:
                sys.exit(f"{said!r} is not {meant!r}")


class Api(BaseHTTPRequestHandler):
    """As much of the server as an answer takes."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        print(LOG, flush=True)

    def _refused(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {os.environ['API_KEY']}":
            return False
        self.send_error(401)
        return True

    def do_GET(self) -> None:
        if not self._refused():
            self._send(
                "application/json", b'{"object": "list", "data": [{"id": "gpt-3.5-turbo", "owned_by": "owner"}]}'
            )

    def do_POST(self) -> None:
        if self._refused():
            return
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        roles = [message["role"] for message in asked["messages"] if message["role"] != "system"]
        if roles != (["user", "assistant"] * len(roles))[: len(roles)]:
            self.send_error(400, "Only supports u/a/u/a/u...")
            return
        said = pieces(asked["messages"][-1]["content"], asked["messages"])
        deltas = [{"delta": {"content": piece}} for piece in said] + [{"delta": {}, "finish_reason": "stop"}]
        events = [json.dumps({"choices": [{"index": 0, **delta}]}) for delta in deltas]
        self._send("text/event-stream", "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task")
    parser.add_argument("--model_name_or_path")
    parser.add_argument("--loads", type=float, default=0.0)
    parser.add_argument("--says", default="")
    parser.add_argument("--replays", default="")
    options, _ = parser.parse_known_args()
    if options.replays:
        replay(options.replays)
    elif options.task == "chat":
        chat(options)
    else:
        load(options)
        ThreadingHTTPServer((os.environ["API_HOST"], int(os.environ["API_PORT"])), Api).serve_forever()


if __name__ == "__main__":
    main()
