"""What an operator decides: environment variables `CERTTALK_*` over the file `.env` over defaults fit for the demo.

Everything is checked once, here, and all that is wrong is named at once, with a remedy and never with the value
(it may be a secret). Past this file a setting is simply right. `.env.example` lists every one, and a test compares.
"""

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, StringConstraints, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from handlers.texts import LOCALES, load_texts

PREFIX: Final = "CERTTALK_"
ENV_FILE: Final = Path(".env")
ENCODING: Final = "utf-8"
TESTS_ONLY: Final = ("CERTTALK_TEST_", "CERTTALK_CHECKS")
"""Names that belong to the tests: read there, unknown to the service, and no reason to warn."""

WAYS: Final = frozenset({"chat", "alimtalk", "sms", "email"})
PlainName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .-]{0,29}$")]
"""A name that may stand in a distinguished name and be a folder on every system (no `/`, `:` or Hangul)."""


class Settings(BaseSettings):
    """The validated configuration. Relative paths are relative to the working directory."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file_encoding=ENCODING,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    data: Path = Path("data")
    """The folder of everything that is kept: database, CA keys, documents."""
    host: str = "127.0.0.1"
    """The interface to listen on."""
    port: int = Field(8710, ge=1, le=65535)
    public_url: str = ""
    """The address customers open, an origin without a path. Empty: http://HOST:PORT."""
    database_url: SecretStr = SecretStr("")
    """`sqlite:///PATH` or `postgresql://…`. Empty: a SQLite file in `data`. It may hold a password."""

    demo: bool = True
    """Fictional customers, and their phones, cards and tokens beside the chat."""
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
    alimtalk_sender: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,15}$")] = ""
    """The registered number text messages come from, digits only."""
    alimtalk_templates: Path | None = None
    """A copy of `locales/kakao_templates.toml` with the ids of the registered templates."""
    alimtalk_test_phone: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,15}$")] = ""
    """Test mode: everything the provider is given goes to this number, the operator's, and to nobody else."""
    alimtalk_prices: str = ""
    """Won a message as in `alimtalk=13,sms=18`, for `certtalk notices costs`."""

    bank: str = ""
    """Where the bank's register comes from, `package.module:function`; the demo has its own."""
    sms: str = ""
    """Where text messages go, `package.module:function`. Empty: to the provider of 알림톡; the demo has its own."""
    default_locale: Literal["ko", "en"] = "ko"

    ca_name: PlainName = "CertTalk"
    """Organisation in every certificate, and the authority's folder under NPKI."""
    ca_key: Literal["rsa-2048", "rsa-3072", "p-256"] = "rsa-3072"
    """Kind of the keys of the root and of the issuing CA; used when they are made."""
    crl_partitions: int = Field(1, ge=1, le=256)
    """Into how many parts by serial number the revocation list is published; parts once published go on."""
    ca_passphrase_file: Path | None = None
    """The file whose first line opens the CA's keys. Empty: systemd's credential, the demo's own, or a prompt."""
    ca_token: Path | None = None
    """A PKCS#11 library: the keys of issuing CAs and OCSP signers are made and used inside its token."""
    ca_token_label: str = "certtalk"  # noqa: S105 - a name, no secret
    """Which token, if the library knows several."""
    ca_token_pin_file: Path | None = None
    """The file whose first line is the token's PIN."""
    profiles: Path | None = None
    """Kinds of certificates in a file of the operator's, in the form of `ca/profiles.toml`. Empty: that one."""
    blocked_keys: Path | None = None
    """A file of SHA-256 digests (hex, one a line) of public keys that are never certified."""
    bank_code: Annotated[str, StringConstraints(pattern=r"^\d{4}$")] = "0999"
    bank_ou: PlainName = "DEMO"
    """The bank's organisational unit in the certificates it hands out."""

    trust: Path | None = None
    """A folder of certificates (.pem, .crt, .cer, .der): whom to trust with certificates from elsewhere."""
    relying_hosts: str = ""
    """Servers that may be asked about certificates from elsewhere: `NAME` or `NAME:PORT`, with commas."""

    code_seconds: int = Field(180, ge=60, le=600)  # SP 800-63B-4 §3.1.3.2: ten minutes at most
    """How long a code sent to the phone is good for."""
    link_minutes: int = Field(10, ge=1, le=60)
    """How long the one-time link to the secure page is good for."""
    proof_minutes: int = Field(10, ge=1, le=60)
    """How long a proof of identity holds before it is asked again."""
    link_days: int = Field(90, ge=1, le=366)
    """How long a conversation that has proven to be a customer may look at what they have without proving it again."""
    tries: int = Field(5, ge=3, le=10)
    """Wrong answers before a code, card or token is locked, over all channels together."""

    audit_years: int = Field(10, ge=0, le=100)
    """Audit records are kept this long; 0: for ever."""
    business_fee: int = Field(55_000, ge=0, le=10_000_000)
    """Won a business certificate costs for a year, VAT included."""
    sms_per_hour: int = Field(5, ge=1, le=60)
    """Codes one customer may be sent in an hour."""
    messages_per_minute: int = Field(60, ge=1, le=6000)
    """Messages one conversation may send in a minute."""
    certificates_per_day: int = Field(3, ge=1, le=100)
    """Certificates one customer may have issued in a day."""

    desk_opens: int = Field(9, ge=0, le=23)
    """Hour of Korea at which a person comes to the desk on working days."""
    desk_closes: int = Field(18, ge=1, le=24)
    holidays: Path | None = None
    """Days without anybody at the desk, in the form of `locales/holidays.toml`. Empty: that one."""

    notice_order: str = "chat,alimtalk,sms,email"
    """Ways to a customer, tried in this order; those that are not set up are passed over."""
    reminders_per_second: int = Field(25, ge=1, le=10_000)
    """Reminders a second into chats; below a messenger's own limit, so that conversations go on meanwhile."""
    notices_per_second: int = Field(10, ge=1, le=10_000)
    """Reminders a second by each other way: what the provider takes."""

    telegram_token: SecretStr = SecretStr("")
    """BotFather's token. Empty: no Telegram."""
    telegram_api_url: str = "https://api.telegram.org"
    """The Bot API server, an origin; one of your own takes the load off Telegram's limits for files."""
    telegram_mode: Literal["polling", "webhook"] = "polling"
    """Ask Telegram for messages, or be told at CERTTALK_PUBLIC_URL."""
    telegram_webhook_secret: SecretStr = SecretStr("")
    """What Telegram must know to tell us anything, 1 to 256 of A-Z a-z 0-9 _ -."""
    telegram_per_second: int = Field(30, ge=1, le=100_000)
    """Messages a second, all chats together. Telegram takes 30 unless more is paid for."""
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
    in_chat_secrets: bool = False
    """Without an https address: customers may type card digits and passwords into the chat, after being told."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("data")
    @classmethod
    def _at_home(cls, folder: Path) -> Path:
        return folder.expanduser()

    @field_validator("public_url")
    @classmethod
    def _an_address_browsers_trust(cls, url: str, info: ValidationInfo) -> str:
        if not {"host", "port"} <= info.data.keys():
            return url  # already told what is wrong with those
        host, port = info.data["host"], info.data["port"]
        if not url:
            if not is_loopback(host):
                raise PydanticCustomError("public_url_needed", "not a loopback host", {"host": host})
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        try:
            parts = urlsplit(url)
            sane = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            sane = False
        rest = re.sub(r"^https?://[^/?#@\s\\]+/?$", "", url, flags=re.IGNORECASE)
        if not sane or rest:
            raise PydanticCustomError("origin", "not an origin")
        # Browsers give keys (WebCrypto) and `__Host-` cookies only to https and to their own machine.
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise PydanticCustomError("https", "plain http off loopback")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @field_validator("database_url")
    @classmethod
    def _an_engine_we_speak(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        if not url.get_secret_value():
            return SecretStr(f"sqlite:///{info.data.get('data', Path('data')) / 'certtalk.sqlite3'}")
        if not re.match(r"(sqlite:///|postgresql://)\S", url.get_secret_value()):
            raise PydanticCustomError("database", "unknown engine")
        return url

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
        if not all(re.fullmatch(r"(alimtalk|sms|lms|event)=[0-9]{1,4}(\.[0-9]{1,2})?", one) for one in listed):
            raise PydanticCustomError("prices", "kind=won")
        return ",".join(listed)

    @field_validator("bank", "sms")
    @classmethod
    def _an_adapter(cls, place: str, info: ValidationInfo) -> str:
        provided = info.field_name == "sms" and info.data.get("alimtalk_provider")
        if not place and not info.data.get("demo", True) and not provided:
            raise PydanticCustomError("adapter_needed", "only the demo has its own")
        if place and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", place):
            raise PydanticCustomError("adapter", "not package.module:function")
        return place

    @field_validator("notice_order")
    @classmethod
    def _ways_there_are(cls, order: str) -> str:
        ways = [way.strip() for way in order.split(",")]
        if not ways or len(set(ways)) < len(ways) or not set(ways) <= WAYS:
            raise PydanticCustomError("notice_order", "unknown or repeated way")
        return ",".join(ways)

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
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise PydanticCustomError("origin", "not an origin")
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

    @field_validator("trust")
    @classmethod
    def _a_folder(cls, folder: Path | None) -> Path | None:
        if folder is None:
            return None
        folder = folder.expanduser()
        if not folder.is_dir():
            raise PydanticCustomError("no_such_folder", "no such folder")
        return folder

    @field_validator("relying_hosts")
    @classmethod
    def _hosts_with_ports(cls, told: str) -> str:
        hosts = [one.strip().lower() for one in told.split(",") if one.strip()]
        if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?", one) for one in hosts):
            raise PydanticCustomError("host_ports", "not names of hosts")
        return ",".join(hosts)

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

    @field_validator(
        "ca_passphrase_file",
        "ca_token",
        "ca_token_pin_file",
        "profiles",
        "blocked_keys",
        "holidays",
        "alimtalk_templates",
    )
    @classmethod
    def _a_file(cls, file: Path | None) -> Path | None:
        if file is None:
            return None
        file = file.expanduser()
        if not file.is_file():
            raise PydanticCustomError("no_such_file", "no such file")
        return file


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting: its full name and `operator.settings.error.REASON` with its parameters."""

    name: str
    reason: str
    params: Mapping[str, Any] = field(default_factory=dict)


