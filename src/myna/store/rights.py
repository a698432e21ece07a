"""Who may read the database: the account that Myna runs as, and nobody else of the machine.

Where rights are kept otherwise (Windows), and where others own a file or a folder, nothing is changed.
"""

import contextlib
import os
from pathlib import Path


def make_private(folder: Path) -> None:
    """Make a folder with all that it is in; a new one is nobody else's to look into.

    Raises:
        OSError: It cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def keep_private(path: Path) -> None:
    """Nobody else may read a file or folder of ours that is there already."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # it is not there, or not ours
        status = path.stat()
        if status.st_uid == os.geteuid() and status.st_mode & 0o077:
            path.chmod(status.st_mode & 0o700)


def make_file(file: Path) -> None:
    """Make an empty file that is nobody else's to read, unless it is there; SQLite's companions have its rights."""
    with contextlib.suppress(OSError):  # who opens it tells what is wrong
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
