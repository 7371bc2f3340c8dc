"""Every turn of every transcript as each channel would show it: no flow says what one of them cannot take."""

from collections.abc import Sequence

from bot.channels import console
from bot.channels.kakao.writing import Ink, respond
from bot.channels.telegram.writing import MOST_DATA, MOST_TEXT, calls
from handlers.message import Reply
from handlers.texts import Texts
from tests.kakao.judging import judged
from tests.telegram.rules import units


def presented(replies: Sequence[Reply], texts: Texts) -> None:
    ink = Ink(texts, "1", lambda document: f"https://bank.example/k/{document.id}", "block1")
    rest = list(replies)
    while rest:
        response, count = respond(rest, ink)
        judged(response)
        rest = rest[count:]
    for reply in replies:
        for call in calls(reply, texts, lambda link: f"https://bank.example/app/{link}"):
            assert units(call.arguments.get("text", "")) <= MOST_TEXT
            rows = call.arguments.get("reply_markup", {"inline_keyboard": []})["inline_keyboard"]
            assert all(len(one.get("callback_data", "").encode()) <= MOST_DATA for row in rows for one in row)
    shown = console.turn_text(replies)
    assert all(choice.label in shown for reply in replies for choice in reply.choices)