class SettingsError(Exception):
    """Something in the configuration is wrong; `str()` is the block an operator is shown."""

    def __init__(self, problems: list[Problem], locale: str) -> None:
        super().__init__(problems, locale)
        self.problems = problems
        self.locale = locale

    def __str__(self) -> str:
        texts = load_texts()[self.locale]
        lines = [f"  {p.name}: {texts(f'operator.settings.error.{p.reason}', **p.params)}" for p in self.problems]
        return "\n".join([texts("operator.settings.wrong"), *lines, texts("operator.settings.remedy")])


def load_settings(env_file: Path | None = ENV_FILE, **given: object) -> Settings:
    """The settings in force; `given` (from the command line) wins, None there means not given.

    Raises `SettingsError` naming everything that is wrong.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(_env_file=env_file, **chosen)  # type: ignore[call-arg, arg-type]  # pydantic-settings reads it
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors(include_url=False, include_input=False)]
    except (OSError, UnicodeDecodeError):
        problems = [Problem(str(env_file), "unreadable")]
    raise SettingsError(problems, operator_locale(os.environ))


def _problem(detail: ErrorDetails) -> Problem:
    name = str(detail["loc"][0])
    default = Settings.model_fields[name].default
    params = {**detail.get("ctx", {}), "example": str(default).lower() if isinstance(default, bool) else default}
    reason = detail["type"] if f"operator.settings.error.{detail['type']}" in load_texts()["ko"] else "other"
    return Problem(PREFIX + name.upper(), reason, params)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A `CERTTALK_*` name nothing reads, and the known one it looks like."""

    name: str
    closest: str | None


