"""What an operator decides: environment variables `CERTTALK_*` over the file `.env` over defaults fit for the demo.

Everything is checked once, here, and all that is wrong is named at once, with a remedy and never with the value
(it may be a secret). Past this file a setting is simply right. `.env.example` lists every one, and a test compares.
"""

from bot.settings.kinds import is_loopback
from bot.settings.loading import ENV_FILE, Settings, Unknown, load_settings, unknown_settings
from bot.settings.problems import PREFIX, Problem, SettingsError, operator_locale

__all__ = [
    "ENV_FILE",
    "PREFIX",
    "Problem",
    "Settings",
    "SettingsError",
    "Unknown",
    "is_loopback",
    "load_settings",
    "operator_locale",
    "unknown_settings",
]
