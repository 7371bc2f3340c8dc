"""Everything issued is linted again: what is well is silent, what is not is named."""

from dataclasses import replace

import pytest

from bot import relint
from bot.storage.exporting import Exported
from ca.authority import CertificateAuthority
from ca.ports import Record, Status
from tests.ca.pki import NOW, enrollment, make_pki, pki
from tests.outside import Outside


def issued(authority: CertificateAuthority) -> Exported:
    plan = authority.prepare(enrollment(), NOW)
    der = authority.sign(Record(plan, Status.PLANNED))
    return Exported(f"{plan.serial:040x}", der, Status.VALID, "x", plan.profile, NOW, plan.not_after, None, None, None)


GOOD = issued(pki().authority)
OTHER_CA = make_pki("p-256").authority
NPKI = CertificateAuthority(
    pki().issuer, {name: replace(one, npki_policies=True) for name, one in pki().authority.profiles.items()}
)


@pytest.mark.parametrize(
    ("one", "finding"),
    [
        pytest.param(replace(GOOD, serial="0" * 40), "another serial", id="serial"),
        pytest.param(replace(GOOD, der=GOOD.der[:-1] + bytes((GOOD.der[-1] ^ 1,))), "signature", id="signature"),
        pytest.param(replace(GOOD, der=b"rubbish"), "CertTalk", id="rubbish"),
        pytest.param(replace(GOOD, profile="business"), "4.2.1.4", id="another profile"),
        pytest.param(replace(GOOD, profile="gone"), "does not exist", id="no such profile"),
        pytest.param(issued(OTHER_CA), "signature", id="another CA of this name"),
        pytest.param(issued(NPKI), "2.5.29.32", id="another switch"),
    ],
)
def test_what_is_wrong_is_named(one: Exported, finding: str) -> None:
    found = list(relint._own(one, pki().authority))
    assert found
    assert any(finding in text for text in found), found


def test_what_is_well_is_silent() -> None:
    assert list(relint._own(GOOD, pki().authority)) == []


def test_a_second_opinion() -> None:
    judge = relint.pkilint()
    assert judge is not None, "installed for the tests"
    assert list(judge(GOOD.der)) == []
    assert any("explicit_text" in finding for finding in judge(issued(NPKI).der))


async def test_what_the_counter_hands_out_is_well(outside: Outside) -> None:
    await outside.browser().enrolled()
    service = outside.service
    found = [one async for one in relint.relint(service.certificates, service.registration.authority, relint.pkilint())]
    assert [one.findings for one in found] == [()]
