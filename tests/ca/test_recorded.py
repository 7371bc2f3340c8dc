"""A clock that was set back signs nothing; one that is being corrected dates nothing earlier than what was recorded."""

from datetime import timedelta

import pytest
from cryptography import x509

from ca import ocsp
from ca.authority import CertificateAuthority
from ca.errors import ClockSetBack
from ca.ports import Serial, Standing
from ca.recorded import SLACK, Recorded
from tests.ca.pki import NOW, enrollment, pki


@pytest.fixture
def authority() -> CertificateAuthority:
    recorded = Recorded()
    recorded.note(NOW)
    recorded.note(NOW - timedelta(days=1))  # an older record changes nothing
    return CertificateAuthority(pki().issuer, pki().authority.profiles, recorded=recorded)


@pytest.mark.parametrize("back", [timedelta(days=2), SLACK + timedelta(seconds=1)])
async def test_nothing_is_signed_by_a_clock_set_back(authority: CertificateAuthority, back: timedelta) -> None:
    with pytest.raises(ClockSetBack, match=f"{NOW:%Y-%m-%d %H:%M:%S} UTC"):
        authority.prepare(enrollment(), NOW - back)
    with pytest.raises(ClockSetBack):
        authority.sign_crl("certtalk-1", [], 1, NOW - back, timedelta(days=1))


def test_within_the_slack_no_date_goes_back(authority: CertificateAuthority) -> None:
    early = NOW - SLACK
    assert authority.prepare(enrollment(), early).planned_at == NOW
    listed = x509.load_der_x509_crl(authority.sign_crl("certtalk-1", [], 1, early, timedelta(days=1)))
    assert listed.last_update_utc == NOW


def test_forward_is_forward(authority: CertificateAuthority) -> None:
    later = NOW + timedelta(days=366)
    assert authority.prepare(enrollment(), later).planned_at == later


async def test_an_answer_is_not_dated_back_either(authority: CertificateAuthority) -> None:
    async def unknown(_: object) -> dict[Serial, Standing]:
        return {}

    asked = ocsp.request(pki().issuer, Serial(4711), "sha256")
    answer = await authority.answer_ocsp(asked, unknown, NOW - timedelta(days=2))
    assert answer == ocsp.Refusal.INTERNAL_ERROR.response()
