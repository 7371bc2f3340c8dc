"""Prepare and sign: what is in a certificate, and what the authority will not sign."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from ca import certificate, der, lint, signing, vid
from ca.authority import LINTED, CertificateAuthority
from ca.errors import BadName, BadRequest, LintFailed, ProfileError, RequestConflict, WeakKey
from ca.issuer import Issuer
from ca.ports import Plan, Record, Serial, Status
from ca.profiles import Profile
from ca.signing import PrivateKey, SoftwareKey
from tests.ca.pki import (
    IDN,
    NOW,
    PLAN_KEY,
    R,
    enrollment,
    make_pki,
    parse_profiles,
    pki,
    request,
    sealed,
    subscriber_key,
)
from tests.years import moved


def prepared(kind: str = "p-256", **changed: object) -> Record:
    return Record(pki(kind).authority.prepare(enrollment(**changed), NOW), Status.PLANNED)


@pytest.mark.parametrize("kind", ["p-256", "rsa-2048"])
def test_a_certificate(kind: str) -> None:
    record = prepared(kind)
    signed = pki(kind).authority.sign(record)
    parsed = x509.load_der_x509_certificate(signed)
    parsed.verify_directly_issued_by(pki(kind).issuer.certificate)
    assert parsed.tbs_certificate_bytes == record.plan.tbs
    assert parsed.serial_number == record.plan.serial
    assert parsed.subject.rfc4514_string() == record.plan.subject, "as the library reads it"
    assert record.plan.subject.startswith("CN=홍길동(HONG GILDONG)099904")
    assert (parsed.not_valid_before_utc, parsed.not_valid_after_utc) == (
        moved(datetime(2026, 11, 21, 15, tzinfo=UTC)),
        moved(datetime(2026, 11, 21, 15, tzinfo=UTC)) + timedelta(days=365, seconds=-1),
    )
    other = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value[0]
    assert isinstance(other, x509.OtherName)
    assert vid.read_identify_data(other.value) == vid.Identity("홍길동", vid.vid(IDN, R))
    assert b"Somebody Else" not in signed
    assert signed == pki(kind).authority.sign(record), "the same plan gives the same bytes"


def test_extensions_are_in_the_order_of_npki_certificates() -> None:
    parsed = x509.load_der_x509_certificate(pki().authority.sign(prepared()))
    order = [e.oid.dotted_string for e in parsed.extensions]
    assert order == ["2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.32", "2.5.29.17", "2.5.29.31", "1.3.6.1.5.5.7.1.1"]
    assert [e.oid.dotted_string for e in parsed.extensions if e.critical] == ["2.5.29.15"]


def test_policies_as_npki_has_them() -> None:
    authority, issuer = pki().authority, pki().issuer
    npki = {"personal": replace(authority.profiles["personal"], npki_policies=True)}
    strict = CertificateAuthority(issuer, npki, plan_key=PLAN_KEY)
    signed = strict.sign(Record(strict.prepare(enrollment(), NOW), Status.PLANNED))
    extension = x509.load_der_x509_certificate(signed).extensions.get_extension_for_class(x509.CertificatePolicies)
    assert extension.critical
    assert der.bmp_string(npki["personal"].notice) in signed
    with pytest.raises(LintFailed, match=r"§4\.2\.1\.4"):
        authority.sign(Record(strict.prepare(enrollment(), NOW), Status.PLANNED))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"name": "홍\0길동"}, BadName),
        ({"profile": "emperor"}, ProfileError),
        ({"csr": b"rubbish"}, BadRequest),
        ({"r": bytes(19)}, BadRequest),
        ({"idn": "고객"}, BadRequest),
        ({"csr": "rsa"}, WeakKey),
    ],
)
def test_refused(changed: dict[str, object], error: type[Exception]) -> None:
    authority = pki().authority
    if changed.get("csr") == "rsa":
        only = {"personal": replace(authority.profiles["personal"], keys=("p-256",))}
        authority = CertificateAuthority(pki().issuer, only)
        changed = {"csr": request(subscriber_key("rsa-2048"))}
    with pytest.raises(error):
        authority.prepare(enrollment(**changed), NOW)


def test_the_digest_is_over_what_was_asked() -> None:
    digest = prepared().plan.request_digest
    assert prepared(csr=request(), evidence={}).plan.request_digest == digest, "a new request for the same key"
    for changed in ({"name": "홍길순"}, {"r": bytes(20)}, {"idn": "KB-1"}, {"subscriber": "2"}, {"profile": "general"}):
        assert prepared(**changed).plan.request_digest != digest
    assert prepared(csr=request(subscriber_key("rsa-2048"))).plan.request_digest != digest


def test_secrets_stay_out_of_the_plan_and_of_reprs() -> None:
    secret = hashlib.sha256(b"r").digest()[:20]
    plan = prepared(r=secret).plan
    assert secret not in plan.tbs
    assert IDN not in repr(enrollment()) + repr(plan)
    assert "PrivateKey" not in repr(pki().issuer)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.PLANNED])
def test_only_what_is_planned_is_signed(status: Status) -> None:
    with pytest.raises(RequestConflict):
        pki().authority.sign(replace(prepared(), status=status))


@pytest.mark.parametrize(
    "changed",
    [
        {"serial": Serial(1 << 158)},
        {"not_before": NOW},
        {"not_after": NOW},
        {"subject": "CN=홍길순"},
        {"public_key_sha256": bytes(32)},
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_plan_that_disagrees_with_its_bytes_is_not_signed(changed: dict[str, object]) -> None:
    record = prepared()
    with pytest.raises(LintFailed):
        pki().authority.sign(replace(record, plan=replace(record.plan, **changed)))  # type: ignore[arg-type]


def test_what_this_authority_did_not_lint_as_it_stands_is_linted_before_it_is_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = pki().authority
    first, second = (CertificateAuthority(known.current, known.profiles, plan_key=PLAN_KEY) for _ in range(2))
    record = Record(first.prepare(enrollment(), NOW), Status.PLANNED)
    linted: list[bytes] = []
    check = lint.check

    def counted(tbs: bytes, profile: Profile, issuer: Issuer, *, successor: bool) -> x509.Certificate:
        linted.append(tbs)
        return check(tbs, profile, issuer, successor=successor)

    monkeypatch.setattr(lint, "check", counted)
    signed = first.sign(record)
    assert linted == [], "octet by octet what was linted a moment ago"
    assert second.sign(record) == first.sign(record) == signed
    assert linted == [record.plan.tbs] * 2, "another life's plan; and the same one a second time"


def test_what_was_checked_is_what_is_planned_once() -> None:
    known = pki().authority
    authority = CertificateAuthority(known.current, known.profiles, plan_key=PLAN_KEY)
    wanted = enrollment()
    authority.check(replace(wanted, request_id="check", evidence={}), NOW)
    ((_, checked),) = authority._checked.values()
    later = NOW + timedelta(seconds=2)
    plan = authority.prepare(wanted, later)
    assert (plan.tbs, plan.serial) == (checked.tbs, checked.serial)
    assert (plan.request_id, plan.evidence, plan.planned_at) == ("request-1", wanted.evidence, later)
    assert authority.sign(Record(plan, Status.PLANNED))
    assert authority.prepare(wanted, later).serial != plan.serial, "a serial number is given once"


@pytest.mark.parametrize(
    ("changed", "seconds"), [({"name": "홍길순"}, 1), ({"r": bytes(20)}, 1), ({}, 61), ({}, -1)], ids=str
)
def test_what_was_checked_differently_or_long_ago_is_prepared_anew(changed: dict[str, object], seconds: int) -> None:
    known = pki().authority
    authority = CertificateAuthority(known.current, known.profiles, plan_key=PLAN_KEY)
    authority.check(enrollment(), NOW)
    ((_, checked),) = authority._checked.values()
    assert authority.prepare(enrollment(**changed), NOW + timedelta(seconds=seconds)).serial != checked.serial


def test_without_a_key_of_its_own_an_authority_signs_only_what_it_planned_itself() -> None:
    known = pki().authority
    first, second = (CertificateAuthority(known.current, known.profiles) for _ in range(2))
    record = Record(first.prepare(enrollment(), NOW), Status.PLANNED)
    with pytest.raises(LintFailed, match="wrote it"):
        second.sign(record)
    assert first.sign(record)


def test_plans_that_are_never_signed_are_forgotten() -> None:
    known = pki().authority
    authority = CertificateAuthority(known.current, known.profiles)
    for _ in range(LINTED + 5):
        authority.prepare(enrollment(), NOW)
    assert len(authority._linted) == LINTED


def _tbs(record: Record, mutate: str) -> bytes:
    """The record's TBS with one thing wrong, built by the library as an attacker with the database could."""
    parsed = x509.load_der_x509_certificate(pki().authority.sign(record))
    values = {
        "subject": parsed.subject,
        "issuer": parsed.issuer,
        "serial": parsed.serial_number,
        "first": parsed.not_valid_before_utc,
        "last": parsed.not_valid_after_utc,
        "key": parsed.public_key(),
    }
    extensions = {e.oid.dotted_string: (e.value, e.critical) for e in parsed.extensions}
    usage = certificate.key_usage(digital_signature=True, content_commitment=True, key_cert_sign=True)
    other = parse_profiles(base_url="http://elsewhere.example")["personal"].places
    name = list(parsed.subject)
    changes: dict[str, tuple[str, object]] = {
        "a short serial": ("serial", 1 << 60),
        "another issuer": ("issuer", x509.Name([*parsed.issuer][:3])),
        "too long": ("last", parsed.not_valid_after_utc + timedelta(days=1)),
        "outlives its CA": ("first", parsed.not_valid_before_utc - timedelta(days=1)),
        "a unit more": ("subject", x509.Name([*name[:3], name[2], *name[3:]])),
        "another organization": ("subject", x509.Name([name[0], x509.NameAttribute(name[1].oid, "Bank"), *name[2:]])),
        "a hidden character": ("subject", x509.Name([*name[:4], x509.NameAttribute(name[4].oid, "홍\u202e길동(")])),
        "another name than the VID's": (
            "subject",
            x509.Name([*name[:4], x509.NameAttribute(name[4].oid, "홍길순()1")]),
        ),
        "a key of another kind": ("key", make_weak_key().public_key()),
        "is a CA": ("2.5.29.19", (x509.BasicConstraints(ca=True, path_length=None), True)),
        "signs certificates": ("2.5.29.15", (usage, True)),
        "usage not critical": ("2.5.29.15", (extensions["2.5.29.15"][0], False)),
        "another authority key": ("2.5.29.35", (x509.AuthorityKeyIdentifier(bytes(20), None, None), False)),
        "another subject key": ("2.5.29.14", (x509.SubjectKeyIdentifier(bytes(20)), False)),
        "another policy": (
            "2.5.29.32",
            (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]), False),
        ),
        "a host name": ("2.5.29.17", (x509.SubjectAlternativeName([x509.DNSName("bank.example")]), False)),
        "another CRL": ("2.5.29.31", (certificate.crl_pointer(other.crl("certtalk-1")), False)),
        "another OCSP": (
            "1.3.6.1.5.5.7.1.1",
            (certificate.information_access(certificate=other.certificate("certtalk-1"), ocsp=other.ocsp), False),
        ),
        "for servers": ("2.5.29.37", (x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]), False)),
    }
    if mutate == "no usage":
        del extensions["2.5.29.15"]
    elif mutate != "nothing":
        where, what = changes[mutate]
        (values if where in values else extensions)[where] = what  # type: ignore[index,assignment]
    builder = (
        x509.CertificateBuilder()
        .subject_name(values["subject"])  # type: ignore[arg-type]
        .issuer_name(values["issuer"])  # type: ignore[arg-type]
        .serial_number(values["serial"])  # type: ignore[arg-type]
        .not_valid_before(values["first"])  # type: ignore[arg-type]
        .not_valid_after(values["last"])  # type: ignore[arg-type]
        .public_key(values["key"])  # type: ignore[arg-type]
    )
    for value, critical in extensions.values():
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(subscriber_key("p-256"), hashes.SHA256()).tbs_certificate_bytes


