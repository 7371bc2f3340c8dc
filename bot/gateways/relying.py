"""We as a relying party: does a certificate from elsewhere lead to somebody the operator trusts, and is it revoked?

The trust store is a folder of certificates: self-signed ones are anchors, others help to build paths. OCSP is asked
before CRLs, all within one deadline; without an answer it is said that nobody could be asked.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from bot.gateways.fetching import Fetcher
from bot.settings import Problem, Settings, SettingsError
from ca import paths, relying
from ca.elsewhere import Certificate, NotACertificate, parse, read
from ca.ports import CertificateStore, Serial
from handlers.register import Verdict

PATIENCE: Final = 5.0
MOST_OCSP: Final = 64 * 1024
MOST_CRL: Final = 4 * 1024 * 1024
MOST_ISSUER: Final = 16 * 1024
_STORED: Final = (".pem", ".crt", ".cer", ".der")


@dataclass(frozen=True, slots=True)
class TrustStore:
    """What the operator trusts, and what helps to get there."""

    anchors: Sequence[x509.Certificate] = ()
    others: Sequence[Certificate] = ()


def load_trust(settings: Settings) -> TrustStore:
    """The store in the folder `CERTTALK_TRUST`. Raises `SettingsError` that names the file that is no certificate."""
    anchors, others = [], []
    for file in sorted(settings.trust.iterdir()) if settings.trust else ():
        if file.suffix.lower() not in _STORED:
            continue
        try:
            found = read(file.read_bytes(), authorities=True)
        except (NotACertificate, OSError) as error:
            problem = Problem("CERTTALK_TRUST", "no_certificate", {"file": file.name})
            raise SettingsError([problem], settings.default_locale) from error
        for one in found:
            loaded = paths.load(one.der)
            if loaded is not None and paths.is_anchor(loaded):
                anchors.append(loaded)
            else:
                others.append(one)
    return TrustStore(anchors, others)


class RelyingParty:
    """`handlers.register.Checking`."""

    def __init__(self, trust: TrustStore, fetcher: Fetcher, store: CertificateStore) -> None:
        self.trust, self.fetcher, self.store = trust, fetcher, store

    async def check(self, certificate: Certificate, others: Sequence[Certificate], now: datetime) -> Verdict:
        if await self._is_ours(certificate):
            return Verdict("ours", "unchecked")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._check(certificate, others, now)
        except TimeoutError:
            return Verdict(self._path(certificate, others, now).verdict, "unchecked")

    async def _is_ours(self, certificate: Certificate) -> bool:
        if not 0 < certificate.serial < 1 << 160:
            return False
        record = await self.store.by_serial(Serial(certificate.serial))
        return record is not None and record.der == certificate.der

    def _path(self, certificate: Certificate, others: Sequence[Certificate], now: datetime) -> paths.Path:
        return paths.find(certificate, (*others, *self.trust.others), self.trust.anchors, now)

    async def _check(self, certificate: Certificate, others: Sequence[Certificate], now: datetime) -> Verdict:
        loaded = paths.load(certificate.der)
        path = self._path(certificate, others, now)
        if path.verdict == "unknown" and loaded is not None:
            fetched = await self._issuers(loaded)
            path = self._path(certificate, (*others, *fetched), now)
        if path.issuer is None or loaded is None:
            return Verdict(path.verdict, "unchecked")
        return Verdict(path.verdict, await self._status(loaded, path.issuer, now) or "unchecked")

    async def _issuers(self, certificate: x509.Certificate) -> Sequence[Certificate]:
        for url in relying.sources(certificate).issuers[:2]:
            answer = await self.fetcher.get(url, MOST_ISSUER)
            if answer is not None:
                try:
                    return (parse(answer),)
                except NotACertificate:
                    continue
        return ()

    async def _status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> relying.Status | None:
        sources = relying.sources(certificate)
        for url in sources.ocsp[:2]:
            request = relying.ocsp_request(certificate, issuer)
            answer = await self.fetcher.post(url, request, "application/ocsp-request", MOST_OCSP)
            if answer and (said := relying.read_ocsp(answer, certificate, issuer, now)):
                return said
        for url in sources.crl[:2]:
            answer = await self.fetcher.get(url, MOST_CRL)
            # Megabytes: in a thread, so that nobody else waits.
            if answer and (said := await asyncio.to_thread(relying.read_crl, answer, certificate, issuer, now)):
                return said
        return None
