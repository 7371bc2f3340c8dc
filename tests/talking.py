"""Conversations as transcripts: a real service, a clock that only tests move, and the demo's phone, card and token.

    await talk.says("발급하고 싶어요", "enroll.prepare.ask", at="enroll.prepare")
    await talk.presses("준비됐어요", "enroll.kind.ask")

What a turn says is compared by text keys, all of them and in order. The CA's keys are made once for all tests, and
examples are learned once: starting a service is cheap enough to do it before every message (`House.restarts`).
"""

import base64
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from bot import app
from bot.app import running
from bot.gateways.bank_demo import DemoCustomer
from bot.service import Service, demo_customer
from bot.settings import load_settings
from bot.vault import Vault
from ca.authority import CertificateAuthority
from ca.ports import Record, SubscriberId
from handlers.flow import Accepted, PageForm, Refused
from handlers.message import Answered, Choice, CustomerId, Incoming, Reply
from handlers.understanding import Understanding
from tests.presented import presented

MONDAY = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
"""Half past ten in the morning in Korea: a person is at the desk."""
R = base64.b64encode(bytes(range(20))).decode()
ROUND = ("web", "console", "telegram", "kakao")
"""Channels, as somebody goes from one to the next."""
YES = {
    "prepare": "ready", "kind": "personal", "fee": "accept", "details": "yes", "terms": "agree", "place": "this_pc",
    "review": "confirm", "works": "later",
}  # fmt: skip
"""The button that leads on at each step of the way to a certificate."""


@cache
def csr(number: int) -> str:
    """Base64 of a request for the key `number`: the same key for the same number."""
    key = ec.derive_private_key(1_000_003 + number, ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(Encoding.DER)).decode()


class Clock:
    """Stands still until it is moved; a second passes before every message."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += timedelta(**amount)


class PreparedVault(Vault):
    """Makes and opens the CA once for all tests: sealing keys takes its time on purpose."""

    authority: CertificateAuthority | None = None
    made: Path | None = None

    async def open(self, now: datetime) -> CertificateAuthority:
        if PreparedVault.made is None or not PreparedVault.made.exists():
            PreparedVault.authority, PreparedVault.made = await super().open(now), self.folder
        elif not self.files.exists():
            shutil.copytree(PreparedVault.made, self.folder)
        assert PreparedVault.authority is not None
        PreparedVault.authority.withdrawn = self.files.withdrawn
        # What another test's audit trail has recorded is none of this one's time.
        PreparedVault.authority.recorded = self.recorded
        return PreparedVault.authority


class House:
    """A service over one folder. With `restarts` every message meets a service that has just been started."""

    def __init__(self, data: Path, clock: Clock, settings: Mapping[str, object]) -> None:
        self.data, self.clock, self.settings, self.restarts = data, clock, dict(settings), False
        self.door: type[Talk] | None = None
        """Whose talks go through a channel's own door (`tests/wires.py`), where nothing else is said."""
        self._open = AsyncExitStack()
        self.service: Service

    async def start(self) -> None:
        self.service = await self._open.enter_async_context(self.another())

    async def stop(self) -> None:
        await self._open.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def another(self) -> Any:
        """One more service over the same folder, as a second worker would be."""
        settings = load_settings(None, data=self.data, ca_key="p-256", **self.settings)
        return running(settings, self.clock, jobs=False)

    def talk(self, who: str = "kim", channel: str = "web", customer: str | None = None) -> "Talk":
        demo = self.service.demo_bank.customer(who)
        assert demo is not None
        kind = self.door if self.door is not None and channel == "web" else Talk
        return kind(self, demo, channel, CustomerId(customer) if customer else demo_customer(who))

    async def rows(self, sql: str, **named: object) -> list[dict[str, Any]]:
        return await self.service.database.read(lambda tx: tx.all(sql, **named))

    async def write(self, sql: str, **named: object) -> None:
        await self.service.database.run(lambda tx: tx.execute(sql, **named))


