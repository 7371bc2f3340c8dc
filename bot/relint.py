"""`certtalk ca lint`: everything ever issued is held against the rules once more, nightly and beside the service.

Own rules always, the issuer's signature included; pkilint (RFC 5280) where it is installed, which the service itself
never needs. The profile is the one that was in force when it was issued, as the audit trail has kept it.
Each is also held against the audit trail, which is keyed: whoever writes into the database alone can neither add one,
nor exchange its octets, nor make a revoked one valid, without being found.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from bot import profiles
from bot.storage.certificates import Certificates
from bot.storage.database import Database, Row, Tx
from bot.storage.exporting import Exported
from bot.vault.members import RECORDED, REVOKED, Member, told
from ca import lint, lint_ca
from ca.authority import CertificateAuthority
from ca.errors import CaError, LintFailed, ProfileError
from ca.ports import Status
from ca.profiles import Profile

Judge = Callable[[bytes], Iterator[str]]
"""A DER certificate to what is wrong with it."""
_LEADS_TO: Final[Mapping[str, Status]] = {
    "issued": Status.VALID, "held": Status.HELD, "released": Status.VALID, "revoked": Status.REVOKED,
}  # fmt: skip
_UNKNOWN: Final = "CertTalk: the audit trail knows nothing of it"
_OTHER: Final = "CertTalk: not the certificate that the audit trail has recorded"
_SIGNATURE: Final = "CertTalk: the signature is not the issuer's"


@dataclass(frozen=True, slots=True)
class Linted:
    """One certificate (its serial number, or the name of one of the authority's own) and what was found, each finding a
    sentence that begins with who found it."""

    serial: str
    findings: tuple[str, ...]


async def relint(
    certificates: Certificates, authority: CertificateAuthority, judge: Judge | None, database: Database,
    own: Sequence[Member] = (),
) -> AsyncIterator[Linted]:  # fmt: skip
    """The authority's `own` certificates, then everything that was signed, by serial; `judge` is a second opinion. The
    trail speaks for itself."""
    for member in own:
        found = [*_member(member), *await database.read(_kept, member)]
        yield Linted(member.name, (*found, *(judge(member.der) if judge else ())))
    known = await database.read(profiles.in_force)
    async for one in certificates.export():
        findings = [
            *_own(one, authority, _then(known, one.issued_at)),
            *_recorded(one, *await database.read(_standing, one.serial)),
        ]
        if judge is not None:
            findings += judge(one.der)
        yield Linted(one.serial, tuple(findings))


def _kept(tx: Tx, one: Member) -> list[str]:
    """One of the authority's own against what the audit trail has recorded of it."""
    recorded, revoked = told(tx, one.serial, RECORDED), told(tx, one.serial, REVOKED)
    findings = [] if recorded else [_UNKNOWN]
    findings += [_OTHER for row in recorded if row["certificate_sha256"] != sha256(one.der).hexdigest()]
    if revoked and one.revoked is None:
        findings.append("CertTalk: revoked in the audit trail, not in the root's list")
    return findings


def _member(one: Member) -> Iterator[str]:
    try:
        one.certificate.verify_directly_issued_by(one.wanted.above or one.certificate)
        lint_ca.check(one.certificate.tbs_certificate_bytes, one.wanted)
    except LintFailed as failed:
        yield from (f"CertTalk: {finding}" for finding in failed.findings)
    except InvalidSignature:
        yield _SIGNATURE
    except (ValueError, TypeError) as error:
        yield f"CertTalk: {error}"


def _then(known: Sequence[tuple[datetime, Mapping[str, Profile]]], issued_at: datetime) -> list[Mapping[str, Profile]]:
    """The profiles of that time. A change is recorded by whoever has read it, so those that came next may be meant;
    before the first record nobody noted any, and it is the first that is taken."""
    behind = [index for index, (since, _) in enumerate(known) if since <= issued_at]
    first = behind[-1] if behind else 0
    return [found for _, found in known[first : first + 2]]


def _own(
    issued: Exported, authority: CertificateAuthority, then: Sequence[Mapping[str, Profile]] = ()
) -> Iterator[str]:
    """Against any of the profiles of `then`; against today's where there are none."""
    found: list[str] = []
    for profiles_then in then or (authority.profiles,):
        if not (found := list(_against(issued, authority, profiles_then))):
            return
    yield from found


def _against(issued: Exported, authority: CertificateAuthority, kinds: Mapping[str, Profile]) -> Iterator[str]:
    try:
        if issued.profile not in kinds:
            raise ProfileError(f"profile {issued.profile!r} does not exist; there are {', '.join(kinds)}")
        certificate = x509.load_der_x509_certificate(issued.der)
        for issuer in authority.issuers.values():
            if issuer.certificate.subject == certificate.issuer:
                certificate.verify_directly_issued_by(issuer.certificate)
                lint.check(
                    certificate.tbs_certificate_bytes, kinds[issued.profile], issuer,
                    successor=issued.replaces is not None,
                )  # fmt: skip
                break
        else:
            yield "CertTalk: no issuing CA of this name is known"
        if f"{certificate.serial_number:040x}" != issued.serial:
            yield "CertTalk: stored under another serial number"
    except LintFailed as failed:
        yield from (f"CertTalk: {finding}" for finding in failed.findings)
    except InvalidSignature:
        yield _SIGNATURE
    except (CaError, ValueError, TypeError) as error:
        yield f"CertTalk: {error}"


def _standing(tx: Tx, serial: str) -> tuple[str, list[Row]]:
    """A status and what the trail says of it, of one moment: the service goes on meanwhile."""
    row = tx.one("SELECT status FROM certificates WHERE serial = :serial", serial=serial)
    return row["status"] if row else "", tx.all(
        "SELECT act, detail FROM audit WHERE subject = :serial ORDER BY seq", serial=serial
    )


def _recorded(issued: Exported, status: str, acts: Sequence[Row]) -> Iterator[str]:
    """Against what the audit trail says was done; records past `CERTTALK_AUDIT_YEARS` are gone, the oldest first."""
    rows = [row for row in acts if row["act"] in _LEADS_TO]
    if not rows:
        yield _UNKNOWN
        return
    if _LEADS_TO[rows[-1]["act"]].value != status:
        yield f"CertTalk: {status} in the database, {rows[-1]['act']} in the audit trail"
    for row in rows:
        if row["act"] == "issued" and json.loads(row["detail"])["certificate_sha256"] != sha256(issued.der).hexdigest():
            yield _OTHER


def pkilint() -> Judge | None:
    """The judge of that name for errors and worse; None where it is not installed."""
    try:
        from pkilint import loader
        from pkilint.pkix import certificate, extension, name
        from pkilint.validation import ValidationFindingSeverity as Severity
    except ImportError:
        return None
    validator: Any = certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
    load: Any = loader.RFC5280CertificateDocumentLoader().load_der_document
    grave = (Severity.ERROR, Severity.FATAL)

    def judge(der: bytes) -> Iterator[str]:
        for result in validator.validate(load(der, "certificate").root):
            for found in result.finding_descriptions:
                if found.finding.severity in grave:
                    yield f"pkilint: {found.finding.code}"

    return judge
