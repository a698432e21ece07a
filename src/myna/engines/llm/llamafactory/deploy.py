"""Copying the wrapper to the machine."""

import shlex

from myna.core.errors import BadConfig, EngineRefused
from myna.engines.llm.llamafactory import commands, faults
from myna.engines.llm.llamafactory.commands import Commands, quoted
from myna.engines.llm.llamafactory.connection import open_connection
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.wrapper import archive

OURS = "myna_remote"
"""Stands in every copy of the wrapper, uncompressed: the names of the files of a zip archive."""


async def deploy(options: LlamaFactoryOptions, *, force: bool = False) -> str:
    """Copy the wrapper to ``script_path``, whole or not at all. An older copy is replaced; another file only by force.

    Returns:
        Where it is now, for people.

    Raises:
        BadConfig: In the mode ``script``, whose program is the user's.
        EngineError: The machine cannot be reached, the work folder is missing, or it cannot be written there.
    """
    if options.mode == "script":
        raise BadConfig(
            "In the mode script the program on the machine is your own.", hint="For the wrapper: llamafactory.mode=cli"
        )
    path = quoted(options.script_path)
    part = f'{path}".part"'
    data = archive()
    check = () if force else (f"[ ! -e {path} ] || grep -q {OURS} {path} || fault foreign",)
    whole = f"cat >{part} && [ $(wc -c <{part}) = {len(data)} ] && mv -f {part} {path}"
    line = Commands(options).outside(*Commands(options).work_dir(), *check, f"{{ {whole}; }} || fault write")
    async with open_connection(options) as connection:
        ran = await connection.run(line, given=data)
    found = commands.FAULT.search(ran.errors)
    match found[1] if found else "write" if ran.status else "":
        case "":
            folder = "" if options.script_path.startswith(("/", "~")) else f"{(options.work_dir or '~').rstrip('/')}/"
            return f"{options.place}:{folder}{options.script_path}"
        case "foreign":
            raise EngineRefused(
                f"{options.script_path} on {options.place} is a file of yours, and no wrapper of Myna's.",
                hint="Set llamafactory.script_path (CHAT_SCRIPT_PATH) to another name, or use --force.",
            )
        case "write":
            said = "; ".join(line for line in ran.errors.splitlines() if not line.startswith("myna-"))
            raise EngineRefused(f"{options.script_path} cannot be written on {options.place}: {said[-300:]}.")
        case code:
            raise faults.fault(code, options)


def digest_command(options: LlamaFactoryOptions) -> str:
    """Prints that of the copy on the machine."""
    program = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
    path = quoted(options.script_path)
    return Commands(options).inside(f"[ -f {path} ] || fault script", f'"$P" -c {shlex.quote(program)} {path}')
