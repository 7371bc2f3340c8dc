"""Keys and their files made here, for customers whose messenger cannot reach our pages (`handlers/in_chat.py`).

Passwords and keys are in this process's memory and nowhere else, for minutes and for few customers at once; what leaves
are encrypted files. Keys are made by two threads at most, so that the event loop goes on answering others.
"""

import asyncio
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from bot.storage.pages import Documents
from ca import npki, pkcs12, randomness, vid
from ca.signing import PrivateKey
from handlers.message import CustomerId, Document
from handlers.office import Full
from handlers.password import broken
from handlers.registry import Issued
from handlers.texts import KOREA
from handlers.understanding.keyboard import as_typed

LIFE: Final = timedelta(minutes=10)
MOST: Final = 200
"""Customers at once whose secrets are held."""
THREADS: Final = 2


@dataclass
class _Piece:
    """What is on the bench for one link."""

    password: str = field(repr=False)
    until: datetime
    key: PrivateKey | None = field(default=None, repr=False)
    r: bytes = field(default=b"", repr=False)
    csr: bytes = field(default=b"", repr=False)


class KeyBench:
    """Implements `handlers.office.Bench`. Keys are RSA-2048, which every reader of such files takes."""

    def __init__(self, documents: Documents, ca_name: str, clock: Callable[[], datetime]) -> None:
        self.documents, self.ca_name, self.clock = documents, ca_name, clock
        self._pieces: dict[str, _Piece] = {}
        self._threads = asyncio.Semaphore(THREADS)

    def broken(self, password: str) -> Sequence[str]:
        return broken(password, common_words())

    def remember(self, link_id: str, password: str) -> None:
        self._clear()
        if link_id not in self._pieces and len(self._pieces) >= MOST:
            raise Full
        self._pieces[link_id] = _Piece(password, self.clock() + LIFE)

    def remembers(self, link_id: str, password: str) -> bool | None:
        self._clear()
        piece = self._pieces.get(link_id)
        return None if piece is None else piece.password == password

    async def request(self, link_id: str) -> tuple[bytes, bytes]:
        piece = self._pieces[link_id]
        if piece.key is None:
            async with self._threads:
                piece.key, piece.csr = await asyncio.to_thread(_make)
            piece.r = randomness.octets(vid.RANDOM_OCTETS)
        return piece.csr, piece.r

    async def files(
        self, link_id: str, customer: CustomerId, issued: Issued, now: datetime, *, folder: bool
    ) -> Sequence[Document]:
        piece = self._pieces[link_id]
        async with self._threads:
            made = await asyncio.to_thread(self._write, piece, issued, folder)
        return [
            await self.documents.keep(
                f"{link_id}-{suffix}", customer, f"CertTalk-{now.astimezone(KOREA):%Y%m%d}.{suffix}", kind, content, now
            )
            for suffix, (kind, content) in made.items()
        ]

    def _write(self, piece: _Piece, issued: Issued, folder: bool) -> dict[str, tuple[str, bytes]]:
        assert piece.key is not None
        chain = (issued.certificate, *issued.chain)
        p12 = pkcs12.write(piece.key, piece.r, chain, piece.password, self.ca_name)
        made = {"p12": ("application/x-pkcs12", p12)}
        if folder:
            kept = {
                "signCert.der": issued.certificate,
                "signPri.key": npki.write_key(piece.key, piece.r, piece.password.encode()),
                "CaPubs": npki.ca_pubs(*reversed(issued.chain)),
            }
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
                for name, content in kept.items():
                    target.writestr(f"NPKI/{self.ca_name}/USER/{issued.folder}/{name}", content)
            made["zip"] = ("application/zip", archive.getvalue())
        return made

    def forget(self, link_id: str) -> None:
        self._pieces.pop(link_id, None)

    async def sweep(self) -> None:
        """Forget what is older than `LIFE`, also when nobody asks."""
        self._clear()

    def _clear(self) -> None:
        now = self.clock()
        for link_id in [link_id for link_id, piece in self._pieces.items() if piece.until <= now]:
            del self._pieces[link_id]


def _make() -> tuple[PrivateKey, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    # The subject is the registration authority's to say: RFC 2986 §4.1 allows none.
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return key, request.public_bytes(Encoding.DER)


@cache
def common_words() -> frozenset[str]:
    """The secure page's own list, so that both refuse the same."""
    source = (files("bot.web") / "static/keys/common_words.mjs").read_text("utf-8")
    lists = dict(re.findall(r"const (LATIN|HANGUL) = `([^`]*)`", source))
    return frozenset([*lists["LATIN"].split(), *(as_typed(word) for word in lists["HANGUL"].split())])
