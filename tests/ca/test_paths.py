"""From a certificate of elsewhere to an anchor, and what OCSP answers and CRLs say: right ones, and every wrong one."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPCertStatus
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca import der as writing
from ca import paths, relying
from ca.elsewhere import parse
from tests.elsewhere import BANK, CRL, HOST, ISSUER, OCSP, Institution, authority, der, key, name, policies, usage
from tests.outside import NOW

HERE = Institution()
OWN = HERE.subscriber()
ROOT_KEY = key("KISA RootCA 9")


def verdict(own: x509.Certificate = OWN, *others: x509.Certificate, **more: Any) -> str:
    given = [parse(der(one)) for one in others or (HERE.ca,)]
    anchors = more.get("anchors", [HERE.root])
    return paths.find(parse(der(own)), given, anchors, more.get("now", NOW)).verdict


def ca(**changed: Any) -> x509.Certificate:
    return authority("yessignCA Class 9", (HERE.root, ROOT_KEY), **changed)


def test_a_path_over_the_issuer_reaches_the_root() -> None:
    found = paths.find(parse(der(OWN)), [parse(der(HERE.ca))], [HERE.root], NOW)
    assert found == paths.Path("trusted", HERE.ca)


def test_a_stranger_without_a_readable_name_is_passed_over() -> None:
    raw = der(HERE.ca)
    at = raw.index(HERE.ca.subject.public_bytes(), raw.index(HERE.ca.issuer.public_bytes()) + 1)
    nameless = raw[: at + 11] + b"\x93" + raw[at + 12 :]  # a string of no known type
    with pytest.raises(ValueError, match="ParseError"):
        _ = x509.load_der_x509_certificate(nameless).subject
    assert verdict_of(nameless, der(HERE.ca)) == "trusted"
    assert verdict_of(nameless) == "unknown"


def verdict_of(*others: bytes) -> str:
    return paths.find(parse(der(OWN)), [parse(one) for one in others], [HERE.root], NOW).verdict


def test_the_issuer_itself_may_be_the_anchor() -> None:
    assert verdict(OWN, HERE.root, anchors=[HERE.ca]) == "trusted"


def test_the_order_and_number_of_strangers_do_not_matter() -> None:
    other_root = (authority("Another root"), key("Another root"))
    strangers = [authority("yessignCA Class 9", other_root, serial=number) for number in range(1, 20)]
    assert verdict(OWN, *strangers, HERE.ca) == "trusted"
    assert verdict(OWN, *strangers, *strangers, HERE.ca) != "trusted"  # the budget has an end


@pytest.mark.parametrize(
    "changed",
    [
        {"ca": False}, {"signs": False}, {"ends": NOW - timedelta(days=1)}, {"begins": NOW + timedelta(days=1)},
        {"policies": ("1.2.410.200004.5.2.1.2",)},
    ],
    ids=str,
)  # fmt: skip
def test_an_issuer_that_may_not_ends_the_path(changed: dict[str, Any]) -> None:
    assert verdict(OWN, ca(**changed)) in {"unknown", "forged"}


def test_an_issuer_that_lets_the_policy_through_is_fine() -> None:
    assert verdict(OWN, ca(policies=(BANK,))) == "trusted"


def test_a_path_longer_than_a_ca_allows_is_none() -> None:
    middle = authority("Middle CA", (HERE.root, ROOT_KEY), below=0)
    under = authority("yessignCA Class 9", (middle, key("Middle CA")))
    assert verdict(OWN, middle, under) == "unknown"
    middle = authority("Middle CA", (HERE.root, ROOT_KEY), below=1)
    assert verdict(OWN, middle, under) == "trusted"


def test_a_signature_of_somebody_else_is_forged() -> None:
    assert verdict(HERE.subscriber(signed_by=key("somebody"))) == "forged"


def test_without_anchors_nothing_can_be_said() -> None:
    assert verdict(anchors=[]) == "unconfigured"
    assert verdict(OWN, anchors=[authority("Another root")]) == "unknown"


def test_an_unknown_critical_extension_is_not_passed_over() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.7"), b"\x05\x00")
    assert verdict(HERE.subscriber(more=((odd, True),))) == "unsupported"
    assert verdict(HERE.subscriber(more=((odd, False),))) == "trusted"


def test_kinds_of_keys_and_signatures_we_do_not_know_are_told() -> None:
    assert verdict(HERE.subscriber(private=ed448.Ed448PrivateKey.generate())) == "trusted"  # its issuer's key counts
    sm2 = der(OWN).replace(writing.oid("1.2.840.10045.4.3.2"), writing.oid("1.2.156.10197.1.501"))
    assert paths.find(parse(sm2), [parse(der(HERE.ca))], [HERE.root], NOW).verdict in {"unsupported", "forged"}


@pytest.mark.parametrize(("algorithm", "bits"), [(5, 2048), (4, 2048), (11, 1024)], ids=["SHA-1", "MD5", "RSA-1024"])
def test_what_can_be_forged_is_weak(algorithm: int, bits: int) -> None:
    own = rsa.generate_private_key(65537, bits)
    builder = (
        x509.CertificateBuilder().subject_name(name("Old CA")).issuer_name(name("Old CA"))
        .public_key(own.public_key()).serial_number(1).not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(usage(key_cert_sign=True), True)
    )  # fmt: skip
    old = builder.sign(own, SHA256())
    # The library signs nothing with these any more.
    new = (
        x509.CertificateBuilder().subject_name(name("me")).issuer_name(name("Old CA")).serial_number(2)
        .public_key(key("me").public_key()).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
        .add_extension(policies(BANK), True).sign(own, SHA256())
    )  # fmt: skip
    sha256, old_hash = (writing.oid(f"1.2.840.113549.1.1.{number}") for number in (11, algorithm))
    weak = x509.load_der_x509_certificate(der(new).replace(sha256, old_hash))
    assert verdict(weak, anchors=[old]) == "weak"


# -- OCSP -------------------------------------------------------------------------------------------------------------


def said(answer: bytes, now: Any = NOW) -> str | None:
    return relying.read_ocsp(answer, OWN, HERE.ca, now)


def test_an_answer_of_the_issuer_or_its_responder_counts() -> None:
    assert said(HERE.answer(OWN)) == "good"
    assert said(HERE.answer(OWN, signer=HERE.responder())) == "good"
    assert said(HERE.answer(OWN, OCSPCertStatus.REVOKED)) == "revoked"
    assert said(HERE.answer(OWN, OCSPCertStatus.REVOKED, reason=x509.ReasonFlags.certificate_hold)) == "held"


@pytest.mark.parametrize(
    "answer",
    [
        HERE.answer(OWN, OCSPCertStatus.UNKNOWN),
        HERE.answer(HERE.subscriber(serial=4)),
        HERE.answer(OWN, at=NOW - timedelta(days=2), ends=NOW - timedelta(days=1)),
        HERE.answer(OWN, at=NOW - timedelta(days=2), ends=None),
        HERE.answer(OWN, at=NOW + timedelta(hours=1), ends=NOW + timedelta(hours=2)),
        HERE.answer(OWN, signer=HERE.responder(eku=ExtendedKeyUsageOID.CLIENT_AUTH)),
        HERE.answer(OWN, signer=HERE.responder(ends=NOW - timedelta(minutes=1))),
        HERE.answer(OWN, signer=HERE.responder(by=key("somebody"))),
        HERE.answer(OWN, signer=(authority("somebody"), key("somebody"))),
        HERE.answer(OWN)[:-1],
        HERE.answer(OWN)[:-3] + b"\x00\x00\x00",
        b"\x30\x03\x0a\x01\x06",
        b"",
        b"<html>",
    ],
)
def test_whatever_is_no_sure_answer_is_none(answer: bytes) -> None:
    assert said(answer) is None


# -- CRL --------------------------------------------------------------------------------------------------------------


def listed(crl: bytes, issuer: x509.Certificate = HERE.ca) -> str | None:
    return relying.read_crl(crl, OWN, issuer, NOW)


def point(url: str, **only: Any) -> x509.IssuingDistributionPoint:
    kept = {"only_contains_user_certs": False, "only_contains_ca_certs": False, "only_some_reasons": None,
            "indirect_crl": False, "only_contains_attribute_certs": False} | only  # fmt: skip
    return x509.IssuingDistributionPoint([x509.UniformResourceIdentifier(url)], None, **kept)


def test_a_list_says_who_is_on_it() -> None:
    assert listed(HERE.crl()) == "good"
    assert listed(HERE.crl(OWN.serial_number)) == "revoked"
    assert listed(HERE.crl(OWN.serial_number, reason=x509.ReasonFlags.certificate_hold)) == "held"
    assert listed(HERE.crl(1, 2, 3)) == "good"
    pem = x509.load_der_x509_crl(HERE.crl()).public_bytes(Encoding.PEM)
    assert listed(pem) == "good"
    assert listed(HERE.crl(more=(point(CRL),))) == "good"
    assert listed(HERE.crl(more=(point(CRL, only_contains_user_certs=True),))) == "good"


@pytest.mark.parametrize(
    "crl",
    [
        HERE.crl(issuer=HERE.root.subject),
        HERE.crl(signed_by=key("somebody")),
        HERE.crl(at=NOW - timedelta(days=3)),
        HERE.crl(at=NOW + timedelta(days=3)),
        HERE.crl(more=(point("http://elsewhere.test/part"),)),
        HERE.crl(more=(point(CRL, only_contains_ca_certs=True),)),
        HERE.crl(more=(point(CRL, indirect_crl=True),)),
        HERE.crl(more=(x509.DeltaCRLIndicator(1),)),
        HERE.crl()[:-1],
        b"",
        b"-----BEGIN X509 CRL-----",
    ],
)
def test_a_list_that_does_not_cover_it_says_nothing(crl: bytes) -> None:
    assert listed(crl) is None


def test_an_issuer_that_may_not_sign_lists_is_not_believed() -> None:
    mute = authority("yessignCA Class 9", (HERE.root, ROOT_KEY), crl=False)
    assert listed(HERE.crl(), mute) is None


def test_the_addresses_a_certificate_names_are_http_only() -> None:
    assert relying.sources(OWN) == relying.Sources((OCSP,), (CRL,), (ISSUER,))
    ldap = x509.DistributionPoint([x509.UniformResourceIdentifier(f"ldap://{HOST}/c=kr")], None, None, None)
    own = HERE.subscriber(sources=False, more=((x509.CRLDistributionPoints([ldap]), False),))
    assert relying.sources(own) == relying.Sources()


def test_an_ocsp_request_names_the_certificate() -> None:
    assert isinstance(key("x"), ec.EllipticCurvePrivateKey)
    assert relying.ocsp_request(OWN, HERE.ca)[:1] == b"\x30"
