"""How the bot presents itself: commands, name, descriptions, menu button, per scope and language."""

import json
from typing import Any

from tests.telegram import rules
from tests.telegram.parameters import Parameters
from tests.telegram.rules import bad
from tests.telegram.world import World


class Presenting:
    def __init__(self, world: World) -> None:
        self.world = world

    async def setMyCommands(self, given: Parameters) -> Any:
        commands = given.data("commands", [])
        if not isinstance(commands, list) or len(commands) > 100:
            raise bad("BOT_COMMANDS_TOO_MUCH")
        for one in commands:
            name, description = str(one.get("command", "")).lstrip("/"), str(one.get("description", ""))
            if not 1 <= len(name) <= 32 or not all(
                c.isascii() and (c.islower() or c.isdigit() or c == "_") for c in name
            ):
                raise bad("BOT_COMMAND_INVALID")
            if not 1 <= len(description) <= 256:
                raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
        self.world.commands[_scope(given)] = commands
        return True

    async def getMyCommands(self, given: Parameters) -> Any:
        return self.world.commands.get(_scope(given), [])

    async def deleteMyCommands(self, given: Parameters) -> Any:
        self.world.commands.pop(_scope(given), None)
        return True

    async def setMyName(self, given: Parameters) -> Any:
        return self._describe("name", given, 64)

    async def getMyName(self, given: Parameters) -> Any:
        return {"name": self.world.about.get(("name", _language(given)), "CertTalk")}

    async def setMyDescription(self, given: Parameters) -> Any:
        return self._describe("description", given, 512)

    async def getMyDescription(self, given: Parameters) -> Any:
        return {"description": self.world.about.get(("description", _language(given)), "")}

    async def setMyShortDescription(self, given: Parameters) -> Any:
        return self._describe("short_description", given, 120)

    async def getMyShortDescription(self, given: Parameters) -> Any:
        return {"short_description": self.world.about.get(("short_description", _language(given)), "")}

    def _describe(self, what: str, given: Parameters, most: int) -> bool:
        if len(given.text(what)) > most:
            raise bad(f"bot {what} is too long")
        self.world.about[what, _language(given)] = given.text(what)
        return True

    async def setChatMenuButton(self, given: Parameters) -> Any:
        button = given.data("menu_button", {"type": "default"})
        if button.get("type") not in ("default", "commands", "web_app"):
            raise bad("MenuButton has unsupported type")
        if button["type"] == "web_app":
            rules.check_url((button.get("web_app") or {}).get("url"), "menu button Web App", https=True)
        self.world.menu_buttons[given.number("chat_id") or None] = button
        return True

    async def getChatMenuButton(self, given: Parameters) -> Any:
        buttons = self.world.menu_buttons
        return buttons.get(given.number("chat_id") or None) or buttons.get(None) or {"type": "commands"}


def _scope(given: Parameters) -> tuple[str, str]:
    scope = given.data("scope") or {"type": "default"}
    return json.dumps(scope, sort_keys=True), _language(given)


def _language(given: Parameters) -> str:
    language = given.text("language_code")
    if language and not (len(language) == 2 and language.isascii() and language.isalpha()):
        raise bad("invalid language code specified")
    return language
