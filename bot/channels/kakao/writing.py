"""Bubbles as a skill response 2.0, pure, within every documented limit.

A turn becomes at most three outputs: plain text, a card where there is a link, a file or buttons of its own, a list
where several questions are offered. The buttons of the last bubble stand below everything as quick replies, which go
away with the next message: an old one cannot be pressed. What does not fit waits for the button "go on reading".
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.channels.labels import fitting
from bot.channels.splitting import split
from handlers.message import Choice, Document, Reply
from handlers.texts import Texts

# kakaobusiness: answer_json_format, the tables of each bubble.
MOST_OUTPUTS: Final = 3
MOST_QUICK: Final = 10
MOST_TEXT: Final = 1000
READABLE: Final = 500
"""Characters after which a text hides behind 전체 보기."""
MOST_CARD: Final = 400
MOST_CAROUSEL_CARD: Final = 128
MOST_CAROUSEL: Final = 10
MOST_PICTURE_CARD: Final = 230
MOST_BUTTONS: Final = 3
MOST_ITEMS: Final = 5
MOST_HEADER: Final = 40
MOST_LABEL: Final = 14
BESIDE: Final = 8
"""Characters of a label up to which two buttons may stand beside each other."""
MOST_OCTETS: Final = 30_720

Output = dict[str, Any]
Response = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ink:
    """What writing needs besides the bubbles. `nonce` names this answer in its buttons, `block` is the admin centre's
    block that buttons call (without one they say their label), `picture` the address of the greeting's picture."""

    texts: Texts
    nonce: str
    file_url: Callable[[Document], str]
    block: str = ""
    picture: str = ""


def respond(replies: Sequence[Reply], ink: Ink) -> tuple[Response, int]:
    """The response, and how many of `replies` (at least one) are in it."""
    for count in range(len(replies), 0, -1):
        rest = count < len(replies)
        outputs = _packed([output for n, reply in enumerate(replies[:count])
                           for output in _outputs(reply, ink, last=n == count - 1 and not rest)])  # fmt: skip
        if count == 1:
            outputs = outputs[:MOST_OUTPUTS]  # nothing of ours is that long: an operator's own words might be
        quick = [more_button(ink)] if rest else _quick_replies(replies, ink)
        answer = response(outputs, quick)
        if len(outputs) <= MOST_OUTPUTS and (octets(answer) <= MOST_OCTETS or count == 1):
            return answer, count
    raise ValueError("nothing to say")


def response(outputs: Sequence[Output], quick: Sequence[Output] = ()) -> Response:
    template: dict[str, Any] = {"outputs": list(outputs)}
    return {"version": "2.0", "template": template | ({"quickReplies": list(quick)} if quick else {})}


def plain(text: str) -> Output:
    return {"simpleText": {"text": text}}


def octets(answer: Response) -> int:
    return len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())


# -- one bubble -----------------------------------------------------------------------------------------------------


def _outputs(reply: Reply, ink: Ink, *, last: bool) -> Iterator[Output]:
    text = reply.told.strip()
    if last and (listed := _listed(reply, ink)):
        head = text if len(text) <= MOST_HEADER else ink.texts("kakao.list")
        if head != text:
            yield from map(plain, split(text, READABLE))
        yield {"listCard": {"header": {"title": head}, "items": [_item(choice, ink) for choice in listed]}}
        return
    if last and ink.picture and reply.key == "common.greeting" and len(text) <= MOST_PICTURE_CARD:
        thumbnail = {"imageUrl": ink.picture, "altText": ink.texts("kakao.picture")}
        yield {"basicCard": {"description": text, "thumbnail": thumbnail}}
        return
    buttons = [*_links(reply, ink), *([] if last else _own_buttons(reply, ink))]
    if not buttons:
        yield from map(plain, split(text, READABLE))
        return
    end = split(text, MOST_CARD)[-1]
    yield from map(plain, split(text.removesuffix(end), READABLE) if end != text else ())
    yield {"textCard": {"description": end, "buttons": buttons} | _layout(buttons)}


def _links(reply: Reply, ink: Ink) -> Iterator[Output]:
    if reply.link is not None:
        label = fitting(reply.link.label, ink.texts, MOST_LABEL)
        yield {"action": "webLink", "label": label, "webLinkUrl": reply.link.url}
    if reply.document is not None:
        # There is no bubble for a file: its page opens, as often as its link is asked for.
        yield {
            "action": "webLink", "label": ink.texts("kakao.file.choice"), "webLinkUrl": ink.file_url(reply.document),
        }  # fmt: skip
        yield _button(ink.texts("kakao.file.again"), {"file": reply.document.id}, ink)