class Talk:
    """One customer's side of a conversation. `demo` says whose phone, card and token are in the hand."""

    def __init__(self, house: House, demo: DemoCustomer, channel: str, customer: CustomerId) -> None:
        self.house, self.demo, self.channel, self.customer = house, demo, channel, customer
        self.switches = False
        """Go on at the other channel with every message."""
        self.answered = Answered()
        self.replies: tuple[Reply, ...] = ()
        self.read = 0
        self._count = 0

    @property
    def service(self) -> Service:
        return self.house.service

    # -- saying and hearing -----------------------------------------------------------------------------------

    async def says(self, text: str, *keys: str, at: str | None = None, progress: tuple[int, int] | None = None) -> str:
        """Type `text`; the turn's bubbles have exactly `keys`. Gives the bubbles' words."""
        return await self._turn(text, None, keys, at, progress)

    async def presses(
        self, button: str | Choice, *keys: str, at: str | None = None, progress: tuple[int, int] | None = None
    ) -> str:
        """Press a button of the last turn by its label, or one from earlier."""
        chosen = button if isinstance(button, Choice) else self.button(button)
        return await self._turn(chosen.label, chosen.value, keys, at, progress)

    async def hears(self, *keys: str, at: str | None = None) -> str:
        """What was said unasked since the last turn."""
        seen = await self.service.conversations.history(self.customer, self.read)
        self.replies = tuple(one.reply for one in seen if one.reply is not None)
        self.read += len(seen)
        flow, step = await self.service.conversation.where(self.customer)
        locale = await self.service.conversation.locale(self.customer)
        self.answered = replace(self.answered, flow=flow, step=step, locale=locale)
        self._present()
        return self._compare(keys, at, None)

    def _present(self) -> None:
        presented(self.replies, self.service.texts[self.answered.locale or "ko"])

    async def _turn(
        self, text: str, value: str | None, keys: tuple[str, ...], at: str | None, progress: tuple[int, int] | None
    ) -> str:
        self.house.clock.forward(seconds=1)
        if self.house.restarts:
            await self.house.restart()
        if self.switches:
            self.channel = ROUND[(ROUND.index(self.channel) + 1) % len(ROUND)]
        self._count += 1
        await self.send(f"{self.channel}:{self._count}", text, value)
        await self.service.delivering.work()
        return self._compare(keys, at, progress)

    async def send(self, message_id: str, text: str = "", choice: str | None = None) -> Answered:
        """One message with an id of its own, as a channel hands it over."""
        said = Incoming(self.channel, self.demo.id, self.customer, message_id, text, choice, self.demo.locale or "ko")
        self.answered = await self.service.conversation.handle(said)
        self.replies = self.answered.replies
        self._present()
        self.read = await self.service.conversations.latest(self.customer, 0)
        return self.answered

    def _compare(self, keys: tuple[str, ...], at: str | None, progress: tuple[int, int] | None) -> str:
        words = "\n".join(reply.text for reply in self.replies)
        if keys:
            assert [reply.key for reply in self.replies] == list(keys), words
        if at is not None:
            assert self.at == at, words
        if progress is not None:
            assert self.replies[-1].progress == progress, words
        return words

    @property
    def at(self) -> str | None:
        return self.answered.flow and f"{self.answered.flow}.{self.answered.step}"

    # -- what is on the screen --------------------------------------------------------------------------------

    @property
    def choices(self) -> list[Choice]:
        return [choice for reply in self.replies for choice in reply.choices]

    @property
    def labels(self) -> list[str]:
        return [choice.label for choice in self.choices]

    def button(self, label: str) -> Choice:
        found = [choice for choice in self.choices if choice.label == label]
        assert found, f"no {label!r} among {self.labels}"
        return found[0]

    def valued(self, value: str) -> Choice:
        """The button with a value, whatever language its label is in and whatever nonce it carries."""
        found = [choice for choice in self.choices if choice.value.partition("~")[0] == value]
        assert found, f"no {value!r} among {[choice.value for choice in self.choices]}"
        return found[0]

    async def sms(self) -> list[str]:
        """The phone's messages, newest first."""
        return [text for _, text in await self.service.phones.messages(self.demo.phone.replace("-", ""), 100_000)]

    async def codes(self) -> list[str]:
        """The codes on the phone, newest first."""
        found = (re.search(r"(?<!\d)\d{6}(?!\d)", text) for text in await self.sms())
        return [match[0] for match in found if match]

    async def code(self) -> str:
        """The newest code on the phone."""
        return (await self.codes())[0]

    async def state(self) -> dict[str, Any]:
        """What the conversation remembers."""
        opened = await self.service.conversations.open(self.customer, self.channel, None)
        assert opened.state is not None
        return opened.state

    # -- a good deal of the way at once -----------------------------------------------------------------------

    async def walk(self, to: str | None, **instead: str) -> "Talk":
        """Go on to the step `to` (None: to the end), saying yes; `instead` names other buttons by step."""
        while self.answered.step != to or self.answered.flow is None:
            if self.answered.flow is None:
                await self.presses(Choice("start:enroll", ""))
            else:
                before = self.answered.step
                await self.step(**instead)
                assert self.answered.step != before, "\n".join(reply.text for reply in self.replies)
            if to is None and self.answered.flow is None:
                break
        return self

    async def step(self, **instead: str) -> None:
        match self.answered.step:
            case "account":
                await self.says(instead.get("account", self.demo.accounts[0]))
            case "name":
                await self.says(instead.get("name", self.demo.name))
            case "code":
                await self.says(await self.code())
            case "page":
                page = self.page()
                assert isinstance(await page.submit(), Accepted)
                await page.done()
            case str(step):
                await self.presses(self.valued(f"{step}={instead.get(step, self._yes(step))}"))

    def _yes(self, step: str) -> str:
        return self.demo.kind if step == "kind" else YES[step]

    # -- pages ------------------------------------------------------------------------------------------------

    def page(self) -> "Page":
        """The one-time page whose link is on the screen."""
        link = next(reply.link for reply in reversed(self.replies) if reply.link is not None and reply.link.id)
        assert link.id is not None
        return Page(self, link.id)

    async def certificates(self) -> list[Record]:
        """What this customer can use now."""
        return list(await self.service.certificates.active(SubscriberId(self.demo.number)))


