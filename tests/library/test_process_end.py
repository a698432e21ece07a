"""However a program ends, it ends at once, and nothing of Myna stays."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

HANGING = """
import threading
import myna
from myna.testing.llm import HANG, ScriptedLLM
from tests.library.scripted import CALLED, call

@myna.tool
def hang() -> str:
    '''Never return.'''
    print("hanging", flush=True)
    threading.Event().wait()
    return ""

"""

STREAM = "stream = myna.Agent(ScriptedLLM(['One, ', HANG])).stream('Count'); print(next(stream))"
TOOL = """
agent = myna.Agent(ScriptedLLM(["Wait. ", call("hang"), CALLED], "Done."), [hang])
stream = agent.stream("Go")
print(next(stream), flush=True)
import time; time.sleep(0.5)
"""
SERVER = "myna.serve(myna.LLM(ScriptedLLM('ok')), port=0, block=False, voice=False)"
ERROR = f"{STREAM}; raise SystemExit(3)"


@pytest.mark.parametrize(
    ("program", "status"), [("pass", 0), (STREAM, 0), (TOOL, 0), (SERVER, 0), (ERROR, 3), (SERVER + "; 1 / 0", 1)]
)
def test_a_program_ends_though_something_still_runs(program: str, status: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", HANGING + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    if status == 0:
        assert ended.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_fork_asks_by_itself() -> None:
    program = """
import os
import myna
from myna.testing.llm import ScriptedLLM
llm = myna.LLM(ScriptedLLM("ok"))
print(llm("Hello"))
child = os.fork()
print(llm("Hello"), flush=True)
if child:
    print(os.waitpid(child, 0)[1])
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert sorted(ended.stdout.split()) == ["0", "ok", "ok", "ok"]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
@pytest.mark.parametrize("block", [True, False])
def test_ctrl_c_ends_a_server_as_it_should(block: bool) -> None:
    program = f"""{HANGING}
import sys
server = myna.serve(myna.LLM(ScriptedLLM('ok')), port=0, voice=False, block={block})
if not {block}:
    print("Myna at", server.url, file=sys.stderr)
    server.wait()
print('after')
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith(b"Myna at http://127.0.0.1:")
        time.sleep(0.3)  # it is said just before it is waited for
        running.send_signal(signal.SIGINT)
        out, error = running.communicate(timeout=60)
    assert (out.decode().split(), running.returncode, error) == (["after"], 0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_fork_leaves_its_parents_server_alone_when_it_ends() -> None:
    program = f"""
import atexit, os, threading
atexit.register(lambda: print(os.getpid(), threading.active_count(), flush=True))
import myna
from myna.testing.llm import ScriptedLLM
server = {SERVER}
child = os.fork()
if not child:
    raise SystemExit(5)
print(child, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(server)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    childs, status, server, _ = ended.stdout.splitlines()
    child, threads = childs.split()
    assert (threads, status) == ("1", f"{child} 5")
    assert "stopped" not in server


COMPUTES = """
import time
from myna.engines.abandoned import run_abandonable
from myna.library.home import home

def compute():
    time.sleep(0.5)
    print("returned", flush=True)

home().loop.start(lambda: run_abandonable(compute))
time.sleep(0.1)
"""


@pytest.mark.parametrize(("last", "status"), [("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)])
def test_what_computes_in_a_thread_returns_before_python_shuts_down(last: str, status: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMPUTES + last], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stdout, ended.returncode) == ("returned\n", status)


LOADS = """
import atexit, time
import myna
from myna.testing.llm import ScriptedLLM
atexit.register(print, "ended")
server = myna.serve(myna.LLM(ScriptedLLM("ok")), port=0, block=False)
atexit.register(print, "ending", flush=True)
"""


@pytest.mark.models
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
@pytest.mark.parametrize(
    ("last", "status"),
    [("", 0), ("time.sleep(0.5); server.stop()", 0), ("time.sleep(1); raise SystemExit(3)", 3)],
    ids=["at once", "after its server", "later, with a status"],
)
def test_a_program_ends_well_while_what_hears_and_speaks_still_loads(last: str, status: int) -> None:
    """Also if it is told once more to end, as models do not hear that."""
    with subprocess.Popen(
        [sys.executable, "-c", LOADS + last], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ending\n"
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        out, error = running.communicate(timeout=60)
    assert (out, running.returncode) == ("ended\n", status), error
    assert "Traceback" not in error


MODEL = """
import os, psutil, myna
llm = myna.LLM()
stream = llm.stream("Count to a hundred.")
print(next(stream))
print(*(child.pid for child in psutil.Process().children(recursive=True)))
"""


@pytest.mark.models
@pytest.mark.parametrize("last", ["", "raise SystemExit(3)", "os.kill(os.getpid(), 9)"])
def test_the_models_process_ends_with_the_program(last: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MODEL + last], capture_output=True, text=True, timeout=110, check=False
    )
    *_, pids = ended.stdout.strip().splitlines()
    children = [int(pid) for pid in pids.split()]
    assert children
    until = time.monotonic() + 10
    while time.monotonic() < until and any(map(psutil.pid_exists, children)):
        time.sleep(0.1)
    assert not any(map(psutil.pid_exists, children))
