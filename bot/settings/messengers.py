"""Telegram and KakaoTalk: what each gave the operator, and what may call us or be called."""

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from bot.settings.kinds import is_loopback


class Messengers(BaseModel):
    """A messenger without its token or secret is not there. Read after `Place`: a webhook needs its https address."""

    telegram_token: SecretStr = SecretStr("")
    """BotFather's token. Empty: no Telegram."""
    telegram_api_url: str = "https://api.telegram.org"
    """The Bot API server, what stands before `/bot<token>/` in its addresses; one of your own may be behind a path."""
    telegram_mode: Literal["polling", "webhook"] = "polling"
    """Ask Telegram for messages, or be told at CERTTALK_PUBLIC_URL."""
    telegram_webhook_secret: SecretStr = SecretStr("")
    """What Telegram must know to tell us anything, 1 to 256 of A-Z a-z 0-9 _ -."""
    telegram_per_second: int = Field(30, ge=1, le=100_000)
    """Messages a second, all chats together. Telegram takes 30 unless more is paid for."""
    in_chat_secrets: bool = False
    """Without an https address: customers may type card digits and passwords into the chat, after being told."""
    kakao_secret: SecretStr = SecretStr("")
    """What the admin centre sends in the header registered with the skill. Empty: no KakaoTalk."""
    kakao_header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] = "X-CertTalk-Secret"
    """That header's name."""
    kakao_bot: str = ""
    """The chatbot's id; calls for another one are refused."""
    kakao_block: str = ""
    """The id of the block that carries the skill and is called by buttons. Empty: a button says its label."""
    kakao_addresses: str = ""
    """Addresses or networks KakaoTalk may call from, separated by blanks. Empty: any."""
    kakao_proxies: str = ""
    """Addresses of our own proxies, whose X-Forwarded-For is believed."""
    kakao_callback_hosts: str = "bot-api.kakao.com"
    """Hosts a late answer may be sent to, separated by blanks."""
    kakao_event_key: SecretStr = SecretStr("")
    """The app's REST key, for the Event API: the bot speaks first to channel friends. Empty: it does not."""
    kakao_event: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,50}$")] = "certtalk_notice"
    """The name of the event, as set on its block."""

    @field_validator("telegram_token")
    @classmethod
    def _a_token_of_botfather(cls, token: SecretStr) -> SecretStr:
        # It becomes part of an address: nothing that would lead elsewhere.
        if not re.fullmatch(r"([0-9]{1,20}:[A-Za-z0-9_-]{8,128})?", token.get_secret_value()):
            raise PydanticCustomError("telegram_token", "not a token")
        return token

    @field_validator("telegram_api_url")
    @classmethod
    def _a_server_the_token_may_go_to(cls, url: str) -> str:
        address = r"https?://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?(/[\w.~-]+)*/*"
        if not re.fullmatch(address, url, re.ASCII):
            raise PydanticCustomError("telegram_api_url", "not an address")
        return url.rstrip("/")

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _a_secret_telegram_takes(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        told = secret.get_secret_value()
        if info.data.get("telegram_mode") != "webhook" and not told:
            return secret
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", told):
            raise PydanticCustomError("webhook_secret", "1 to 256 of A-Z a-z 0-9 _ -")
        if info.data.get("telegram_mode") == "webhook" and not (
            info.data.get("public_url", "https:").startswith("https:")
            or is_loopback(urlsplit(info.data.get("telegram_api_url", "")).hostname or "")
        ):
            raise PydanticCustomError("webhook_https", "Telegram calls https only")
        return secret

    @field_validator("kakao_secret")
    @classmethod
    def _a_secret_nobody_guesses(cls, secret: SecretStr) -> SecretStr:
        if not re.fullmatch(r"([!-~]{16,256})?", secret.get_secret_value()):
            raise PydanticCustomError("kakao_secret", "16 to 256 printable ASCII characters")
        return secret

    @field_validator("kakao_bot")
    @classmethod
    def _a_bot(cls, bot: str, info: ValidationInfo) -> str:
        secret = info.data.get("kakao_secret")
        if not re.fullmatch(r"[!-~]{0,70}", bot) or (not bot and secret is not None and secret.get_secret_value()):
            raise PydanticCustomError("kakao_bot", "a bot's id")
        return bot

    @field_validator("kakao_block")
    @classmethod
    def _a_block(cls, block: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,70}", block):
            raise PydanticCustomError("kakao_block", "a block's id")
        return block

    @field_validator("kakao_event_key")
    @classmethod
    def _a_rest_key(cls, key: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[A-Za-z0-9]{0,64}", key.get_secret_value()):
            raise PydanticCustomError("kakao_event_key", "a REST key")
        return key

    @field_validator("kakao_addresses", "kakao_proxies")
    @classmethod
    def _networks(cls, listed: str) -> str:
        for one in listed.replace(",", " ").split():
            try:
                ipaddress.ip_network(one)
            except ValueError:
                raise PydanticCustomError("networks", "no address or network") from None
        return " ".join(listed.replace(",", " ").split())

    @field_validator("kakao_callback_hosts")
    @classmethod
    def _hosts(cls, listed: str) -> str:
        hosts = listed.replace(",", " ").lower().split()
        if not all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", one) for one in hosts):
            raise PydanticCustomError("hosts", "names of hosts")
        return " ".join(hosts)