class Page:
    """A page in the customer's browser: what it posts, without the browser."""

    def __init__(self, talk: Talk, link_id: str) -> None:
        self.talk, self.link_id = talk, link_id

    async def shown(self) -> Mapping[str, Any] | None:
        shown, _ = await self.talk.service.conversation.show(self.talk.channel, self.talk.customer, self.link_id)
        return shown

    async def factor(self) -> dict[str, Any]:
        """The right answer to what the page asks for."""
        service, demo = self.talk.service, self.talk.demo
        shown = await self.shown()
        assert shown is not None
        if shown["factor"]["kind"] == "otp":
            otp = service.demo_bank.otp_now(demo.id, service.clock())
            assert otp is not None
            return {"otp": otp[0]}
        card = service.demo_bank.card_cells(demo.id)
        assert card is not None
        halves = {"front": slice(0, 2), "back": slice(2, 4)}
        return {"cells": {str(c["cell"]): card[c["cell"]][halves[c["half"]]] for c in shown["factor"]["cells"]}}

    async def submit(self, factor: Mapping[str, Any] | None = None, *, key: int = 0) -> Accepted | Refused:
        """Send the form, with the right factor unless another is given, and a request for `key`."""
        talk = self.talk
        fields = {"csr": csr(key), "r": R, "factor": await self.factor() if factor is None else factor}
        result, _ = await talk.service.conversation.submit(
            talk.channel, talk.demo.id, talk.customer, PageForm(self.link_id, fields)
        )
        return result

    async def done(self, *keys: str, document: bool = False, system: str = "windows", at: str | None = None) -> str:
        """The files are kept: the conversation goes on with `keys`."""
        service = self.talk.service
        record = await service.certificates.by_request(self.link_id)
        if record is None:
            result: dict[str, Any] = {"checked": True}
        else:
            kept = {"id": self.link_id, "filename": "k.p12", "media_type": "application/x-pkcs12", "size": 3}
            until, serial = record.plan.not_after.isoformat(), f"{record.plan.serial:040x}"
            result = {"serial": serial, "until": until, "system": system, "document": kept if document else None}
        await service.links.finish(self.link_id, result, service.clock())
        await service.cleaning.take_on()
        return await self.talk.hears(*keys, at=at)


_learned = cache(Understanding)


def unsure() -> str:
    """A question that is asked back, however the examples are being taught just now."""
    near = ("얼마예요?", "언제까지 써요?", "어떻게 해요?", "어디까지 했죠?", "뭐가 필요해요?", "기간이 얼마나 돼요?")
    return next(said for said in near if _learned().hear(said).understood.decision == "clarify")


@pytest.fixture
def settings() -> dict[str, object]:
    """What a test wants the operator to have set differently; change it before `house` is asked for."""
    return {}


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> str:
    """At which channel's door the transcripts of this test are said; none: to the conversation itself."""
    return str(getattr(request, "param", os.environ.get("CERTTALK_TEST_WIRE", "")))


@pytest.fixture
async def house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, object], wire: str
) -> AsyncIterator[House]:
    from tests import wires

    monkeypatch.setattr(app, "Vault", PreparedVault)
    monkeypatch.setattr(app, "Understanding", _learned)
    opened = House(tmp_path / "data", Clock(), (wires.SETTINGS if wire else {}) | dict(settings))
    opened.door = wires.DOORS[wire] if wire else None
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
def talk(house: House) -> Talk:
    """김데모, who has a security card, in the web chat."""
    return house.talk()