def _own_buttons(reply: Reply, ink: Ink) -> list[Output]:
    """The buttons of a bubble that others follow, if they have room on it."""
    room = MOST_BUTTONS - bool(reply.link) - 2 * bool(reply.document)
    return [_choice(one, ink) for one in reply.choices] if len(reply.choices) <= room else []


def _layout(buttons: Sequence[Output]) -> Output:
    beside = len(buttons) == 2 and all(len(one["label"]) <= BESIDE for one in buttons)
    return {"buttonLayout": "horizontal"} if beside else {}


def _listed(reply: Reply, ink: Ink) -> list[Choice]:
    """What a bubble offers to choose from, each on a line of its own where it is not cut: the questions that it is
    about, and what no short word stands for (a customer's certificates by name and end)."""
    if reply.key in _ASKING_BACK:
        listed = [one for one in reply.choices if one.value.startswith("means:")]
    else:
        listed = [one for one in reply.choices if fitting(one.label, ink.texts, MOST_LABEL).endswith("…")]
    alone = reply.link is None and reply.document is None
    return listed if alone and 1 <= len(listed) <= MOST_ITEMS else []


_ASKING_BACK: Final = frozenset({"common.did_you_mean", "common.also_asked"})


# -- buttons --------------------------------------------------------------------------------------------------------


def _quick_replies(replies: Sequence[Reply], ink: Ink) -> list[Output]:
    """The last bubble's buttons, then those of earlier ones that had no room there; each once."""
    *before, end = replies
    listed = {one.value for one in _listed(end, ink)}
    choices = {one.value: one for one in end.choices if one.value not in listed}
    for reply in before:
        if not _own_buttons(reply, ink):
            choices |= {one.value: one for one in reply.choices if one.value not in choices}
    # A page that has finished can push nothing into the chat: this asks for what it has left to say.
    back = [_button(ink.texts("kakao.done"), {"done": "1"}, ink)] if end.link is not None and end.link.id else []
    return _told_apart([*back, *(_choice(one, ink) for one in choices.values())][:MOST_QUICK])


def _told_apart(buttons: list[Output]) -> list[Output]:
    """Labels that became the same when they were cut are numbered."""
    seen: Counter[str] = Counter()
    for one in buttons:
        label = one["label"]
        seen[label] += 1
        if seen[label] > 1:
            one["label"] = f"{label[: MOST_LABEL - 3].rstrip(' …')} {seen[label]}"
    return buttons


def more_button(ink: Ink) -> Output:
    return _button(ink.texts("kakao.more"), {"more": "1"}, ink)


def _choice(choice: Choice, ink: Ink) -> Output:
    return _button(choice.label, {"choice": choice.value}, ink)


def _item(choice: Choice, ink: Ink) -> Output:
    """A line of a list: the question in full, where its label is only a word."""
    slug = choice.value.removeprefix("means:")
    question = f"faq.{slug}.question"
    button = _button(choice.label, {"choice": choice.value}, ink)
    del button["label"]
    return {"title": ink.texts(question) if question in ink.texts else choice.label} | button


def _button(label: str, extra: Mapping[str, str], ink: Ink) -> Output:
    """A button that says its whole label for the customer and brings `extra` back (`clientExtra`)."""
    action = {"action": "block", "blockId": ink.block} if ink.block else {"action": "message"}
    return action | {
        "label": fitting(label, ink.texts, MOST_LABEL),
        "messageText": label,
        "extra": {**extra, "nonce": ink.nonce},
    }


# -- at most three --------------------------------------------------------------------------------------------------


def _packed(outputs: list[Output]) -> list[Output]:
    """Neighbours put together as long as there are too many."""
    while len(outputs) > MOST_OUTPUTS:
        pairs = ((at, _joined(outputs[at], outputs[at + 1])) for at in range(len(outputs) - 1))
        at, joined = next(((at, joined) for at, joined in pairs if joined is not None), (0, None))
        if joined is None:
            break
        outputs[at : at + 2] = [joined]
    return outputs


def _joined(one: Output, other: Output) -> Output | None:
    match one, other:
        case {"simpleText": {"text": a}}, {"simpleText": {"text": b}} if len(a) + len(b) + 2 <= MOST_TEXT:
            return plain(f"{a}\n\n{b}")
        case {"simpleText": {"text": a}}, {"textCard": card} if len(a) + len(card["description"]) + 2 <= MOST_CARD:
            return {"textCard": card | {"description": f"{a}\n\n{card['description']}"}}
        case (({"textCard": _} | {"carousel": _}), {"textCard": last}):
            cards = [*(one["carousel"]["items"] if "carousel" in one else [one["textCard"]]), last]
            if len(cards) <= MOST_CAROUSEL and all(len(card["description"]) <= MOST_CAROUSEL_CARD for card in cards):
                return {"carousel": {"type": "textCard", "items": cards}}
    return None
