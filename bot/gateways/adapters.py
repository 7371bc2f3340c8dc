"""The bank's register and the SMS provider of a real deployment: functions named in the settings.

`CERTTALK_BANK=mybank.register:connect` calls `mybank.register.connect(settings)` once, at start; what it returns
implements `handlers.bank.BankRegister`. `CERTTALK_SMS` likewise gives a `bot.gateways.sms.SmsGateway`.
"""

from importlib import import_module
from typing import Any

from bot.settings import Problem, Settings, SettingsError


def connect(settings: Settings, name: str) -> Any:
    """What the function named by the setting `name` (`bank` or `sms`) returns. Raises `SettingsError`."""
    module, _, function = getattr(settings, name).partition(":")
    try:
        maker = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        problem = Problem(f"CERTTALK_{name.upper()}", "adapter_broken", {"reason": str(error)})
        raise SettingsError([problem], settings.default_locale) from error
    return maker(settings)
