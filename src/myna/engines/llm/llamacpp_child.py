"""The child process of `myna.engines.llm.llamacpp`: llama.cpp's own server around one model.

It reads its settings as one line of JSON from standard input (the API key is among them, so they stand neither on the
command line nor in the environment), says where it listens on standard output, and lives until standard input ends.
Everything else that it writes is log.

It imports as little as it can, to start fast.
"""

import json
import os
import select
import signal
import sys
import time
from typing import Any, NoReturn

READY = "myna-llamacpp-ready "
"""Begins the line that says where the model computes, ``cpu`` or ``gpu``, and the URL of the server."""

BATCH_TOKENS = 128
"""A prompt is read so many tokens at a time, and only in between does llama.cpp notice that a client has left or give
the other slots their turn. On a CPU 128 are read 5 % slower a token than 512 (190 tokens/s, 0.5B, 2 cores)."""

LOG_S = 0.5
"""llama.cpp logs from a thread of its own, and an exit does not wait for it."""


def end_with_parent() -> None:
    """Have the kernel kill this process when the other end of standard input closes, whatever runs here then.

    A thread that waits for it would not do: xllamacpp holds the interpreter lock while it loads a model. From here on
    anything that is written to standard input kills as well. On Linux it also ends a process that is paused.
    """
    if not hasattr(signal, "SIGIO"):  # Windows: noticed after loading
        return
    import fcntl  # noqa: PLC0415 - POSIX only

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    if hasattr(fcntl, "F_SETSIG"):  # Linux: a stopped process gets no other signal than this one
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # it had closed before
        os._exit(0)


def serve(settings: dict[str, Any]) -> NoReturn:
    """Load the model, report the address, and wait for the end."""
    # libgomp's threads spin while they wait for each other: with speech made on the same cores, that makes a token 4 to
    # 20 times slower. One thread per two cores that does not spin makes it a fifth slower when nothing else runs.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp  # noqa: PLC0415 - pyright: ignore[reportMissingTypeStubs] - 100 MB, and after OMP_WAIT_POLICY

    xlc: Any = xllamacpp
    params = xlc.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["model"]}
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context_tokens"]
    params.cache_ram_mib = settings["prompt_cache_mib"]
    params.sampling.temp = settings["temperature"]
    params.sampling.penalty_repeat = settings["repeat_penalty"]
    params.sampling.penalty_last_n = 64
    params.cpuparams.n_threads = settings["threads"] or max(1, settings["cores"] // 2)
    params.cpuparams_batch.n_threads = settings["threads"] or settings["cores"]

    on_gpu = settings["gpu_layers"] != 0 and any(
        device["type"] != xlc.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU for device in xlc.get_device_info()
    )
    params.fit_params = on_gpu
    if on_gpu:
        params.n_gpu_layers = settings["gpu_layers"]
    else:
        params.n_gpu_layers = 0
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        # 20 new tokens after 1,340 in the cache take 0.55 s of CPU without flash attention and 0.77 s with it (0.43 and
        # 0.46 s after 290); a prompt that is all new takes a tenth more, and writing the same (0.5B).
        params.flash_attn_type = xlc.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED

    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["api_key"]]
    params.cors_origins = params.cors_methods = params.cors_headers = ""
    params.cors_credentials = False
    params.ui = params.ui_mcp_proxy = False
    params.endpoint_props = False
    params.slot_save_path = ""
    params.verbosity = 2  # warnings and errors

    try:
        server = xlc.Server(params)
    except RuntimeError:
        time.sleep(LOG_S)
        os._exit(1)  # the log says why
    os.write(1, f"\n{READY}{'gpu' if on_gpu else 'cpu'} {server.listening_address}\n".encode())
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    end_with_parent()
    serve(given)
