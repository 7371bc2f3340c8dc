"""What the service counts on in a Bot API server, asked of any by its address: what it takes, what it refuses."""

import json
from collections.abc import Callable
from typing import Any, Final

import aiohttp

Told = dict[str, Any]
MOST_SAID: Final = 200
"""Characters of an answer that are shown."""


async def contract(http: aiohttp.ClientSession, api: str, token: str, chat: int) -> list[tuple[str, str]]:
    """(what was asked, what was wrong with the answer, empty when nothing) in the order asked. Writes to `chat`."""
    findings: list[tuple[str, str]] = []

    async def ask(method: str, data: aiohttp.FormData | None = None, **given: Any) -> Told:
        sent = {"data": data} if data is not None else {"json": given}
        async with http.post(f"{api}/bot{token}/{method}", **sent) as answer:  # type: ignore[arg-type]
            try:
                told = json.loads(await answer.read())
            except ValueError:
                told = None
            said = told if isinstance(told, dict) else {}
            return {"error_code": answer.status, "description": str(told)[:MOST_SAID]} | said

    def finding(name: str, told: Told, fine: Callable[[Any], object]) -> Any:
        result = told.get("result")
        try:
            right = told.get("ok") is True and fine(result)
        except (LookupError, TypeError, AttributeError):  # a field is missing, or of another kind
            right = False
        findings.append((name, "" if right else str(told)[:MOST_SAID]))
        return result if isinstance(result, dict) else {}

    def refusal(name: str, told: Told, code: int, words: str = "") -> None:
        right = told.get("error_code") == code and words in str(told.get("description")).lower()
        findings.append((name, "" if right else f"expected {code} {words}, got {str(told)[:MOST_SAID]}"))

    button = {"inline_keyboard": [[{"text": "네", "callback_data": "가" * 21 + "a"}]]}
    here = {"chat_id": chat}
    finding("getMe", await ask("getMe"), lambda bot: bot["is_bot"])
    finding("getWebhookInfo", await ask("getWebhookInfo"), lambda hook: "pending_update_count" in hook)
    commands = [{"command": "help", "description": "도움말"}]
    finding("setMyCommands in Korean", await ask("setMyCommands", commands=commands, language_code="ko"), bool)
    finding("getMyCommands", await ask("getMyCommands", language_code="ko"), lambda kept: kept == commands)
    finding("sendChatAction", await ask("sendChatAction", **here, action="typing"), bool)
    finding("4096 units", await ask("sendMessage", **here, text="😀" * 2048), lambda sent: len(sent["text"]) == 2048)
    refusal("4097 units", await ask("sendMessage", **here, text="가" * 4097), 400, "too long")
    refusal("no text", await ask("sendMessage", **here, text=" "), 400, "empty")
    refusal("nobody's chat", await ask("sendMessage", chat_id=1, text="a"), 400, "chat not found")
    long = {"inline_keyboard": [[{"text": "네", "callback_data": "가" * 21 + "ab"}]]}
    refusal("65 octets behind a button", await ask("sendMessage", **here, text="a", reply_markup=long), 400, "button")
    sent = finding("64 octets behind a button", await ask("sendMessage", **here, text="가", reply_markup=button), bool)
    which = here | {"message_id": sent.get("message_id")}
    same = await ask("editMessageText", **which, text="가", reply_markup=button)
    refusal("an edit that changes nothing", same, 400, "not modified")
    finding("an edit", await ask("editMessageText", **which, text="나"), lambda now: "reply_markup" not in now)
    finding("deleteMessage", await ask("deleteMessage", **which), bool)
    refusal("deleteMessage again", await ask("deleteMessage", **which), 400, "not found")
    refusal("nobody's tap", await ask("answerCallbackQuery", callback_query_id="1"), 400, "query is too old")
    form = aiohttp.FormData({"chat_id": str(chat)}, quote_fields=False)
    form.add_field("document", bytes(range(256)), filename="김데모.p12", content_type="application/x-pkcs12")
    named = await ask("sendDocument", form)
    kept = finding("a Korean file name", named, lambda one: one["document"]["file_name"] == "김데모.p12")
    file_id = kept.get("document", {}).get("file_id")
    finding("the same file by its id", await ask("sendDocument", **here, document=file_id), bool)
    found = finding("getFile", await ask("getFile", file_id=file_id), lambda file: file["file_path"])
    async with http.get(f"{api}/file/bot{token}/{found.get('file_path')}") as answer:
        same_octets = await answer.read() == bytes(range(256))
    findings.append(("the file's octets", "" if same_octets else "others"))
    refusal("a method that does not exist", await ask("sendTelepathy"), 404)
    return findings
