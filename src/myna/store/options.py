"""The ``[store]`` section of the settings."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

FILE_NAME = "myna.db"


class StoreOptions(BaseModel):
    """Where conversations and memories are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = Field(
        default=None,
        description="A database: the path of an SQLite file, or `postgresql://user:password@host/name`; unset is "
        "`myna.db` in the data folder.",
    )

    def place(self, folder: Path) -> str | Path:
        """What to open, where ``folder`` is the data folder; a path is one in it."""
        return self.url.get_secret_value() if self.url else folder / FILE_NAME