def unknown_settings(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> list[Unknown]:
    """Names that were surely meant for us but say nothing: in the environment and in `.env`."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    found = {name.upper() for name in (*environ, *_names(env_file)) if name.upper().startswith(PREFIX)}
    strangers = sorted(name for name in found - set(known) if not name.startswith(TESTS_ONLY))
    return [Unknown(name, _closest(name, known)) for name in strangers]


def _closest(name: str, known: list[str]) -> str | None:
    # Without the prefix, which would make every short name look like every other.
    bare = {one.removeprefix(PREFIX): one for one in known}
    found = get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.7)
    return bare[found[0]] if found else None


def _names(env_file: Path | None) -> Iterator[str]:
    if env_file is not None and env_file.is_file():
        yield from dotenv_values(env_file, encoding=ENCODING)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine by definition. RFC 6761 §6.3, RFC 1122 §3.2.1.3."""
    host = host.strip("[]").lower().rstrip(".")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def operator_locale(environ: Mapping[str, str]) -> str:
    """The language for operators: what they set for customers, else their terminal's, else Korean."""
    names = (f"{PREFIX}DEFAULT_LOCALE", "LC_ALL", "LC_MESSAGES", "LANG")
    wishes = (environ.get(name, "")[:2].lower() for name in names)
    return next((wish for wish in wishes if wish in LOCALES), LOCALES[0])
