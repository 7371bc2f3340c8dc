"""Keyed work on octets that are stored or sent: sealing, message codes, derived tokens; and the key's file.

One 32-octet master key; HKDF gives every use and purpose its own key (RFC 5869 §3.2), so what was made for one
purpose means nothing to another.

SealingError
├── SealBroken        the octets were not sealed by this key for this purpose and context
└── KeyFileRefused    the key's file cannot be trusted; `remedy` says what to do
"""

import base64
import hmac
import os
import secrets
import stat
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_OCTETS: Final = 32
_NONCE_OCTETS: Final = 12


class SealingError(Exception):
    pass


class SealBroken(SealingError):
    pass


class KeyFileRefused(SealingError):
    """`code` is `wide`, `size`, `kind` or `lost`."""

    def __init__(self, code: str, path: Path, remedy: str) -> None:
        super().__init__(f"key file {path}: {code}; {remedy}")
        self.code = code
        self.path = path
        self.remedy = remedy


class Sealer:
    """`master` is 32 uniformly random octets."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_OCTETS:
            raise ValueError(f"a master key has {KEY_OCTETS} octets, not {len(master)}")
        self._key = lru_cache(maxsize=64)(lambda use, purpose: _derive(master, use, purpose))
        self._cipher = lru_cache(maxsize=64)(lambda purpose: AESGCM(self._key("seal", purpose)))

    def __repr__(self) -> str:
        return "Sealer(…)"

    def seal(self, purpose: str, plain: bytes, context: bytes = b"") -> bytes:
        """Nonce, ciphertext and tag in one; 28 octets longer than `plain`.

        `context` is not kept but must be given again to open: the row or person the octets belong to.
        """
        # A random 96-bit nonce is good for 2^32 messages a key (NIST SP 800-38D §8.3).
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        return nonce + self._cipher(purpose).encrypt(nonce, plain, context)

    def open(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Raises `SealBroken` when `sealed` is not exactly what `seal` made for this purpose and context."""
        nonce, body = sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:]
        try:
            return self._cipher(purpose).decrypt(nonce, body, context)
        except (InvalidTag, ValueError) as e:  # ValueError: too short to hold a nonce
            raise SealBroken(purpose) from e

    def mac(self, purpose: str, *parts: bytes | str) -> bytes:
        """32 octets over the parts, each of known length: ("ab", "c") and ("a", "bc") differ. Text counts as UTF-8."""
        return self._mac("mac", purpose, parts)

    def token(self, purpose: str, of: str) -> str:
        """22 URL-safe characters (128 bits) that only this key can derive for `of`, the same every time."""
        return base64.urlsafe_b64encode(self._mac("token", purpose, (of,))[:16]).rstrip(b"=").decode()

    @staticmethod
    def same(a: bytes | str, b: bytes | str) -> bool:
        """Compare in a time that tells nothing of where they differ."""
        return hmac.compare_digest(_octets(a), _octets(b))

    def _mac(self, use: str, purpose: str, parts: tuple[bytes | str, ...]) -> bytes:
        framed = b"".join(len(octets).to_bytes(8) + octets for octets in map(_octets, parts))
        return hmac.digest(self._key(use, purpose), framed, "sha256")


def _derive(master: bytes, use: str, purpose: str) -> bytes:
    # The master key is uniformly random, so HKDF's extract step has nothing to do (RFC 5869 §3.3).
    return HKDFExpand(SHA256(), KEY_OCTETS, f"certtalk {use} {purpose}".encode()).derive(master)


def _octets(value: bytes | str) -> bytes:
    # A lone surrogate, which JSON can carry, is text like any other here.
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def load_or_make_key(path: Path) -> bytes:
    """The key of `path` (64 hex digits, 0600), made at first use; of many starters at once all get the same.

    Raises `KeyFileRefused` for a file others may read, or one that is not a key.
    """
    if not path.exists():
        _make_key(path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileRefused("kind", path, "put the key in a regular file")
    if os.name == "posix" and status.st_mode & 0o077:
        raise KeyFileRefused("wide", path, f"chmod 600 {path}")
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:  # UnicodeDecodeError is one
        key = b""
    if len(key) != KEY_OCTETS:
        raise KeyFileRefused("size", path, "restore it from the backup; without it what it sealed cannot be opened")
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123  the descriptor carries the mode
            file.write(secrets.token_hex(KEY_OCTETS) + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # whole or not at all, and never over another starter's key
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have the names in a folder outlive a power cut as well, where the system knows how."""
    if os.name == "posix":
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
