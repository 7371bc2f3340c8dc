"""Revocation lists: what is in them, and that their cost is linear."""

import time
from datetime import timedelta
from itertools import pairwise

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ca import crl, der
from ca.errors import LintFailed
from ca.partition import MOST, Partition, partition_of, partitions
from ca.ports import RevokedEntry, Serial
from tests.ca.pki import NOW, pki

DAY = timedelta(days=1)


def load(
    *entries: RevokedEntry, kind: str = "p-256", partition: Partition | None = None
) -> x509.CertificateRevocationList:
    signed = pki(kind).authority.sign_crl("certtalk-1", list(map(crl.entry, entries)), 7, NOW, DAY, partition)
    loaded = x509.load_der_x509_crl(signed)
    assert loaded.is_signature_valid(pki(kind).issuer.public_key)
    return loaded


@pytest.mark.parametrize("kind", ["p-256", "rsa-2048"])
def test_an_empty_list(kind: str) -> None:
    loaded = load(kind=kind)
    assert len(loaded) == 0
    fields = der.read(loaded.tbs_certlist_bytes).children()
    assert len(fields) == 6, "RFC 5280 §5.1.2.6: revokedCertificates is absent, not empty"
    assert loaded.issuer == pki(kind).issuer.certificate.subject
    assert (loaded.last_update_utc, loaded.next_update_utc) == (NOW, NOW + DAY)
    assert loaded.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    authority = loaded.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert authority.key_identifier == pki(kind).issuer.key_identifier
    assert len(loaded.extensions) == 2


@pytest.mark.parametrize("many", [1, 10_000, 10_001, 20_000, 25_000])
def test_every_entry_of_a_long_list_is_linted(many: int) -> None:
    """They are read in pieces of ten thousand."""
    entry = crl.entry(RevokedEntry(Serial(1 << 158), NOW, "superseded"))
    assert pki().authority.sign_crl("certtalk-1", [entry * many], 7, NOW, DAY)
    for spoilt in (entry[:-1] + b"\x00", entry + b"\x05\x00"):  # a reason said aloud that is none, something behind
        with pytest.raises(LintFailed, match=r"§5\.1\.2\.6"):
            pki().authority.sign_crl("certtalk-1", [entry * (many - 1), spoilt], 7, NOW, DAY)


@pytest.mark.parametrize("reason", [r for r in crl.REASONS if r != "unspecified"])
def test_reasons(reason: str) -> None:
    (entry,) = load(RevokedEntry(Serial(1 << 158), NOW, reason))
    assert entry.serial_number == 1 << 158
    assert entry.revocation_date_utc == NOW
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value == reason


def test_unspecified_is_said_by_saying_nothing() -> None:
    (entry,) = load(RevokedEntry(Serial(1 << 158), NOW, "unspecified"))
    assert len(entry.extensions) == 0


def test_a_part_names_itself_as_the_certificates_in_it_do() -> None:
    part = Partition(2, 8)
    loaded = load(RevokedEntry(Serial(1 << 158), NOW, "superseded"), partition=part)
    found = loaded.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert found.critical, "RFC 5280 §5.2.5"
    point = found.value
    assert [str(name.value) for name in point.full_name or ()] == ["http://pki.example/pki/certtalk-1.2.8.crl"]
    assert (point.only_contains_user_certs, point.only_contains_ca_certs, point.indirect_crl) == (True, False, False)
    assert (point.only_contains_attribute_certs, point.only_some_reasons) == (False, None)
    assert len(loaded.extensions) == 3


@given(st.integers(1 << 158, (1 << 159) - 1), st.integers(2, MOST))
def test_every_serial_number_is_in_one_part(serial: int, of: int) -> None:
    def holds(part: Partition) -> bool:
        return (part.first is None or part.first <= serial) and (part.behind is None or serial < part.behind)

    parts = partitions(of)
    assert [part for part in parts if holds(part)] == [partition_of(Serial(serial), of)]
    assert all(earlier.behind == later.first for earlier, later in pairwise(parts))
    assert [Partition.read(part.suffix) for part in parts] == parts


@pytest.mark.parametrize(
    "suffix", ["", ".", ".0.1", ".4.4", ".01.4", ".1.257", ".-1.4", ".1.4.4", ".1.4\n", ".\u0661.4"]
)
def test_what_is_no_part(suffix: str) -> None:
    assert Partition.read(suffix) is None


def test_time_must_move() -> None:
    with pytest.raises(ValueError, match="nextUpdate"):
        pki().authority.sign_crl("certtalk-1", [], 1, NOW, timedelta(0))


def test_twenty_thousand_entries_cost_little() -> None:
    entries = [RevokedEntry(Serial(1 << 158 | n), NOW, "superseded") for n in range(20_000)]
    started = time.perf_counter()
    loaded = load(*entries)
    assert time.perf_counter() - started < 2
    assert len(loaded) == 20_000
    assert loaded.get_revoked_certificate_by_serial_number(1 << 158 | 19_999) is not None
