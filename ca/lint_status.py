"""Own lint of lists (RFC 5280 §5) and OCSP answers (RFC 6960), before they are signed.

It stands at the door of the key (`Issuer.sign`, `OcspSigner.sign`), so nothing is signed around it. The entries of a
list are all alike: one linear expression reads a million of them in a fraction of a second, in pieces, as nobody else
in this process runs while it does.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, cast

from ca import der
from ca.errors import LintFailed

LIST_LIFE: Final = timedelta(days=367)
"""CA/B BR §4.9.7: a root's list holds for twelve months at most; an issuing CA's is made for a day."""
ANSWER_LIFE: Final = timedelta(days=10)
"""CA/B BR §4.9.10."""

_AUTHORITY, _NUMBER, _POINT, _DELTA = "2.5.29.35", "2.5.29.20", "2.5.29.28", "2.5.29.27"
_LIST_EXTENSIONS: Final = {_AUTHORITY: False, _NUMBER: False, _POINT: True, _DELTA: True}
"""RFC 5280 §5.2: what may be there, and whether critical."""
_HASHES: Final = {
    der.sequence(der.oid("1.3.14.3.2.26"), der.null()): 20,
    der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.null()): 32,
    # RFC 5754 §2: parameters may be absent, and a CertID is repeated as it came.
    der.sequence(der.oid("1.3.14.3.2.26")): 20,
    der.sequence(der.oid("2.16.840.1.101.3.4.2.1")): 32,
}
_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_REASONS: Final = b"\x01-\x06\x09\x0a"

# Serial of 20 octets as `ca.randomness` draws them, UTCTime or GeneralizedTime from 2050; a reason that is not
# `unspecified` (§5.3.1) or none; the length says which.
_REASON = rb"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01[" + _REASONS + rb"]"
_SERIAL = rb"\x02\x14[\x40-\x7f][\0-\xff]{19}"
_UTC, _GENERALIZED = rb"\x17\x0d\d{12}Z", rb"\x18\x0f20[5-9]\d{11}Z"
_ENTRIES: Final = re.compile(
    rb"(?:\x30\x33" + _SERIAL + _UTC + _REASON
    + rb"|\x30\x25" + _SERIAL + _UTC
    + rb"|\x30\x35" + _SERIAL + _GENERALIZED + _REASON
    + rb"|\x30\x27" + _SERIAL + _GENERALIZED
    + rb"){1,10000}+"
)  # fmt: skip


def check_list(tbs: bytes, *, subject: bytes, algorithm: bytes, key_identifier: bytes) -> None:
    """A DER TBSCertList of the CA with this DER `subject`. Raises `LintFailed` with every rule it breaks."""
    try:
        # A view: a list of a million entries is 50 MB, and need not be copied to be read.
        view = cast("bytes", memoryview(tbs))
        findings = list(_list_findings(view, subject, algorithm, key_identifier))
    except ValueError as error:
        findings = [f"§5.1: not a TBSCertList: {error}"]
    if findings:
        raise LintFailed(findings)


def _list_findings(tbs: bytes, subject: bytes, algorithm: bytes, key_identifier: bytes) -> Iterator[str]:
    version, signature, issuer, first, last, *rest = der.read(tbs).expect(der.SEQUENCE).children()
    if version.raw != der.integer(1):
        yield "§5.1.2.1: not version 2"
    if signature.raw != algorithm:
        yield "§5.1.2.2: not the issuer's signature algorithm"
    if issuer.raw != subject:
        yield "§5.1.2.3: the issuer is not the issuer's subject, byte for byte"
    if any(one.raw != der.time(der.read_time(one)) for one in (first, last)):
        yield "§5.1.2.4: UTCTime to 2049, GeneralizedTime from 2050"
    if not timedelta(0) < der.read_time(last) - der.read_time(first) <= LIST_LIFE:
        yield f"§5.1.2.5: nextUpdate is not after thisUpdate, within {LIST_LIFE.days} days"
    # §5.1.2.6: absent, not empty.
    if len(rest) == 2 and not _are_entries(rest.pop(0).expect(der.SEQUENCE).content):
        yield "§5.1.2.6, §5.3: an entry that is not a serial number of ours, a time and at most a reason"
    if len(rest) != 1 or rest[0].tag != 0xA0:
        yield "§5.1.2.7: no extensions, or something beside them"
        return
    found = list(_extensions(rest[0]))
    kinds = [kind for kind, _, _ in found]
    if len(set(kinds)) != len(kinds) or not {_AUTHORITY, _NUMBER} <= set(kinds):
        yield "§5.2: authorityKeyIdentifier and cRLNumber are not there once each"
    for kind, critical, value in found:
        if _LIST_EXTENSIONS.get(kind) != critical:
            yield f"§5.2: {kind} does not belong here, or not so"
        if kind == _AUTHORITY and value != der.sequence(der.implicit(0, key_identifier)):
            yield "§5.2.1: authorityKeyIdentifier is not the issuer's subjectKeyIdentifier"
        if kind == _NUMBER and not (0 < (number := der.read(value).integer()) < 1 << 159):
            yield f"§5.2.3: cRLNumber {number} is not positive, or over 20 octets"


def _are_entries(content: bytes) -> bool:
    """Whether there is at least one, and nothing else."""
    at = 0
    # A match keeps the interpreter's lock; between two of them other threads (the event loop's) have their turn.
    while piece := _ENTRIES.match(content, at):
        at = piece.end()
    return 0 < at == len(content)


def check_answer(tbs: bytes, *, key_hash: bytes, signer_ends: datetime) -> None:
    """A DER ResponseData of the responder with this SHA-1 of its key. Raises `LintFailed` with every rule it breaks."""
    try:
        findings = list(_answer_findings(tbs, key_hash, signer_ends))
    except ValueError as error:
        findings = [f"RFC 6960 §4.2.1: not a ResponseData: {error}"]
    if findings:
        raise LintFailed(findings)


def _answer_findings(tbs: bytes, key_hash: bytes, signer_ends: datetime) -> Iterator[str]:
    responder, produced, singles, *rest = der.read(tbs).expect(der.SEQUENCE).children()
    if responder.raw != der.explicit(2, der.octet_string(key_hash)):
        yield "RFC 6960 §4.2.2.3: the responder is not named by its key"
    produced_at = der.read_time(produced.expect(der.GENERALIZED_TIME))
    if not (answers := singles.expect(der.SEQUENCE).children()):
        yield "RFC 6960 §4.2.1: no answer"
    for single in answers:
        certificate_id, status, this_update, *until = single.expect(der.SEQUENCE).children()
        yield from _certificate_id(certificate_id)
        yield from _status(status)
        since = der.read_time(this_update.expect(der.GENERALIZED_TIME))
        if len(until) != 1 or until[0].tag != 0xA0:
            yield "RFC 5019 §2.2.4: no nextUpdate, or something behind it"
            continue
        ends = der.read_time(der.read(until[0].content).expect(der.GENERALIZED_TIME))
        if not (since <= produced_at and since < ends <= min(since + ANSWER_LIFE, signer_ends)):
            yield "RFC 6960 §4.2.2.1: thisUpdate, producedAt, nextUpdate and the signer's end are not in this order"
    for tagged in rest:
        found = list(_extensions(tagged)) if tagged.tag == 0xA1 else []
        if [(kind, critical) for kind, critical, _ in found] != [(_NONCE, False)]:
            yield "RFC 6960 §4.4: something beside a nonce"
        elif not 1 <= len(der.read(found[0][2]).expect(der.OCTET_STRING).content) <= 128:
            yield "RFC 9654 §2.1: a nonce that is not 1 to 128 octets"


def _certificate_id(encoded: der.Element) -> Iterator[str]:
    algorithm, name, key, serial = encoded.expect(der.SEQUENCE).children()
    size = _HASHES.get(algorithm.raw)
    if [len(one.expect(der.OCTET_STRING).content) for one in (name, key)] != [size, size]:
        yield "RFC 6960 §4.1.1: issuer hashes that are not SHA-1 or SHA-256"
    serial.integer()


def _status(status: der.Element) -> Iterator[str]:
    match status.tag:
        case 0x80 | 0x82 if not status.content:
            return
        case 0xA1:
            at, *reason = status.children()
            der.read_time(at.expect(der.GENERALIZED_TIME))
            if reason and not re.fullmatch(rb"\xa0\x03\x0a\x01[" + _REASONS + rb"]", reason[0].raw):
                yield "RFC 6960 §4.2.1: a reason that is none, or `unspecified` said aloud"
        case _:
            yield "RFC 6960 §4.2.1: neither good nor revoked nor unknown"


def _extensions(tagged: der.Element) -> Iterator[tuple[str, bool, bytes]]:
    """OID, whether critical, and the DER value, of each Extension in an EXPLICIT tag."""
    for extension in der.read(tagged.content).expect(der.SEQUENCE).children():
        kind, *flag, value = extension.expect(der.SEQUENCE).children()
        if flag and flag[0].raw != der.boolean(True):  # X.690 §11.5: FALSE is the default and left out
            raise der.DerError("critical, but not TRUE")
        yield der.read_oid(kind), bool(flag), value.expect(der.OCTET_STRING).content
