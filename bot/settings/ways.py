"""The ways to a customer beside the chats: 알림톡, text messages, e-mail; which is tried first, and how fast."""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from bot.settings.kinds import ExistingFile, MailAddress, PhoneNumber, is_loopback

WAYS: Final = frozenset({"chat", "alimtalk", "sms", "email"})


class Ways(BaseModel):
    """Nothing here is needed for the demo. Read after `Place`: the demo writes to nobody real."""

    alimtalk_provider: Literal["", "solapi", "webhook"] = ""
    """Who takes 알림톡 and text messages: SOLAPI, or a signed POST to an address of the bank's. Empty: no 알림톡."""
    alimtalk_url: str = ""
    """The address of the webhook; for SOLAPI another origin than its own."""
    alimtalk_key: str = ""
    """The provider's API key."""
    alimtalk_secret: SecretStr = SecretStr("")
    """What requests to the provider are signed with."""
    alimtalk_channel: str = ""
    """The KakaoTalk channel as the provider names it (SOLAPI: pfId)."""
    alimtalk_sender: PhoneNumber = ""
    """The registered number text messages come from, digits only."""
    alimtalk_templates: ExistingFile | None = None
    """A copy of `locales/kakao_templates.toml` with the ids of the registered templates."""
    alimtalk_test_phone: PhoneNumber = ""
    """Test mode: everything the provider is given goes to this number, the operator's, and to nobody else."""
    alimtalk_prices: str = ""
    """Won a message as in `alimtalk=13,sms=18`, for `certtalk notices costs`."""
    email_server: str = ""
    """The mail server: `smtps://HOST[:465]`, or `smtp://HOST[:587]` with STARTTLS. Empty: no e-mail."""
    email_user: str = ""
    """Who we are to the mail server; empty where it asks nobody."""
    email_password: SecretStr = SecretStr("")
    email_from: MailAddress = ""
    """Whom notices come from; an address of the bank's that may be answered."""
    email_test_address: MailAddress = ""
    """Test mode: every e-mail goes to this address, the operator's, and to nobody else."""
    notice_order: str = "chat,alimtalk,sms,email"
    """Ways to a customer, tried in this order; those that are not set up are passed over."""
    reminders_per_second: int = Field(25, ge=1, le=10_000)
    """Reminders a second into chats; below a messenger's own limit, so that conversations go on meanwhile."""
    notices_per_second: int = Field(10, ge=1, le=10_000)
    """Reminders a second by each other way: what the provider takes."""

    @field_validator("alimtalk_url")
    @classmethod
    def _where_the_provider_is(cls, url: str, info: ValidationInfo) -> str:
        provider = info.data.get("alimtalk_provider")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            host, parts = "", urlsplit("")
        # It carries numbers and words of customers: in clear only on this machine.
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        if (url or provider == "webhook") and not (
            host and safe and parts.username is None and not parts.fragment and url.isascii() and " " not in url
        ):
            raise PydanticCustomError("provider_url", "an https address")
        return url.rstrip("/") if provider == "solapi" else url

    @field_validator("alimtalk_key", "alimtalk_channel")
    @classmethod
    def _what_solapi_needs(cls, told: str, info: ValidationInfo) -> str:
        if not re.fullmatch(r"[A-Za-z0-9@_-]{0,100}", told) or (
            not told and info.data.get("alimtalk_provider") == "solapi"
        ):
            raise PydanticCustomError("provider_needs", "the provider needs it")
        return told

    @field_validator("alimtalk_secret")
    @classmethod
    def _what_requests_are_signed_with(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        told = secret.get_secret_value()
        if not re.fullmatch(r"([!-~]{16,256})?", told) or (not told and info.data.get("alimtalk_provider")):
            raise PydanticCustomError("kakao_secret", "16 to 256 printable ASCII characters")
        return secret

    @field_validator("alimtalk_sender")
    @classmethod
    def _a_registered_number(cls, number: str, info: ValidationInfo) -> str:
        if not number and info.data.get("alimtalk_provider") == "solapi":
            raise PydanticCustomError("provider_needs", "the provider needs it")
        return number

    @field_validator("alimtalk_test_phone")
    @classmethod
    def _nobody_real_from_the_demo(cls, number: str, info: ValidationInfo) -> str:
        if not number and info.data.get("demo", True) and info.data.get("alimtalk_provider"):
            raise PydanticCustomError("test_phone_needed", "the demo writes to the operator only")
        return number

    @field_validator("alimtalk_prices")
    @classmethod
    def _prices(cls, told: str) -> str:
        listed = [one.strip() for one in told.split(",") if one.strip()]
        if not all(re.fullmatch(r"(alimtalk|sms|lms|event|email)=[0-9]{1,4}(\.[0-9]{1,2})?", one) for one in listed):
            raise PydanticCustomError("prices", "kind=won")
        return ",".join(listed)

    @field_validator("email_server")
    @classmethod
    def _a_mail_server(cls, url: str) -> str:
        if url:
            try:
                parts = urlsplit(url)
                sane = bool(parts.hostname) and (parts.port is None or parts.port > 0)
            except ValueError:
                sane = False
            if not sane or not re.fullmatch(r"smtps?://[A-Za-z0-9.\[\]:-]+", url):
                raise PydanticCustomError("email_server", "smtp:// or smtps://")
        return url

    @field_validator("email_from", "email_test_address")
    @classmethod
    def _whom_mail_comes_from_and_goes_to(cls, address: str, info: ValidationInfo) -> str:
        if not address and info.data.get("email_server"):
            if info.field_name == "email_from":
                raise PydanticCustomError("mail_address", "needed with a server")
            if info.data.get("demo", True):
                raise PydanticCustomError("test_address_needed", "the demo writes to the operator only")
        return address

    @field_validator("notice_order")
    @classmethod
    def _ways_there_are(cls, order: str) -> str:
        ways = [way.strip() for way in order.split(",")]
        if not ways or len(set(ways)) < len(ways) or not set(ways) <= WAYS:
            raise PydanticCustomError("notice_order", "unknown or repeated way")
        return ",".join(ways)
