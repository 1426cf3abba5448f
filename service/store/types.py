"""Column types: aware UTC instants, JSON documents, and text that people typed, encrypted at rest."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import DateTime, Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

_NONCE = 12
_KEY_ID = 4


class KeyMissing(Exception):
    """A stored value was encrypted with a key that is not among GREENROOM_SECRET_KEYS. `key_id` names it."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id} among GREENROOM_SECRET_KEYS")
        self.key_id = key_id


class Keyring:
    """Seals and opens values with AES-256-GCM; the newest key seals, every key opens. One purpose, one derived key."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        if not secrets:
            raise ValueError("a keyring needs a key")
        self._ciphers = {self.key_id(secret): AESGCM(self._derive(secret)) for secret in reversed(secrets)}
        self.newest = self.key_id(secrets[0])

    @property
    def ids(self) -> frozenset[str]:
        """The names of the keys that it opens with."""
        return frozenset(self._ciphers)

    @staticmethod
    def key_id(secret: str) -> str:
        """A short public name of a key, stored beside what it sealed."""
        return hashlib.sha256(b"greenroom key id" + secret.encode()).hexdigest()[: _KEY_ID * 2]

    @staticmethod
    def _derive(secret: str) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt=None, info=b"greenroom column encryption").derive(secret.encode())

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self.newest].encrypt(nonce, plain, bound_to)
        return bytes.fromhex(self.newest) + nonce + sealed

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Raises KeyMissing when the value's key is not here, or when it was sealed for another column."""
        key_id = sealed[:_KEY_ID].hex()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyMissing(key_id)
        try:
            return cipher.decrypt(sealed[_KEY_ID : _KEY_ID + _NONCE], sealed[_KEY_ID + _NONCE :], bound_to)
        except InvalidTag:
            raise KeyMissing(key_id) from None


def keyring_of(dialect: Dialect) -> Keyring:
    """The keyring that `database.connect` hung on the engine's dialect; one per engine, so that none is global."""
    ring: Keyring = dialect.greenroom_keyring  # type: ignore[attr-defined]
    return ring


SEALED_NOTHING = _KEY_ID + _NONCE + 16  # octets of a sealed value that is empty: what AES-GCM adds is 16


class EncryptedBytes(TypeDecorator[bytes]):
    """Octets sealed at rest. `bound_to` is the column's name: a value moved to another column does not open."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, bound_to: str) -> None:
        super().__init__()
        self.bound_to = bound_to

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keyring_of(dialect).seal(value, self.bound_to.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keyring_of(dialect).open(value, self.bound_to.encode())


class EncryptedText(TypeDecorator[str]):
    """Text that a person typed (or a secret), sealed at rest and bound to its column."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, bound_to: str) -> None:
        super().__init__()
        self.bound_to = bound_to

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keyring_of(dialect).seal(value.encode(), self.bound_to.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else keyring_of(dialect).open(value, self.bound_to.encode()).decode()


@dataclass(frozen=True, slots=True)
class OfRow:
    """A secret together with the id of the one row that it belongs to."""

    row_id: int
    secret: str = field(repr=False)


class EncryptedOfRow(TypeDecorator[OfRow]):
    """A secret sealed at rest and bound to its column and its row: copied into another row it is seen to be another's.

    The row's id is part of what is authenticated, and stands behind the sealed octets so that keys can be rotated
    without knowing the row.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, bound_to: str) -> None:
        super().__init__()
        self.bound_to = bound_to

    def process_bind_param(self, value: OfRow | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        row = value.row_id.to_bytes(8, "big")
        return keyring_of(dialect).seal(value.secret.encode(), self._bound(row)) + row

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> OfRow | None:
        if value is None:
            return None
        sealed, row = value[:-8], value[-8:]
        return OfRow(int.from_bytes(row, "big"), keyring_of(dialect).open(sealed, self._bound(row)).decode())

    def _bound(self, row: bytes) -> bytes:
        return self.bound_to.encode() + b":" + row


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, in UTC both ways; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored instant must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def fingerprint(token: str) -> str:
    """What is stored of a random token: tokens carry 128 bits or more, so one plain SHA-256 is enough to look it up."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
