"""A whole CA for the tests of the ring: made by the ceremony, kept per key kind, at a fixed time."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca import ceremony, intention, keys, profiles
from ca.authority import CertificateAuthority, Enrollment
from ca.issuer import Issuer, OcspSigner
from ca.ports import Plan, SubscriberId
from ca.profiles import Profile
from ca.signing import PrivateKey, Signer, SoftwareKey
from tests.years import moved

NOW = moved(datetime(2026, 11, 22, 10, 30, tzinfo=UTC))
R = bytes(range(20))
IDN = "KB-0004711"
PLAN_KEY = bytes(range(32))
"""Seals the plans of every authority in the tests of the ring."""
PROFILES_TOML = (Path(__file__).parents[2] / "ca/profiles.toml").read_text(encoding="utf-8")


def parse_profiles(text: str = PROFILES_TOML, **changed: str) -> dict[str, Profile]:
    given = {
        "base_url": "http://pki.example",
        "organization": "CertTalk",
        "bank_unit": "CTB",
        "bank_code": "0999",
    }
    return dict(profiles.parse(text, **(given | changed)))


def sealed(plan: Plan) -> Plan:
    """A plan as whoever has the authority's key as well would write it."""
    return replace(plan, seal=intention.seal(PLAN_KEY, plan))


@dataclass(frozen=True)
class Pki:
    root_key: Signer
    issuer: Issuer
    authority: CertificateAuthority


def make_pki(kind: str, now: datetime = NOW, ocsp_kind: str = ceremony.OCSP_KEY) -> Pki:
    known = parse_profiles()
    places = known["personal"].places
    root_key, key, ocsp_key = (SoftwareKey(keys.generate(one)) for one in (kind, kind, ocsp_kind))
    root = ceremony.make_root(root_key, ceremony.name("CertTalk Root CA", organization="CertTalk"), now)
    issuing = ceremony.make_issuing(
        root,
        root_key,
        key.public_key,
        ceremony.name("CertTalk CA 1", organization="CertTalk"),
        now,
        places,
    )
    signer = ceremony.make_ocsp_signer(issuing, key, ocsp_key.public_key, now)
    issuer = Issuer("certtalk-1", issuing, root, key, OcspSigner(signer, ocsp_key))
    return Pki(root_key, issuer, CertificateAuthority(issuer, known, plan_key=PLAN_KEY))


_made = cache(make_pki)
subscriber_key = cache(keys.generate)
"""One key of each kind for all tests."""


def pki(kind: str = "p-256") -> Pki:
    return _made(kind)


def request(key: PrivateKey | None = None) -> bytes:
    """A DER certification request that claims to be somebody else."""
    claim = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody Else")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(claim)
    return builder.sign(key or subscriber_key("p-256"), hashes.SHA256()).public_bytes(Encoding.DER)


def enrollment(**changed: object) -> Enrollment:
    wanted = Enrollment(
        request_id="request-1",
        subscriber=SubscriberId("customer-1"),
        profile="personal",
        name="홍길동",
        english_name="Hong Gildong",
        idn=IDN,
        csr=request(),
        r=R,
        evidence={"factor": "card"},
    )
    return replace(wanted, **changed)  # type: ignore[arg-type]
