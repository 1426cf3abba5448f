"""A file that a passphrase seals, written and read as a stream: its size is nowhere held in memory.

The head is MAGIC, the cost of scrypt (log2 N), a salt, and a check of the passphrase; then come chunks of AES-256-GCM
as in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015; age uses it the same way): a chunk's nonce is
its number and whether it is the last, so that none can be changed, moved, repeated or left off. The salt, and with it
the key, is new for each file.
"""

from __future__ import annotations

import hmac
import io
import os
from collections.abc import Callable
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from service.domain.errors import GreenroomError

MAGIC = b"greenroom backup 1\n"
KIND = b"greenroom backup "
CHUNK = 64 * 1024
COST = 17  # 128 MiB and about half a second for each guess (OWASP's password storage sheet, November 2026)
COSTLIEST = 20  # a head that was made up may not take a gigabyte
_SALT, _CHECK, _TAG = 16, 32, 16


class NotABackup(GreenroomError):
    """The file is none that `backup` made; nothing was changed."""

    code = "not_a_backup"


class BackupNewer(GreenroomError):
    """A later version made this file; this one cannot read it. Nothing was changed."""

    code = "backup_newer"


class WrongPassphrase(GreenroomError):
    """It does not open this file; nothing was changed."""

    code = "wrong_passphrase"


class BackupDamaged(GreenroomError):
    """The file was cut or changed after it was made; nothing was changed."""

    code = "backup_damaged"


class SealedWriter(io.RawIOBase):
    """Writes what it is given to `file`, sealed. Only `finish` makes it whole; `close` alone leaves it cut."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        salt = os.urandom(_SALT)
        key, check = _derive(passphrase, salt, COST)
        self._head = MAGIC + bytes([COST]) + salt + check
        self._file, self._cipher, self._number = file, AESGCM(key), 0
        self._waiting = bytearray()
        file.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self._waiting += data
        while len(self._waiting) > CHUNK:  # the last chunk is known as such, so one is always kept back
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> None:
        """Seals what is left as the last chunk."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), plain, self._head))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Reads what SealedWriter wrote. Each octet is checked before it is handed out; that none is missing at the end is
    known only there, so what was read counts once the end was.

    `magic` are the octets that were read of it to see what it is; the passphrase is asked for when it can open it.
    Raises NotABackup, BackupNewer and WrongPassphrase at once, BackupDamaged at the chunk that it concerns.
    """

    def __init__(self, magic: bytes, file: BinaryIO, passphrase: Callable[[], str]) -> None:
        if magic != MAGIC:
            raise BackupNewer if magic.startswith(KIND) and len(magic) == len(MAGIC) else NotABackup
        rest = file.read(1 + _SALT + _CHECK)
        if len(rest) < 1 + _SALT + _CHECK or rest[0] > COSTLIEST or rest[0] < 1:
            raise BackupDamaged
        key, check = _derive(passphrase(), rest[1 : 1 + _SALT], rest[0])
        if not hmac.compare_digest(check, rest[1 + _SALT :]):
            raise WrongPassphrase
        self._head = magic + rest
        self._file, self._cipher, self._number = file, AESGCM(key), 0
        self._ahead = file.read(CHUNK + _TAG)
        self._plain = b""
        self._at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._plain and not self._at_end:
            self._open_next()
        count = min(len(buffer), len(self._plain))
        buffer[:count], self._plain = self._plain[:count], self._plain[count:]
        return count

    def _open_next(self) -> None:
        sealed, self._ahead = self._ahead, self._file.read(CHUNK + _TAG)
        self._at_end = not self._ahead
        try:
            self._plain = self._cipher.decrypt(_nonce(self._number, last=self._at_end), sealed, self._head)
        except InvalidTag:
            raise BackupDamaged from None
        self._number += 1


def _derive(passphrase: str, salt: bytes, cost: int) -> tuple[bytes, bytes]:
    """The key, and what tells a wrong passphrase from a damaged file. Knowing the second gives nothing of the first:
    both are blocks of scrypt's closing PBKDF2."""
    derived = Scrypt(salt=salt, length=32 + _CHECK, n=1 << cost, r=8, p=1).derive(passphrase.encode())
    return derived[:32], derived[32:]


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
