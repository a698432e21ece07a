"""What can go wrong between here and a reply, as errors that say how to mend it."""

from myna.core.errors import EngineError, EngineRefused, EngineTimeout, EngineUnavailable
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions

CHECK = "`myna llamafactory check` looks at each step."


def unreachable(place: str, why: str) -> EngineUnavailable:
    """No connection."""
    return EngineUnavailable(
        f"{place} cannot be reached by SSH: {why}.",
        hint="Is the machine up, and are llamafactory.host, port and jump right?",
    )


def unknown_host_key(place: str, ssh: str, fingerprint: str) -> EngineUnavailable:
    """A machine that was never seen before."""
    return EngineUnavailable(
        f"The host key of {place} is not known here; the machine shows {fingerprint}.",
        hint=f"Connect once with `{ssh}`, compare the fingerprint with the one that whoever runs the machine names, "
        "and say yes.",
    )


def changed_host_key(place: str, name: str, fingerprint: str) -> EngineUnavailable:
    """A machine that shows another key than before."""
    return EngineUnavailable(
        f"The host key of {place} is another one than before: the machine shows {fingerprint}.",
        hint=f"It may be another machine that pretends to be this one. If you know that it was set up anew: "
        f"`ssh-keygen -R {name}`, then connect once with `ssh` and compare the fingerprint.",
    )


class LoginRefused(EngineRefused):
    """The machine is there, and does not let us in: who tries again and again may be locked out."""


def login_refused(place: str, why: str) -> LoginRefused:
    """See `LoginRefused`."""
    return LoginRefused(
        f"{place} refused the login: {why}.",
        hint="Set llamafactory.user and key, and see that the public key is in ~/.ssh/authorized_keys there. "
        "A Myna that runs tries again after ten minutes.",
    )


def too_many_keys(place: str, why: str) -> LoginRefused:
    """More keys were tried than the machine allows, be it that the right one was to come."""
    return LoginRefused(
        f"{place} refused the login before all keys were tried: {why}.",
        hint="Set llamafactory.key, and that key alone is tried; else take keys out of the SSH agent. "
        "A Myna that runs tries again after ten minutes.",
    )


def lost(place: str) -> EngineUnavailable:
    """The connection has ended."""
    return EngineUnavailable(
        f"The SSH connection to {place} was lost.", hint="It is made again by itself; try again in a few seconds."
    )


def fault(code: str, options: LlamaFactoryOptions, said: str = "") -> EngineError:
    """What a program there reports by a code; ``said`` is what it says besides."""
    place = options.place
    python = options.python or ("python" if options.conda_env else "python3")
    known: dict[str, tuple[type[EngineError], str, str]] = {
        "work_dir": (
            EngineRefused,
            f"There is no folder {options.work_dir} on {place}.",
            "Correct llamafactory.work_dir (REMOTE_WORK_DIR), or create it there.",
        ),
        "conda": (
            EngineRefused,
            f"conda was not found on {place}.",
            "Install it in ~/miniconda3, or leave out llamafactory.conda_env (CONDA_ENV) and set llamafactory.python.",
        ),
        "conda_env": (
            EngineRefused,
            f"There is no conda environment {options.conda_env} on {place}.",
            "`conda env list` there says which there are; correct llamafactory.conda_env (CONDA_ENV).",
        ),
        "python": (
            EngineRefused,
            f"There is no {python} on {place}.",
            "Correct llamafactory.python, or install Python 3.8 or newer there.",
        ),
        "old_python": (
            EngineRefused,
            f"The Python of {place} is another than expected. {said}",
            "Python 3.8 or newer is needed: set llamafactory.python or conda_env (CONDA_ENV).",
        ),
        "script": (
            EngineRefused,
            f"There is no file {options.script_path} on {place}, seen from {options.work_dir or 'the home folder'}.",
            "Correct llamafactory.script_path (CHAT_SCRIPT_PATH)."
            if options.mode == "script"
            else "`myna llamafactory deploy` copies it there; llamafactory.script_path (CHAT_SCRIPT_PATH) says where.",
        ),
        "cli_not_found": (
            EngineRefused,
            f"{options.cli_path}: command not found on {place} (exit 127).",
            "Install LLaMA-Factory there, or set llamafactory.conda_env, python or cli_path (LLAMAFACTORY_CLI_PATH).",
        ),
        "pexpect_missing": (
            EngineRefused,
            f"{python} on {place} has no pexpect.",
            f"Install it there, in the same environment: `{python} -m pip install pexpect`.",
        ),
        "load_timeout": (
            EngineTimeout,
            f"The model {options.model} did not load on {place} in time. {said}",
            "Set a longer llamafactory.load_timeout_s; a hub model is downloaded the first time.",
        ),
        "load_failed": (
            EngineUnavailable,
            f"The model {options.model} could not be loaded on {place}. {said}",
            f"See that base_model_path, adapter_path and template fit each other. {CHECK}",
        ),
        "no_reply": (
            EngineRefused,
            f"No reply was found in the output of {options.script_path} on {place}. {said}",
            "llamafactory.prompt and reply_pattern say how llamafactory-cli asks and answers.",
        ),
        "timeout": (
            EngineTimeout,
            f"{place} gave no whole reply within {options.timeout_s:g} s.",
            "Set a longer llamafactory.timeout_s (CHAT_TIMEOUT) or a smaller max_new_tokens.",
        ),
    }
    if code in known:
        kind, message, hint = known[code]
        return kind(message.strip(), hint=hint)
    return EngineUnavailable(f"{options.script_path} on {place} failed ({code}). {said}".strip(), hint=CHECK)
