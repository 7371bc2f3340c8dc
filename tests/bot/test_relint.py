"""Everything issued is linted again: what is well is silent, what is not is named."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import profiles, relint
from bot.storage.exporting import Exported
from ca.authority import CertificateAuthority
from ca.ports import Record, Serial, Status, SubscriberId
from ca.profiles import day_begins
from tests.ca.pki import NOW, enrollment, make_pki, pki
from tests.outside import Outside


def issued(authority: CertificateAuthority, **changed: object) -> Exported:
    plan = authority.prepare(enrollment(**changed), NOW)
    der = authority.sign(Record(plan, Status.PLANNED))
    replaces = None if plan.replaces is None else f"{plan.replaces:040x}"
    return Exported(
        f"{plan.serial:040x}", der, Status.VALID, "x", plan.profile, NOW, plan.not_after, None, None, replaces
    )  # fmt: skip


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
        pytest.param(
            issued(NPKI), "§4.2.1.4: not the profile's policy, notice and CPS alone, critical", id="another switch"
        ),
    ],
)
def test_what_is_wrong_is_named(one: Exported, finding: str) -> None:
    found = list(relint._own(one, pki().authority))
    assert found
    assert any(finding in text for text in found), found


def test_what_is_well_is_silent() -> None:
    assert list(relint._own(GOOD, pki().authority)) == []


def test_a_renewed_one_may_have_what_was_left_of_the_one_before() -> None:
    authority = pki().authority
    end = authority.profile("personal").extended(day_begins(NOW) + timedelta(days=30, seconds=-1))
    renewed = issued(authority, replaces=Serial(1 << 158), not_after=end)
    assert list(relint._own(renewed, authority)) == []
    assert any("longer than" in found for found in relint._own(replace(renewed, replaces=None), authority))


def test_a_second_opinion() -> None:
    judge = relint.pkilint()
    assert judge is not None, "installed for the tests"
    assert list(judge(GOOD.der)) == []
    assert any("explicit_text" in finding for finding in judge(issued(NPKI).der))


async def test_what_the_counter_hands_out_is_well(outside: Outside) -> None:
    await outside.browser().enrolled()
    assert await findings(outside, relint.pkilint()) == []


async def test_profiles_that_changed_leave_what_was_issued_before_well(outside: Outside) -> None:
    await outside.browser().enrolled()
    service, authority = outside.service, outside.service.registration.authority
    elsewhere = service.settings.model_copy(update={"public_url": "https://elsewhere.example"})
    later = outside.clock() + timedelta(days=1)
    for _ in range(2):  # written down once
        await service.database.run(profiles.record, service.audit, elsewhere, later, "ca")
    assert len(await service.database.read(profiles.in_force)) == 2
    authority.profiles = profiles.load_profiles(elsewhere)
    [one] = [one async for one in service.certificates.export()]
    assert any("§4.2.1.13" in finding for finding in relint._own(one, authority))
    assert await findings(outside) == []
    # Issued after that, it is as wrong as it looks.
    known = await service.database.read(profiles.in_force)
    assert list(relint._own(one, authority, relint._then(known, later + timedelta(days=1))))


async def findings(outside: Outside, judge: relint.Judge | None = None) -> list[str]:
    service = outside.service
    linted = relint.relint(service.certificates, service.registration.authority, judge, service.database)
    return [finding async for one in linted for finding in one.findings]


async def test_every_standing_agrees_with_the_trail(outside: Outside) -> None:
    for who in ("kim", "lee", "smith"):
        await outside.browser(who).enrolled()
    service, now = outside.service, outside.clock()
    first, second, third = [Serial(int(one.serial, 16)) async for one in service.certificates.export()]
    await service.registration.hold(first, now)
    await service.registration.release(first, now)
    await service.registration.hold(second, now)
    await service.registration.revoke(third, "keyCompromise", now)
    assert await findings(outside) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("UPDATE certificates SET status = 'valid', revoked_at = NULL, reason = NULL", "revoked in the audit trail"),
        ("UPDATE certificates SET serial = '00' || substr(serial, 3)", "knows nothing"),
        ("UPDATE certificates SET der = (SELECT der FROM certificates WHERE subscriber = 'DEMO0002')", "not the"),
    ],
)
async def test_what_is_written_into_the_database_alone_is_found(outside: Outside, change: str, finding: str) -> None:
    for who in ("kim", "lee"):
        await outside.browser(who).enrolled()
    service = outside.service
    [kims] = [one.plan.serial for one in await service.certificates.active(SubscriberId("DEMO0001"))]
    await service.registration.revoke(kims, "keyCompromise", outside.clock())
    where = " WHERE subscriber = 'DEMO0001'"
    await service.database.run(lambda tx: tx.execute(change + where))
    assert any(finding in one for one in await findings(outside))
