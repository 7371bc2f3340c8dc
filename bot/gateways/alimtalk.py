"""알림톡: a notice to a phone number in KakaoTalk, as one of the ways after the chats.

Only what has a registered template in the customer's language goes this way; everything else is refused here, and the
next way (a text message) takes it. So does what the provider took and could not deliver (`bot/jobs/following.py`).
"""

from collections.abc import Mapping
from typing import Final

from bot.gateways.alimtalk_templates import Templates
from bot.gateways.notices import Notice
from bot.gateways.provider import Dispatch, Message
from bot.gateways.sms import SmsRefused
from handlers.bank import BankCustomer
from handlers.texts import Texts

WAY: Final = "alimtalk"


class ByAlimtalk:
    """Implements `bot.gateways.notices.NoticeGateway`."""

    def __init__(self, dispatch: Dispatch, templates: Templates, texts: Mapping[str, Texts]) -> None:
        self.dispatch, self.templates, self.texts = dispatch, templates, texts

    async def send(self, to: BankCustomer, notice: Notice) -> bool:
        template = self.templates.get((notice.locale, notice.template))
        if template is None or not template.code:
            raise SmsRefused("no registered template")
        filled = template.fill(values(self.texts[notice.locale], notice))
        if filled is None:
            raise SmsRefused("its values do not fit the template")
        return await self.dispatch.hand(Message(f"{WAY}:{notice.key}", WAY, to.phone, filled.text, filled))


def values(t: Texts, notice: Notice) -> dict[str, str]:
    """What the variables of a template may stand for, as this notice says it."""
    given = notice.params
    said = {"bank": t("alimtalk.value.bank")}
    if "kind" in given:
        said["kind"] = t(f"enroll.kind_name.{given['kind']}")
    if "until" in given:
        said["until"] = t("alimtalk.value.until", until=given["until"])
    if "left" in given:
        said["left"] = str(given["left"])
    return said
