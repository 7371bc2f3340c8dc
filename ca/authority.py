"""The certification authority: prepare, sign, list, answer. It holds the keys, and the store remembers.

A certificate is prepared and linted before anything is stored, and signed only out of a stored plan: `sign` takes a
record, not a wish, so that whoever can write into the store still cannot have an arbitrary certificate signed. The
record either equals, field by field and octet by octet, a plan that this very authority has linted, or it carries the
seal of an earlier life's and is held against profile, issuer and its own bytes once more.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from cryptography import x509

from ca import certificate, crl, csr, keys, lint, names, ocsp, randomness, revocation, vid
from ca.errors import ClockSetBack, LintFailed, ProfileError, SignerUnavailable
from ca.intention import Intention, is_sealed, seal
from ca.issuer import Issuer
from ca.partition import Partition
from ca.ports import Plan, Record, RevokedEntry, Serial, Standing, Status, SubscriberId, Withdrawn
from ca.profiles import Places, Profile
from ca.recorded import Recorded

Key = TypeVar("Key")
Value = TypeVar("Value")

LINTED: Final = 256
"""Plans remembered as linted; most are signed within milliseconds, the oldest of the others is forgotten."""
CHECKED_FOR: Final = timedelta(minutes=1)
"""How long what `check` prepared is good for `prepare`."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What a registration authority asks for, after it has verified who asks.

    `name` and `english_name` are the bank's record; `idn` is the printable customer number the VID is made over;
    `csr` is DER; `r` is 20 octets that only the holder keeps. `evidence` says what was proven, for the audit.
    `replaces` is the subscriber's certificate in place that this one is to succeed: see `RegistrationAuthority.settle`.
    Such a one ends at `not_after` (aware, a last second): its predecessor's end, or that end extended.
    """

    request_id: str
    subscriber: SubscriberId
    profile: str
    name: str
    idn: str = field(repr=False)
    csr: bytes = field(repr=False)
    r: bytes = field(repr=False)
    english_name: str | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    replaces: Serial | None = None
    not_after: datetime | None = None


class CertificateAuthority:
    """One current issuing CA, any number of former ones that still list and answer."""

    def __init__(
        self,
        current: Issuer,
        profiles: Mapping[str, Profile],
        *,
        former: Sequence[Issuer] = (),
        blocked: Container[bytes] = frozenset(),
        recorded: Recorded | None = None,
        plan_key: bytes = b"",
        withdrawn: Withdrawn = dict,
    ) -> None:
        """`blocked` holds SHA-256 digests of the SubjectPublicKeyInfo of keys that are never certified.

        `plan_key` (32 secret octets, the same in every life and process) seals plans; without one, only what this very
        authority has planned is signed. What is `withdrawn` issues nothing from that moment on, in every process.
        """
        self.current = current
        self.issuers: Mapping[str, Issuer] = {issuer.name: issuer for issuer in (*former, current)}
        self.profiles = profiles
        self.blocked = blocked
        self.recorded = recorded or Recorded()
        self.withdrawn = withdrawn
        self._plan_key = plan_key or randomness.octets(32)
        self._linted: OrderedDict[Serial, Plan] = OrderedDict()
        self._checked: OrderedDict[str, tuple[Enrollment, Plan]] = OrderedDict()
        self._responders: dict[ocsp.About, Issuer] | None = None

    @property
    def places(self) -> Places:
        """Where relying parties find us; the same for all profiles."""
        return next(iter(self.profiles.values())).places

    def profile(self, name: str) -> Profile:
        if name not in self.profiles:
            raise ProfileError(f"profile {name!r} does not exist; there are {', '.join(self.profiles)}")
        return self.profiles[name]

    def issuer(self, name: str) -> Issuer:
        if name not in self.issuers:
            raise ProfileError(f"issuing CA {name!r} is not loaded; there are {', '.join(self.issuers)}")
        return self.issuers[name]

    def check(self, wanted: Enrollment, now: datetime) -> None:
        """Raises what `prepare` would; what was linted is kept for it, whatever request id and evidence it brings."""
        plan = self._built(wanted, now, None)
        _remember(self._checked, wanted.subscriber, (_blank(wanted), plan))

    def prepare(self, wanted: Enrollment, now: datetime, serial: Serial | None = None) -> Plan:
        """What would be signed for `wanted`, linted; nothing is signed with a real key.

        Raises `RequestRefused` (name, key, request), `ProfileError`, `LintFailed` or `ClockSetBack`.
        """
        plan = self._taken(wanted, now) if serial is None else None
        plan = plan or self._built(wanted, now, serial)
        plan = replace(plan, seal=seal(self._plan_key, plan))
        _remember(self._linted, plan.serial, plan)
        return plan

    def _taken(self, wanted: Enrollment, now: datetime) -> Plan | None:
        """What `check` has prepared for this a moment ago, once."""
        checked, plan = self._checked.pop(wanted.subscriber, (None, None))
        if plan is None or checked != _blank(wanted):
            return None
        now = self.recorded.after(now).astimezone(UTC)
        if not plan.planned_at <= now <= plan.planned_at + CHECKED_FOR:
            return None
        return replace(plan, request_id=wanted.request_id, evidence=wanted.evidence, planned_at=now)

    def _built(self, wanted: Enrollment, now: datetime, serial: Serial | None) -> Plan:
        profile, issuer, now = self.profile(wanted.profile), self.current, self.recorded.after(now)
        if issuer.name in self.withdrawn():
            raise SignerUnavailable(f"{issuer.name} is revoked: make the next issuing CA, `certtalk ca rotate issuing`")
        serial = randomness.serial() if serial is None else serial
        key = csr.public_key(wanted.csr, profile.keys, self.blocked)
        common = names.common_name(wanted.name, wanted.english_name, profile.placement.bank_code, serial)
        subject = names.subject(profile.placement, common)
        not_before, not_after = profile.validity(now)
        if wanted.replaces is not None and wanted.not_after is not None:
            not_after = wanted.not_after.astimezone(UTC)
        contents = certificate.Contents(
            serial=serial,
            subject=subject.der(),
            public_key=key,
            not_before=not_before,
            not_after=not_after,
        )
        real_name, value = names.checked(wanted.name), vid.vid(wanted.idn, wanted.r)
        tbs = certificate.subscriber(contents, real_name, value, profile, issuer)
        lint.check(tbs, profile, issuer, successor=wanted.replaces is not None)
        spki = keys.spki(key)
        return Plan(
            serial=serial,
            request_id=wanted.request_id,
            request_digest=_digest(wanted, spki),
            issuer=issuer.name,
            subscriber=wanted.subscriber,
            profile=profile.name,
            subject=str(subject),
            not_before=not_before,
            not_after=not_after,
            public_key_sha256=hashlib.sha256(spki).digest(),
            tbs=tbs,
            planned_at=now.astimezone(UTC),
            evidence=wanted.evidence,
            replaces=wanted.replaces,
        )

    def sign(self, record: Record) -> bytes:
        """The DER certificate of a planned record: its very TBS, checked again, signed, verified.

        Raises `RequestConflict` when the record is not planned, `LintFailed` when its bytes break a rule or are not
        what the record says.
        """
        plan, issuer = record.plan, self.issuer(record.plan.issuer)
        linted = self._linted.pop(plan.serial, None)
        # Another life's plan, or one that was signed before, must speak for itself.
        intention = Intention(record, plan.tbs if linted is None else linted.tbs)
        if linted is None:
            self._lint_again(plan, issuer)
        elif linted != plan:
            raise LintFailed(["the stored plan is not the one that was linted"])
        if issuer.name in self.withdrawn():  # RFC 5280 §6.1.3 (a)(3)
            raise LintFailed([f"§6.1.3: the issuing CA {issuer.name} is revoked"])
        signed = issuer.issue(intention)
        # What leaves is read back: the certificate holds the stored bytes and nothing else.
        if x509.load_der_x509_certificate(signed).tbs_certificate_bytes != plan.tbs:
            raise LintFailed(["the signed certificate differs from the linted one"])
        return signed

    def _lint_again(self, plan: Plan, issuer: Issuer) -> None:
        if not is_sealed(self._plan_key, plan):
            raise LintFailed(["the stored plan is not as this authority wrote it"])
        checked = lint.check(plan.tbs, self.profile(plan.profile), issuer, successor=plan.replaces is not None)
        if plan.public_key_sha256 in self.blocked:
            raise LintFailed(["§4.1.2.7: the key was put on the list of blocked ones since it was planned"])
        if not _is_planned(checked, plan):
            raise LintFailed(["the stored bytes are not what the plan says"])

    def sign_crl(
        self,
        issuer: str,
        entries: Sequence[bytes],
        number: int,
        now: datetime,
        lifetime: timedelta,
        partition: Partition | None = None,
    ) -> bytes:
        """A DER CRL of `issuer`, full or of one partition, valid for `lifetime` from `now`. `number` is the store's.

        `entries` are octets that `crl.entry` made, in any number of pieces. Raises `ClockSetBack`: a list older than
        the one before it would hide what was revoked since.
        """
        now, signer = self.recorded.after(now), self.issuer(issuer)
        point = None if partition is None else self.places.crl(f"{issuer}{partition.suffix}")
        return crl.sign(
            signer, entries, number=number, this_update=now, next_update=now + lifetime, distribution_point=point
        )

    def read_ocsp(self, request: bytes) -> ocsp.Asked | ocsp.Refusal:
        """A DER OCSPRequest to what is asked, or to the refusal it gets."""
        asked = ocsp.read(request)
        if isinstance(asked, ocsp.Refusal):
            return asked
        if self._responders is None:
            self._responders = ocsp.responders(self.issuers.values())
        found = {self._responders.get(one.about) for one in asked.questions}
        # RFC 5019 §2.2.3: not ours to answer. One signer answers for one CA, so a mixture is nobody's either.
        issuer = found.pop() if len(found) == 1 else None
        if issuer is None or issuer.ocsp is None:
            return ocsp.Refusal.UNAUTHORIZED
        return ocsp.Asked(asked, issuer, issuer.ocsp)

    async def answer_ocsp(self, request: bytes, lookup: ocsp.Lookup, now: datetime) -> bytes:
        """A DER OCSPResponse to a DER OCSPRequest; what is wrong with a request is in the response, never raised."""
        asked = self.read_ocsp(request)
        if isinstance(asked, ocsp.Refusal):
            return asked.response()
        return self.sign_ocsp(asked, await lookup(asked.serials), now)

    def sign_ocsp(self, asked: ocsp.Asked, standings: Mapping[Serial, Standing], now: datetime) -> bytes:
        """The DER OCSPResponse to what `read_ocsp` has read; internalError while the clock is set back.

        Nothing that a revoked CA has issued is good. RFC 6960 §2.7
        """
        if above := self.withdrawn().get(asked.issuer.name):
            standings = {serial: _fallen(standing, above) for serial, standing in standings.items()}
        try:
            return ocsp.answer(asked, standings, self.recorded.after(now))
        except ClockSetBack:
            return ocsp.Refusal.INTERNAL_ERROR.response()


def _fallen(standing: Standing, above: RevokedEntry) -> Standing:
    """Where a certificate stands whose CA was revoked, before the store says so itself."""
    if standing.status not in (Status.VALID, Status.HELD):
        return standing
    at = standing.revoked_at or above.revoked_at
    return replace(standing, status=Status.REVOKED, revoked_at=at, reason=revocation.below(above.reason))


def _remember(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    while len(kept) >= LINTED:
        kept.popitem(last=False)
    kept[key] = value


def _blank(wanted: Enrollment) -> Enrollment:
    """Without what does not stand in the certificate."""
    return replace(wanted, request_id="", evidence={})


def _digest(wanted: Enrollment, spki: bytes) -> bytes:
    """SHA-256 over what was asked: the key, not the request around it, as ECDSA makes a new request each time."""
    parts = (wanted.subscriber, wanted.profile, wanted.name, wanted.english_name or "", wanted.idn)
    digest = hashlib.sha256()
    replaces = () if wanted.replaces is None else (wanted.replaces.to_bytes(20, "big"),)
    end = () if wanted.not_after is None else (wanted.not_after.astimezone(UTC).isoformat().encode(),)
    for part in (*(p.encode() for p in parts), wanted.r, spki, *replaces, *end):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def _is_planned(linted: x509.Certificate, plan: Plan) -> bool:
    return (
        linted.serial_number == plan.serial
        and linted.not_valid_before_utc == plan.not_before
        and linted.not_valid_after_utc == plan.not_after
        and str(lint.subject_of(plan.tbs)) == plan.subject
        and hashlib.sha256(lint.spki_of(plan.tbs)).digest() == plan.public_key_sha256
    )
