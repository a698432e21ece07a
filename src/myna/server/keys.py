"""API keys: made once, shown once, kept as hashes in the data folder; and whose each is.

The first key is the owner's, who has used Myna without one until then: nothing that was kept is out of reach. Every
later key is a user of its own, unless it is made for a user that there is.

A key is 256 random bits, so its plain SHA-256 gives nothing away: there is nothing to guess, as there is with a
password, and the slow hashes that passwords need would only delay every request.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, TypeAlias

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from myna.core.errors import BadConfig, BadInput, Busy, NoRoom, UnknownName
from myna.core.ids import OWNER, UserId

FILE_NAME = "keys.json"
PREFIX = "myna-"
"""What a key begins with, so that people and scanners for leaked secrets know one when they see it."""

MOST_KEYS = 100
LONGEST_NAME = 64
LOCK_S = 10

_Stamp: TypeAlias = tuple[int, int, int]
_ID = re.compile(r"[0-9a-f]{8}")


class Key(BaseModel):
    """A key as it is kept: all but the key itself.

    Attributes:
        user: Whose it is; None: it is a user of its own.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created_at: AwareDatetime
    user: str | None = None

    @property
    def user_id(self) -> UserId:
        """Whose it is: conversations and memories of one user are unknown to every other."""
        return UserId(self.user or self.id)


class _File(BaseModel):
    keys: Annotated[tuple[Key, ...], Field(max_length=MOST_KEYS)]


class Keys:
    """The keys in one file. Any number of processes may use it at a time; each sees at once what another changed.

    Every method raises `BadConfig` when the file is there and cannot be read, so that a damaged file opens no door.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._keys: tuple[Key, ...] = ()

    def all(self) -> tuple[Key, ...]:
        """Every key, the oldest first. Costs a ``stat`` when nothing has changed."""
        try:
            status = self._path.stat()
            # Every change is a new file, so one of the three differs.
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._keys = _File.model_validate_json(self._path.read_bytes()).keys
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp, self._keys = None, ()
        except (OSError, ValidationError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not as Myna wrote it"
            raise BadConfig(
                f"The API keys in {self._path} cannot be read: {why}.",
                hint="Put a copy of the file back, or remove it and create new keys: myna key create",
            ) from error
        return self._keys

    def find(self, secret: str) -> Key | None:
        """The key that ``secret`` is, compared in a time that tells nothing."""
        digest = _digest(secret)
        found = [key for key in self.all() if hmac.compare_digest(key.sha256, digest)]
        return found[0] if found else None

    def user(self, named: str) -> UserId:
        """The user that is named: ``owner``, the name or id of a key of his, or the id of one that was revoked.

        Raises:
            UnknownName: There is none.
        """
        if named == OWNER:
            return OWNER
        keys = self.all()
        found = next((key.user_id for key in keys if named in (key.name, key.id)), None)
        if found is None and not _ID.fullmatch(named):
            known = ", ".join([OWNER, *(key.name for key in keys if key.user_id != OWNER)])
            raise UnknownName(
                f"There is no user {named}.", hint=f"There is: {known}; or give the id of a key that was revoked."
            )
        return found or UserId(named)

    def create(self, name: str | None = None, *, user: str | None = None) -> tuple[Key, str]:
        """A new key, and the secret itself, which is to be had here only.

        Args:
            name: What to call it.
            user: Whose it is, as `user` names them. Left out, the first key is the owner's, and any other is a user of
                its own.

        Raises:
            BadInput: The name is taken or no name, or there are too many keys; or there is no such user.
        """
        secret = PREFIX + secrets.token_urlsafe(32)
        key_id = secrets.token_hex(4)
        name = key_id if name is None else name.strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadInput(
                f"A key's name has 1 to {LONGEST_NAME} visible characters.", hint="For example: --name robot"
            )
        if name == OWNER:
            raise BadInput(f"A key cannot be called {OWNER}: that is a user.", hint="For example: --name robot")
        made_at = datetime.now(UTC).replace(microsecond=0)
        with self._alone():
            keys = self.all()
            whose = self.user(user) if user is not None else None if keys else OWNER
            key = Key(id=key_id, name=name, sha256=_digest(secret), created_at=made_at, user=whose)
            if any(name in (other.name, other.id) for other in keys):
                raise BadInput(f"There is a key {name} already.", hint=f"Choose another, or: myna key revoke {name}")
            if len(keys) >= MOST_KEYS:
                raise BadInput(f"There are {MOST_KEYS} keys already.", hint="Revoke one: myna key revoke NAME")
            self._write((*keys, key))
        return key, secret

    def revoke(self, name_or_id: str) -> Key:
        """Remove a key, and give what it was.

        Raises:
            UnknownName: There is none of this name or id.
        """
        with self._alone():
            keys = self.all()
            for key in keys:
                if name_or_id in (key.name, key.id):
                    self._write(tuple(other for other in keys if other is not key))
                    return key
        known = ", ".join(key.name for key in keys) or "none"
        raise UnknownName(f"There is no key {name_or_id}.", hint=f"There is: {known}.")

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Nobody else changes the file meanwhile."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock"), timeout=LOCK_S):
                yield
        except Timeout:
            raise Busy("Another process is changing the API keys.", hint="Try again in a moment.") from None
        except OSError as error:
            raise NoRoom(
                f"The API keys cannot be written to {self._path}: {error.strerror}.", hint="Mend it, and try again."
            ) from error

    def _write(self, keys: tuple[Key, ...]) -> None:
        text = _File(keys=keys).model_dump_json(indent=2)
        # A temporary file is its owner's alone to read, and so the keys are.
        folder = self._path.parent
        with ExitStack() as leaving:
            with NamedTemporaryFile("w", dir=folder, prefix=".keys-", delete=False, encoding="utf-8") as file:
                part = Path(file.name)
                leaving.callback(part.unlink, missing_ok=True)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
