"""One plan, one signature: no other way leads to an issuing key."""

from dataclasses import replace

import pytest
from cryptography import x509

from ca.errors import LintFailed, RequestConflict
from ca.intention import Intention
from ca.ports import Record, Status
from tests.ca.pki import NOW, enrollment, pki


@pytest.fixture
def record() -> Record:
    return Record(pki().authority.prepare(enrollment(), NOW), Status.PLANNED)


def test_an_intention_is_spent_once(record: Record) -> None:
    intention = Intention(record, record.plan.tbs)
    made = x509.load_der_x509_certificate(pki().issuer.issue(intention))
    assert made.tbs_certificate_bytes == record.plan.tbs
    with pytest.raises(RequestConflict, match="already"):
        pki().issuer.issue(intention)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.PLANNED])
def test_there_is_none_for_what_is_not_planned(record: Record, status: Status) -> None:
    with pytest.raises(RequestConflict, match=status):
        Intention(replace(record, status=status), record.plan.tbs)


def test_there_is_none_for_other_bytes(record: Record) -> None:
    with pytest.raises(LintFailed):
        Intention(record, record.plan.tbs + b"\0")


def test_another_issuer_does_not_take_it(record: Record) -> None:
    other = replace(record, plan=replace(record.plan, issuer="certtalk-2"))
    with pytest.raises(RequestConflict, match="certtalk-2"):
        pki().issuer.issue(Intention(other, record.plan.tbs))


def test_the_other_door_refuses_certificates(record: Record) -> None:
    with pytest.raises(LintFailed, match="TBSCertList"):
        pki().issuer.sign(record.plan.tbs)
