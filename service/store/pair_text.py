"""Text that people typed within a pair, sealed at rest with a key of that pair alone.

Every value carries its pair's key, wrapped by the keyring: reading needs the value and GREENROOM_SECRET_KEYS and no
second question, and rotating those keys works as for any other sealed value. Envelope encryption, as NIST SP 800-57
part 1 (key wrapping) and the key services of the large clouds have it; AES-256-GCM as in `types`.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

from service.store.types import KeyMissing, Keyring, keyring_of

_WRAP = b"pair key in a value"
_WRAPPED = 64  # octets: the name of the keyring's key, nonce, 32 octets of key, tag
_NONCE = 12


class PairText(str):
    """A text together with the key of its pair: what a read gives, and what a write has to be given."""

    key: bytes


def with_key(text: str, key: bytes) -> PairText:
    told = PairText(text)
    told.key = key
    return told


def new_key() -> bytes:
    return AESGCM.generate_key(256)


def seal(text: PairText, bound_to: bytes, keyring: Keyring) -> bytes:
    nonce = os.urandom(_NONCE)
    return keyring.seal(text.key, _WRAP) + nonce + AESGCM(text.key).encrypt(nonce, text.encode(), bound_to)


def opened(sealed: bytes, bound_to: bytes, keyring: Keyring) -> PairText:
    """As `unseal`, and what was sealed before pairs had keys: it gets a key of its own when it is sealed anew."""
    try:
        return unseal(sealed, bound_to, keyring)
    except KeyMissing:
        return with_key(keyring.open(sealed, bound_to).decode(), new_key())


def unseal(sealed: bytes, bound_to: bytes, keyring: Keyring) -> PairText:
    """Raises KeyMissing when the key that wraps is not here, or when the value was sealed for another column."""
    key = keyring.open(sealed[:_WRAPPED], _WRAP)
    nonce, text = sealed[_WRAPPED : _WRAPPED + _NONCE], sealed[_WRAPPED + _NONCE :]
    try:
        return with_key(AESGCM(key).decrypt(nonce, text, bound_to).decode(), key)
    except InvalidTag:
        raise KeyMissing(sealed[:4].hex()) from None


class EncryptedOfPair(TypeDecorator[str]):
    """Text of a pair, bound to its column. `tables.sealing` gives each text its pair's key when a row is written; a
    text that comes another way has none, and is refused."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, bound_to: str) -> None:
        super().__init__()
        self.bound_to = bound_to

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, PairText):
            raise TypeError(f"{self.bound_to} is sealed with its pair's key: write it through a row")
        return seal(value, self.bound_to.encode(), keyring_of(dialect))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else opened(value, self.bound_to.encode(), keyring_of(dialect))