def make_weak_key() -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(3, 2048)


MUTANTS = [
    "a short serial",
    "another issuer",
    "too long",
    "outlives its CA",
    "a unit more",
    "another organization",
    "a hidden character",
    "another name than the VID's",
    "a key of another kind",
    "is a CA",
    "signs certificates",
    "usage not critical",
    "no usage",
    "another authority key",
    "another subject key",
    "another policy",
    "a host name",
    "another CRL",
    "another OCSP",
    "for servers",
]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_changed_tbs_never_reaches_the_key(mutant: str) -> None:
    record = prepared()
    stored = replace(record, plan=sealed(_agreeing(record.plan, _tbs(record, mutant))))
    with pytest.raises(LintFailed) as raised:
        pki().authority.sign(stored)
    assert all(f.startswith(("§", "NPKI", "Appendix")) for f in raised.value.findings)


def test_the_mutants_differ_from_a_good_one_by_their_mutation_alone() -> None:
    record = prepared()
    again = _tbs(record, "nothing")
    assert pki().authority.sign(replace(record, plan=sealed(replace(record.plan, tbs=again))))


def _agreeing(plan: Plan, tbs: bytes) -> Plan:
    """A plan whose columns were changed together with its bytes."""
    parsed = x509.load_der_x509_certificate(signing.assemble(tbs, signing.algorithm(pki().issuer.public_key), bytes(8)))
    return replace(
        plan,
        tbs=tbs,
        serial=Serial(parsed.serial_number),
        subject=parsed.subject.rfc4514_string(),
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
    )


@pytest.mark.parametrize("tbs", [b"", b"\x30\x00", b"rubbish"])
def test_rubbish_is_not_signed(tbs: bytes) -> None:
    record = prepared()
    with pytest.raises(LintFailed):
        pki().authority.sign(replace(record, plan=replace(record.plan, tbs=tbs)))


def test_a_ca_near_its_end_issues_nothing_that_outlives_it() -> None:
    later = pki().issuer.certificate.not_valid_after_utc - timedelta(days=100)
    with pytest.raises(LintFailed, match=r"§6\.1\.3"):
        pki().authority.prepare(enrollment(), later)


def test_a_key_that_is_not_the_certificates() -> None:
    issuer = pki().issuer
    with pytest.raises(ProfileError):
        Issuer(issuer.name, issuer.certificate, issuer.root, SoftwareKey(subscriber_key("p-256")))
    with pytest.raises((ValueError, InvalidSignature)):
        Issuer(issuer.name, issuer.certificate, make_pki("p-256").issuer.root, issuer.key)
