"""A sealed file comes back to the octet, or is refused: cut, changed, put together anew, or with another passphrase."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.store.sealed_file import (
    CHUNK,
    MAGIC,
    BackupDamaged,
    BackupNewer,
    NotABackup,
    SealedReader,
    SealedWriter,
    WrongPassphrase,
)
from tests.commands import cheap_backups

HEAD = len(MAGIC) + 1 + 16 + 32


def sealed(*parts: bytes) -> bytes:
    file = io.BytesIO()
    with cheap_backups():
        writer = SealedWriter(file, "open sesame")
    for part in parts:
        writer.write(part)
    writer.finish()
    return file.getvalue()


def opened(octets: bytes, passphrase: str = "open sesame") -> bytes:
    file = io.BytesIO(octets)
    return io.BufferedReader(SealedReader(file.read(len(MAGIC)), file, lambda: passphrase)).read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_what_was_written_comes_back(size):
    plain = bytes(range(256)) * (size // 256 + 1)
    whole = sealed(plain[: size // 3], plain[size // 3 : size])
    assert opened(whole) == plain[:size]
    assert plain[:256] not in whole


def test_two_files_of_the_same_words_share_nothing_but_their_beginning():
    one, other = sealed(b"same" * 100), sealed(b"same" * 100)
    assert one[: len(MAGIC) + 1] == other[: len(MAGIC) + 1]
    assert one[len(MAGIC) + 1 :][:16] != other[len(MAGIC) + 1 :][:16]
    assert one[HEAD:] != other[HEAD:]


WHOLE = sealed(b"x" * (2 * CHUNK + 100))
ONE = CHUNK + 16


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_octet_is_found(at, change):
    turned = bytearray(WHOLE)
    turned[at] ^= change
    if at == len(MAGIC):  # a cost that a made-up head asks for
        turned[at] = 21
    with pytest.raises((NotABackup, BackupNewer, WrongPassphrase, BackupDamaged)):
        opened(bytes(turned))


@given(st.integers(HEAD, len(WHOLE) - 1))
def test_a_cut_file_is_found(length):
    with pytest.raises(BackupDamaged):
        opened(WHOLE[:length])


@pytest.mark.parametrize("length", range(HEAD + 1))
def test_a_cut_head_is_found(length):
    with pytest.raises(NotABackup if length < len(MAGIC) else BackupDamaged):
        opened(WHOLE[:length])


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD, HEAD + ONE),  # without the last
        (HEAD + ONE, len(WHOLE)),  # without the first
        (HEAD + ONE, HEAD + 2 * ONE, HEAD, HEAD + ONE, HEAD + 2 * ONE, len(WHOLE)),  # in another order
        (HEAD, HEAD + ONE, HEAD, len(WHOLE)),  # one twice
        (HEAD, len(WHOLE), HEAD + 2 * ONE, len(WHOLE)),  # something after the end
    ],
)
def test_chunks_stay_where_they_are(pieces):
    put_together = WHOLE[:HEAD] + b"".join(WHOLE[a:b] for a, b in zip(pieces[::2], pieces[1::2], strict=True))
    with pytest.raises(BackupDamaged):
        opened(put_together)


def test_each_refusal_has_its_reason():
    with pytest.raises(WrongPassphrase):
        opened(WHOLE, "open sesame!")
    with pytest.raises(NotABackup):
        opened(b"PK\x03\x04 something else entirely")
    with pytest.raises(NotABackup):
        opened(b"")
    with pytest.raises(BackupNewer):
        opened(WHOLE.replace(b"backup 1", b"backup 2", 1))
    with pytest.raises(BackupDamaged):
        opened(WHOLE[:-1])


def test_a_guess_costs_a_hundred_megabytes():
    file = io.BytesIO()
    SealedWriter(file, "open sesame").finish()
    assert opened(file.getvalue()) == b""
    assert 128 * 8 << file.getvalue()[len(MAGIC)] >= 100 * 1024**2
