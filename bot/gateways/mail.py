"""E-mail, one of the ways beside the chats: a plain text over SMTP, to the address the bank has on record.

It is the least safe way: whoever reads along on the way, or over a shoulder, sees it. So it says what every notice says
(the bank, the kind of certificate, its end) and no more, and leads to the counter's own address without a token in it.
SMTP knows no key for a message: one whose answer was lost is sent again, under the same Message-ID; one that the
server is known to have taken is not.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import aiosmtplib

from bot.gateways.notices import Notice
from bot.gateways.sms import SmsRefused, SmsUnavailable
from bot.settings.kinds import ADDRESS
from bot.storage.sendings import Sendings
from handlers.bank import BankCustomer
from handlers.texts import Texts

WAY: Final = "email"
DEADLINE: Final = 10.0
"""Seconds; below the 15 a delivery has, so that a time-out is ours and known as one."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """`at_once`: TLS from the first octet (port 465), else STARTTLS, which is insisted on unless `in_clear`."""

    host: str
    port: int
    at_once: bool
    in_clear: bool
    user: str = ""
    password: str = field(default="", repr=False)


class ByMail:
    """Implements `bot.gateways.notices.NoticeGateway`. `only_to` is the operator's own address in test mode."""

    def __init__(
        self,
        server: MailServer,
        sender: str,
        texts: Mapping[str, Texts],
        counter: str,
        clock: Callable[[], datetime],
        only_to: str = "",
        sendings: Sendings | None = None,
    ) -> None:
        """`counter` is the address customers open; without `sendings` nothing is counted."""
        self.server, self.sender, self.texts, self.counter = server, sender, texts, counter
        self.clock, self.only_to, self.sendings = clock, only_to, sendings

    async def send(self, to: BankCustomer, notice: Notice) -> bool:
        if not ADDRESS.fullmatch(to.email or ""):
            raise SmsRefused("no address that can be written to")
        address = self.only_to or str(to.email)
        if self.sendings is None:
            await self.hand(address, notice)
        else:
            await self._hand_once(address, notice, self.sendings)
        return True

    async def _hand_once(self, address: str, notice: Notice, sendings: Sendings) -> None:
        """The server's yes is all that is ever told of a message: it counts as arrived."""
        key = f"{WAY}:{notice.key}"
        known = await sendings.ask(key, "email", self.clock())
        if known is not None and known.state == "arrived":
            return
        if known is not None and known.state == "lost":
            raise SmsRefused("was refused before")
        try:
            await self.hand(address, notice)
        except SmsRefused:
            await sendings.close(key, "lost", self.clock())
            raise
        await sendings.close(key, "arrived", self.clock())

    async def hand(self, address: str, notice: Notice) -> None:
        """One message to the server. Raises `bot.gateways.sms.SmsFailure`, which names nobody."""
        server = self.server
        try:
            await aiosmtplib.send(
                self._message(address, notice), sender=self.sender, recipients=[address], hostname=server.host,
                port=server.port, use_tls=server.at_once, start_tls=not (server.at_once or server.in_clear),
                username=server.user or None, password=server.password or None, timeout=DEADLINE,
                local_hostname=self.sender.rpartition("@")[2],
            )  # fmt: skip
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _meaning(max(one.code for one in refused.recipients), "recipient") from None
        except aiosmtplib.SMTPDataError as refused:
            raise _meaning(refused.code, "message") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            # Whoever the server does not know or will not relay for: the settings' fault, not this message's.
            raise SmsUnavailable(type(error).__name__) from None

    def _message(self, address: str, notice: Notice) -> EmailMessage:
        t = self.texts[notice.locale]
        message = EmailMessage(policy=SMTP)
        message["Subject"] = t("mail.subject")
        message["From"] = self.sender
        message["To"] = address
        message["Date"] = format_datetime(self.clock())
        digest = hashlib.sha256(notice.key.encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{digest}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers it
        message.set_content(t("mail.body", text=notice.text, counter=self.counter))
        return message


def _meaning(code: int, what: str) -> SmsRefused | SmsUnavailable:
    """RFC 5321 §4.2.1: 5yz is for ever, everything else may be taken later."""
    return (SmsRefused if 500 <= code < 600 else SmsUnavailable)(f"{what}: {code}")
