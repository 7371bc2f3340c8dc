"""The counter's registry over the real registration authority: what `handlers.registry` asks for."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from bot.storage.certificate_rows import hex_of
from bot.storage.certificates import Certificates
from bot.storage.pages import Links
from ca import verify
from ca.authority import CertificateAuthority, Enrollment
from ca.errors import CaError, ClockSetBack, RequestRefused, SignerUnavailable
from ca.names import folder_name
from ca.ports import Record, Serial, Status, SubscriberId
from ca.registration import RegistrationAuthority
from handlers.bank import BankCustomer
from handlers.message import CustomerId
from handlers.registry import Denied, Issued, Succession

log = logging.getLogger(__name__)

DAY: Final = timedelta(days=1)
ENDS: Final = "ends"
"""Where the stored evidence of a successor says why its predecessor is to be revoked."""


class Registry:
    """Implements `handlers.registry.Registry`."""

    def __init__(
        self,
        registration: RegistrationAuthority,
        certificates: Certificates,
        links: Links,
        certificates_per_day: int,
    ) -> None:
        self.registration, self.certificates, self.links = registration, certificates, links
        self.certificates_per_day = certificates_per_day

    @property
    def authority(self) -> CertificateAuthority:
        return self.registration.authority

    async def active_until(self, number: str, profile: str, customer: CustomerId, now: datetime) -> datetime | None:
        unkept = set(await self.links.unkept(number, profile, customer, now))
        active = [one.plan for one in await self.certificates.active(SubscriberId(number))]
        return next((p.not_after for p in active if p.profile == profile and p.serial not in unkept), None)

    async def issued_for(self, request_id: str) -> bool:
        return await self.certificates.by_request(request_id) is not None

    async def order(self, number: str, profile: str) -> str:
        return f"{profile}:{number}:{await self.links.kept(number, profile)}"

    async def check(
        self,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        asker: CustomerId,
        now: datetime,
        succession: Succession | None = None,
    ) -> None:
        if await self.links.issued_today(customer.number, now - DAY) >= self.certificates_per_day:
            raise Denied("too_many_today")
        if succession is None and await self.active_until(customer.number, profile, asker, now) is not None:
            raise Denied("active_certificate")
        if succession is not None and await self.links.being_replaced(succession.serial, asker, now):
            raise Denied("being_replaced")
        wanted = await self._wanted("check", customer, profile, csr, r, {}, succession)
        with _denying():
            # In the event loop, where `enroll` prepares too: only there is the memory of linted plans filled.
            self.authority.check(wanted, now)

    async def enroll(
        self,
        request_id: str,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        evidence: Mapping[str, str],
        now: datetime,
        succession: Succession | None = None,
    ) -> Issued:
        wanted = await self._wanted(request_id, customer, profile, csr, r, evidence, succession)
        try:
            with _denying():
                return self._issued(await self.registration.enroll(wanted, now))
        except Denied as denied:
            if succession is not None and denied.code == "active_certificate":  # somebody was faster since `check`
                raise Denied("being_replaced") from denied
            raise

    async def _wanted(
        self,
        request_id: str,
        customer: BankCustomer,
        profile: str,
        csr: bytes,
        r: bytes,
        evidence: Mapping[str, str],
        succession: Succession | None,
    ) -> Enrollment:
        replaces, not_after = None, None
        if succession is not None:
            replaces = Serial(int(succession.serial, 16))
            not_after = await self.successor_end(succession.serial, extended=succession.extended)
            evidence = {**evidence, ENDS: succession.ends}
        return Enrollment(
            request_id=request_id,
            subscriber=SubscriberId(customer.number),
            profile=profile,
            name=customer.name,
            english_name=customer.english_name,
            idn=customer.number,
            csr=csr,
            r=r,
            evidence=evidence,
            replaces=replaces,
            not_after=not_after,
        )

    def _issued(self, record: Record) -> Issued:
        assert record.der is not None
        issuer = self.authority.issuer(record.plan.issuer)
        return Issued(
            serial=hex_of(record.plan.serial),
            not_after=record.plan.not_after,
            certificate=record.der,
            chain=(issuer.der, issuer.root_der),
            folder=folder_name(record.plan.subject),
        )

    async def withdraw_unkept(self, number: str, profile: str, customer: CustomerId, now: datetime) -> None:
        for serial in await self.links.unkept(number, profile, customer, now):
            await self.registration.revoke(serial, "superseded", now)

    # -- one that takes another's place -----------------------------------------------------------------------

    async def successor_end(self, serial: str, *, extended: bool) -> datetime:
        record = await self.certificates.by_serial(Serial(int(serial, 16)))
        if record is None:
            raise Denied("not_found")
        end = record.plan.not_after
        return self.authority.profile(record.plan.profile).extended(end) if extended else end

    async def signed(self, serial: str, certificate: bytes, signature: bytes, message: bytes, now: datetime) -> bool:
        record = await self.certificates.by_serial(Serial(int(serial, 16)))
        if record is None or record.der != certificate or record.status is not Status.VALID:
            return False
        return now <= record.plan.not_after and verify.proves(certificate, signature, message)

    async def settle(self, request_id: str, now: datetime) -> None:
        """What was issued for this page has been kept: if it replaces another, the two change places. Idempotent."""
        record = await self.certificates.by_request(request_id)
        if record is not None and record.plan.replaces is not None and record.status is Status.VALID:
            await self.registration.settle(record.plan.serial, record.plan.evidence.get(ENDS, "superseded"), now)


@contextmanager
def _denying() -> Iterator[None]:
    """What the CA refuses, in a word that the page has a sentence for; the rest goes to the log."""
    try:
        yield
    except RequestRefused as refused:
        log.info("refused: %s", refused, extra={"reason": refused.code})
        raise Denied(refused.code) from refused
    except (SignerUnavailable, ClockSetBack) as error:
        # The plan stands: asked again with the same request, it is signed then.
        log.error("nothing can be signed for now: %s", error)  # noqa: TRY400 - the sentence says all
        raise Denied("signer") from error
    except CaError as error:
        log.exception("the certification authority failed")
        raise Denied("refused") from error
