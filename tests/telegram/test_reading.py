"""Updates: what each says, and that nothing which is no update can do harm."""

import copy
import random
from typing import Any

import pytest

from bot.channels.telegram.reading import Heard, Unreadable, read

PRIVATE = {"id": 5, "type": "private", "first_name": "김데모"}
SENDER = {"id": 5, "is_bot": False, "first_name": "김데모", "language_code": "ko-KR"}


def opening(payload: str) -> str | None:
    return {"enroll": "start:enroll", "faq_fee": "means:faq_fee"}.get(payload)


def message(**content: Any) -> dict[str, Any]:
    return {"update_id": 1, "message": {"message_id": 2, "date": 3, "chat": PRIVATE, "from": SENDER, **content}}


def tap(data: str, **under: Any) -> dict[str, Any]:
    markup = {"inline_keyboard": [[{"text": "네", "callback_data": data}]]}
    shown = {"message_id": 9, "date": 3, "chat": PRIVATE, "text": "맞나요?", "reply_markup": markup} | under
    query = {"id": "77", "from": SENDER, "chat_instance": "1", "data": data, "message": shown}
    return {"update_id": 1, "callback_query": query}


def heard(update: dict[str, Any]) -> Heard:
    found = read(update, opening)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("/start", "cmd:greeting"), ("/start enroll", "start:enroll"), ("/start faq_fee", "means:faq_fee"),
        ("/start cmd:cancel", "cmd:greeting"), ("/start review=confirm", "cmd:greeting"), ("/HELP", "cmd:help"),
        ("/menu@certtalk_bot", "cmd:menu"), ("/cancel", "cmd:cancel"), ("/lang en", "lang:en"),
        ("/lang", "cmd:language"), ("/unknown", None), ("안녕하세요", None), ("/start a b c", None),
    ],
)  # fmt: skip
def test_commands_press_what_they_mean(text: str, choice: str | None) -> None:
    found = heard(message(text=text))
    assert (found.kind, found.text, found.choice, found.locale) == ("words", text, choice, "ko")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"sticker": {"file_id": "a", "file_unique_id": "b", "type": "regular", "width": 1, "height": 1,
                      "is_animated": False, "is_video": False}}, "other"),
        ({"location": {"latitude": 1, "longitude": 2}}, "other"),
        ({"dice": {"emoji": "x", "value": 1}}, "other"),
        ({"photo": [], "caption": "이게 뭐예요?"}, "words"),
        ({"document": {"file_id": "a", "file_unique_id": "b", "file_name": "c.der", "file_size": 9}}, "file"),
    ],
)  # fmt: skip
def test_contents(content: dict[str, Any], kind: str) -> None:
    assert heard(message(**content)).kind == kind


@pytest.mark.parametrize(("user_id", "own"), [(5, True), (6, False), (None, False)])
def test_a_contact_is_own_only_with_the_senders_id(user_id: int | None, own: bool) -> None:
    contact = {"phone_number": "+82", "first_name": "x"} | ({"user_id": user_id} if user_id else {})
    assert heard(message(contact=contact)).own is own


def test_a_tap_brings_its_label_and_the_question() -> None:
    found = heard(tap("details=yes"))
    assert (found.kind, found.choice, found.text) == ("tap", "details=yes", "네")
    assert found.tap is not None
    assert (found.tap.message_id, found.tap.message_text, found.tap.has_buttons) == (9, "맞나요?", True)


def test_a_tap_on_a_message_telegram_no_longer_shows() -> None:
    update = tap("details=yes")
    update["callback_query"]["message"] = {"message_id": 9, "date": 0, "chat": PRIVATE}
    found = heard(update)
    assert found.tap is not None
    assert found.tap.message_text is None


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 1},
        {"update_id": 1, "edited_message": message(text="x", chat={"id": -5, "type": "group"})["message"]},
        {"update_id": 1, "channel_post": message(text="x")["message"]},
        message(text="x", **{"from": SENDER | {"is_bot": True}}),
        message(text="x", chat={"id": -5, "type": "channel"}),
    ],
)
def test_what_is_nobodys_business(update: dict[str, Any]) -> None:
    assert read(update, opening) is None


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": "1"}, {"update_id": True}, {"update_id": 2**70, "message": message(text="x")["message"]},
        message(text=5), message(text={"a": 1}), message(chat={"id": "x", "type": "private"}, text="x"),
        {"update_id": 1, "message": []}, {"update_id": 1, "message": {"chat": 5}}, {}, {"update_id": 1, "message": 7},
        tap("x", chat={"id": 1e9, "type": "private"}),
    ],
)  # fmt: skip
def test_what_telegram_would_never_send_is_unreadable(update: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(update, opening)


def test_mutated_updates_are_read_or_refused_and_nothing_else() -> None:
    chance = random.Random(3)
    seeds = [message(text="안녕"), tap("kind=personal"), message(contact={"phone_number": "1", "first_name": "x"})]
    odd = [None, "", "\ud800", -1, 2**80, 1.5, True, [], {}, [[[]]], {"id": {}}, "x" * 5000, float("nan")]
    for _ in range(3000):
        update = copy.deepcopy(chance.choice(seeds))
        for _ in range(chance.randint(1, 3)):
            _mutate(update, odd, chance)
        try:
            read(update, opening)
        except Unreadable:
            continue


def _mutate(tree: dict[str, Any], odd: list[Any], chance: random.Random) -> None:
    while True:
        name = chance.choice(list(tree)) if tree else ""
        below = tree.get(name)
        if isinstance(below, dict) and below and chance.random() < 0.8:
            tree = below
            continue
        if chance.random() < 0.3:
            tree.pop(name, None)
        else:
            tree[name] = chance.choice(odd)
        return
