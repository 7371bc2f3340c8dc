"""What the counter asks of a customer and of the bank: adapters, times, limits, the fee, a person's hours."""

import re

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from bot.settings.kinds import ExistingFile


class Counter(BaseModel):
    """Read after `Place` and `Ways`: outside the demo a bank is needed, and somebody who takes text messages."""

    bank: str = ""
    """Where the bank's register comes from, `package.module:function`; the demo has its own."""
    sms: str = ""
    """Where text messages go, `package.module:function`. Empty: to the provider of 알림톡; the demo has its own."""
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
    holidays: ExistingFile | None = None
    """A file of days on which the bank's desk is closed besides public holidays."""

    @field_validator("bank", "sms")
    @classmethod
    def _an_adapter(cls, place: str, info: ValidationInfo) -> str:
        provided = info.field_name == "sms" and info.data.get("alimtalk_provider")
        if not place and not info.data.get("demo", True) and not provided:
            raise PydanticCustomError("adapter_needed", "only the demo has its own")
        if place and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", place):
            raise PydanticCustomError("adapter", "not package.module:function")
        return place
