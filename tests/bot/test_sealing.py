"""Sealing: what was made for one key, purpose and context opens for no other; the key's file."""

import base64
import hashlib
import hmac
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sealing import KeyFileRefused, SealBroken, Sealer, load_or_make_key

MASTER = bytes(range(32))
SEALER = Sealer(MASTER)


def hkdf_expand(key: bytes, info: bytes) -> bytes:
    """RFC 5869 §2.3 for one block, by hand."""
    return hmac.digest(key, info + b"\x01", "sha256")


@given(plain=st.binary(max_size=200), context=st.binary(max_size=20))
def test_what_was_sealed_opens(plain: bytes, context: bytes) -> None:
    sealed = SEALER.seal("document", plain, context)
    assert len(sealed) == len(plain) + 28
    assert SEALER.open("document", sealed, context) == plain


@given(plain=st.binary(max_size=40), at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(plain: bytes, at: int, bit: int) -> None:
    sealed = bytearray(SEALER.seal("document", plain, b"c"))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(SealBroken):
        SEALER.open("document", bytes(sealed), b"c")


def test_another_key_purpose_or_context_does_not_open() -> None:
    sealed = SEALER.seal("document", b"plain", b"row 1")
    for sealer, purpose, context in (
        (Sealer(MASTER[::-1]), "document", b"row 1"),
        (SEALER, "state", b"row 1"),
        (SEALER, "document", b"row 2"),
        (SEALER, "document", b""),
    ):
        with pytest.raises(SealBroken):
            sealer.open(purpose, sealed, context)
    for cut in range(len(sealed)):
        with pytest.raises(SealBroken):
            SEALER.open("document", sealed[:cut], b"row 1")


def test_the_same_plain_text_never_looks_the_same() -> None:
    assert len({SEALER.seal("document", b"plain") for _ in range(100)}) == 100


def test_codes_and_tokens_are_what_they_say() -> None:
    framed = (3).to_bytes(8) + b"one" + (6).to_bytes(8) + "이".encode() + b"abc"
    assert (
        SEALER.mac("code", "one", "이abc")
        == hmac.new(hkdf_expand(MASTER, b"certtalk mac code"), framed, hashlib.sha256).digest()
    )
    token = SEALER.token("page", "link-1")
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", token)
    assert len(base64.urlsafe_b64decode(token + "==")) == 16
    assert token == Sealer(MASTER).token("page", "link-1")


def test_no_two_framings_meet() -> None:
    parts = [(), ("",), ("", ""), ("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), ("abc", "")]
    assert len({SEALER.mac("p", *given_parts) for given_parts in parts}) == len(parts)
    assert SEALER.mac("p", "가") == SEALER.mac("p", "가".encode())
    assert SEALER.mac("p", "a") != SEALER.mac("q", "a")
    assert SEALER.token("p", "a") != SEALER.token("q", "a") != SEALER.token("q", "b")
    assert SEALER.mac("p", "a")[:16] != base64.urlsafe_b64decode(SEALER.token("p", "a") + "==")


def test_comparing() -> None:
    assert Sealer.same("가", "가".encode())
    assert Sealer.same(b"", "")
    assert not Sealer.same("a", "b")
    assert not Sealer.same("a", "aa")
    assert not Sealer.same("\ud800", "\ud801")


def test_a_key_of_another_size_is_refused_and_none_is_shown() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        Sealer(b"short")
    assert MASTER.hex() not in repr(SEALER)
    assert repr(MASTER) not in repr(SEALER)


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    key = load_or_make_key(path)
    assert len(key) == 32
    assert load_or_make_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["master.key"]
    assert load_or_make_key(tmp_path / "other.key") != key


def test_many_starters_at_once_get_one_key(tmp_path: Path) -> None:
    together, keys = threading.Barrier(8), []

    def start() -> None:
        together.wait()
        keys.append(load_or_make_key(tmp_path / "master.key"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_key_others_may_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    load_or_make_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileRefused) as refused:
        load_or_make_key(path)
    assert (refused.value.code, refused.value.remedy) == ("wide", f"chmod 600 {path}")


@pytest.mark.parametrize("content", [b"", b"00", b"zz" * 32, b"ab" * 33, bytes(range(256))])
def test_what_is_not_a_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileRefused) as refused:
        load_or_make_key(path)
    assert refused.value.code == "size"
    assert path.read_bytes() == content


def test_a_folder_is_not_a_key(tmp_path: Path) -> None:
    with pytest.raises(KeyFileRefused) as refused:
        load_or_make_key(tmp_path)
    assert refused.value.code == "kind"
