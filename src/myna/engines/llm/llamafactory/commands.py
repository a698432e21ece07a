"""Command lines for the machine with the model.

Each is one line for the login shell there, whichever that is: ``exec sh -c '…'``. All that comes from the settings is
quoted by `shlex.quote`, and what people say is on no command line at all: it goes over standard input.
"""

import re
import shlex
from dataclasses import dataclass

from myna.engines.llm.llamafactory.options import LlamaFactoryOptions

FAULT = re.compile(r"^myna-fault:(\w+)$", re.MULTILINE)
PID = re.compile(r"^myna-pid:(\d+)$", re.MULTILINE)
RUN = "MYNA_RUN"
"""The name in the environment by which a process is known again as ours."""
KILL_S = 7
"""Longer than the wrapper takes to end what it has started, kindly and then hard (`remote.process`)."""

_PLACES = "~/miniconda3 ~/anaconda3 ~/miniforge3 ~/mambaforge /opt/conda /opt/miniconda3 /opt/miniforge3"
_CONDA = (
    'B=; C=$(command -v conda) && B=$(dirname "$(dirname "$C")")',
    f'for D in "$B" {_PLACES}; do B=$D; [ -f "$D/etc/profile.d/conda.sh" ] && break; B=; done',
    '[ -n "$B" ] || fault conda',
    '. "$B/etc/profile.d/conda.sh"',
)
"""Shells that are not for people do not read what `conda init` has written, so it is looked for where it mostly is."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The command lines that the options ask for."""

    options: LlamaFactoryOptions

    def wrapper(self, run: str) -> str:
        """The wrapper, which stays, and is told everything over standard input. ``run`` is a name for this run."""
        how = "--api" if self.options.mode == "api" else "--serve"
        return self._line(*self._ready(), _named(run), f'exec "$P" {self._script()} {how} -')

    def script(self, run: str) -> str:
        """The user's program, for one question, whose JSON is one line of standard input here and its argument."""
        ask = "IFS= read -r Q; exec 0</dev/null"
        return self._line(*self._ready(), ask, _named(run), f'exec "$P" {self._script()} "$Q"')

    def inside(self, *statements: str) -> str:
        """Statements of `sh` in the work folder and the environment; ``$P`` is the Python."""
        return self._line(*self._python(), *statements)

    def outside(self, *statements: str) -> str:
        """Statements of `sh` in the home folder."""
        return self._line(*statements)

    def work_dir(self) -> tuple[str, ...]:
        """Go to the work folder."""
        folder = self.options.work_dir
        return (f"cd {quoted(folder)} 2>/dev/null || fault work_dir",) if folder else ()

    def conda(self) -> tuple[str, ...]:
        """Be in the conda environment."""
        env = self.options.conda_env
        return (*_CONDA, f"conda activate {quoted(env)} >/dev/null 2>&1 || fault conda_env") if env else ()

    def _python(self) -> tuple[str, ...]:
        options = self.options
        python = options.python or ("python" if options.conda_env else "python3")
        beside = ('PATH="$(dirname "$P"):$PATH"; export PATH',) if "/" in python else ()
        return (
            *self.work_dir(),
            *self.conda(),
            f'P={quoted(python)}; command -v "$P" >/dev/null || fault python',
            'PATH="$PATH:$HOME/.local/bin"; export PATH',  # where pip puts programs for one user
            *beside,
        )

    def _ready(self) -> tuple[str, ...]:
        return (*self._python(), f"[ -f {self._script()} ] || fault script", "echo myna-pid:$$ >&2")

    def _script(self) -> str:
        return quoted(self.options.script_path)

    def _line(self, *statements: str) -> str:
        fault = "fault() { echo myna-fault:$1 >&2; exit 99; }"
        return f"exec sh -c {shlex.quote('; '.join((fault, *statements)))}"


def _named(run: str) -> str:
    return f"{RUN}={shlex.quote(run)}; export {RUN}"


def quoted(path: str) -> str:
    """A path as a word of `sh`; ``~/`` is the home folder."""
    if path == "~":
        return '"$HOME"'
    return f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)


def kill(pid: int, run: str) -> str:
    """End the process group of a run, kindly and at last hard, if its leader is still the same process.

    The leader is given `KILL_S`: the wrapper waits for what it has started, in groups of their own, to end.
    """
    same = f"{{ grep -qs {shlex.quote(f'{RUN}={run}')} /proc/{pid}/environ || [ ! -d /proc/self ]; }}"
    wait = f"N=1; while sleep 1; [ $N -lt {KILL_S} ] && kill -0 {pid} 2>/dev/null && {same}; do N=$((N+1)); done"
    end = f"kill -TERM -{pid} 2>/dev/null; {wait}; kill -KILL -{pid} 2>/dev/null; :"
    return f"exec sh -c {shlex.quote(f'{same} && {{ {end}; }}')}"
