"""Where model files are on this machine."""

from pathlib import Path
from typing import Protocol


class Weights(Protocol):
    """Finds model files. Engines see only this; `myna.weights.store` is the real one."""

    def locate(self, name: str) -> Path:
        """The files of a model: the file itself if it is one file, else the folder that holds them.

        Args:
            name: A name in the catalog, or the path of the user's own file or folder.

        Raises:
            WeightsMissing: In the catalog but not on this machine (the hint says how to fetch it).
            UnknownName: Neither in the catalog nor a path that exists.
        """
        ...
