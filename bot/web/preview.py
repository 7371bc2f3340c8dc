"""`/demo/kakao`: how every sentence, and every 알림톡, will look at KakaoTalk. Only in the demo.

What is shown are responses of the real writer, made of every sentence in the catalogue with the buttons and links it is
said with; the page draws them as KakaoTalk would. A sentence that no limit would take shows here before it is deployed.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, nodes
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.channels.kakao.writing import Ink, respond
from bot.channels.kakao.writing import Response as Skill
from bot.gateways.adapters import templates_of
from bot.gateways.alimtalk_templates import SAMPLES, Filled
from bot.jobs.announcing import ANEW, ASK, NOT_ME
from bot.settings import Settings
from bot.web.room import Room
from handlers.faq import Knowledge, load_links
from handlers.message import Choice, Document, Link, Reply
from handlers.texts import LOCALES, Texts
from handlers.wording import MENU, global_choices

_ELSEWHERE: Final = frozenset({
    "alimtalk", "bank", "ca", "chat", "cli", "demo", "desk", "device", "format", "login", "mail", "operator", "page",
    "policy", "service", "teaching", "telegram", "tools", "understanding", "web",
})  # fmt: skip
"""Parts of the catalogue that no conversation says."""
_NOT_SAID: Final = re.compile(
    r".*\.(choice|short|question|source|checked|start|link|version|sms|label|summary|half|\w+_name)(\..*)?"
    r"|kakao\.(page|preview|check|more|list|picture|file\.again)(\..*)?"
)
_NOON: Final = datetime(2027, 10, 23, 3, tzinfo=UTC)
_SAMPLES: Final[Mapping[str, object]] = {
    "date": _NOON, "time": _NOON, "moment": _NOON, "won": 55_000, "days": 30, "lasts": 180, "josa": "인증서",
}  # fmt: skip
"""What a placeholder is given, by the filter it goes through."""


class Preview:
    def __init__(self, room: Room) -> None:
        self.room = room
        self.routes = [Route("/demo/kakao", self.show)]

    async def show(self, request: Request) -> Response:
        locale = request.query_params.get("lang", self.room.service.locale)
        texts = self.room.texts(locale if locale in LOCALES else self.room.service.locale)
        chats = list(responses(texts, self.room.service.pages_at))
        parts: defaultdict[str, list[tuple[str, Skill]]] = defaultdict(list)
        for chat in chats:
            parts[chat[0].partition(".")[0]].append(chat)
        page = self.room.templates.get_template("kakao_preview.html").render(
            texts=texts, locale=texts.locale, locales=LOCALES, count=len(chats),
            parts=[(part, title(texts, part), among) for part, among in parts.items()],
            notices=list(notices(texts, self.room.service.settings)),
        )  # fmt: skip
        return HTMLResponse(page)


def title(texts: Texts, part: str) -> str:
    """What a part of the catalogue is called on a button; its own name where it has no button."""
    return next((texts(key) for key in (f"{part}.start", f"kakao.preview.part.{part}") if key in texts), part)


def notices(texts: Texts, settings: Settings) -> Iterator[tuple[str, Filled]]:
    """알림톡 as it arrives: each template in this language with made-up values."""
    meant = SAMPLES | {"bank": texts("alimtalk.value.bank"), "kind": texts("enroll.kind_name.personal")}
    meant |= {"until": texts("alimtalk.value.until", until=_NOON)}
    for (locale, name), one in templates_of(settings).items():
        if locale == texts.locale and (filled := one.fill(meant)) is not None:
            yield name, filled


def responses(texts: Texts, at: str) -> Iterator[tuple[str, Skill]]:
    """(the sentences' keys, the response) for everything that may be said."""
    ink = Ink(
        texts, "preview", lambda document: f"{at}/k/{document.id}", picture=f"{at}/static/kakao/welcome.png"
    )  # fmt: skip
    for replies in turns(texts, at):
        rest: Sequence[Reply] = replies
        while rest:
            response, count = respond(rest, ink)
            yield ", ".join(reply.key for reply in rest[:count]), response
            rest = rest[count:]


def turns(texts: Texts, at: str) -> Iterator[list[Reply]]:
    """A turn for each sentence, part by part, and some where several meet."""
    said = {key: _reply(texts, key, at) for key in texts
            if key.partition(".")[0] not in _ELSEWHERE and not _NOT_SAID.fullmatch(key)}  # fmt: skip
    yield from ([reply] for reply in said.values())
    near = ("faq_fee", "faq_lost", "faq_renew_period")
    listed = Choice("cmd:none_of_these", texts("common.choice.none_of_these"))
    asked = global_choices(texts, [f"means:{slug}" for slug in near])
    yield [Reply("common.did_you_mean", texts("common.did_you_mean"), (*asked, listed))]
    file = Document("d" * 22, "CertTalk-20271023.p12", "application/x-pkcs12", 4096)
    kept = Reply("enroll.kept", said["enroll.kept"].text, document=file)
    yield [kept, said["guide.install.phone.android"], said["enroll.works.ask"]]
    yield [kept, kept, kept, said["enroll.works.ask"]]


def _reply(texts: Texts, key: str, at: str) -> Reply:
    """The sentence `key` as it is said, with made-up values."""
    text = texts(key, **sample(texts, key))
    if key.startswith("faq."):
        slug = key.split(".")[1]
        return Knowledge(load_links()).answer(slug, texts, in_flow=False)
    if (values := _with_buttons(key)) is not None:
        return Reply(key, text, global_choices(texts, values))
    step, _, last = key.rpartition(".")
    if not last.startswith("ask"):
        return Reply(key, text)
    labels = [one for one in texts if one.startswith(f"{step}.choice.")]
    choices = tuple(Choice(f"{step.split('.')[-1]}={one.rpartition('.')[2]}", texts(one)) for one in labels
                    if not texts.placeholders(one))  # fmt: skip
    link = Link(f"{at}/s/preview", texts(f"{step}.link")) if f"{step}.link" in texts else None
    return Reply(key, text, choices, link, progress=(3, 11))


def _with_buttons(key: str) -> Sequence[str] | None:
    """The buttons a sentence from above the flows is said with."""
    part, _, name = key.partition(".")
    match part, name:
        case "common", "greeting" | "menu":
            return MENU
        case "common", "left_elsewhere":
            return ("move:enroll",)
        case "notice", "unkept" | "lapsed":
            return ANEW
        case "notice", _:
            return ASK if name.endswith("_operator") else NOT_ME
        case "reminder", "ahead" | "today":
            return ("start:renew", "remind:tomorrow:x", "remind:stop:x")
        case _:
            return None


@cache
def sample(texts: Texts, key: str) -> Mapping[str, Any]:
    """A fitting value for every placeholder of a sentence."""
    tree = Environment(autoescape=True).parse(dict(texts.items())[key])
    values: dict[str, object] = dict.fromkeys(texts.placeholders(key), "○○○")
    if "in_chat" in values:
        values["in_chat"] = False  # never in KakaoTalk
    for one in tree.find_all(nodes.Filter):
        if one.name in _SAMPLES and isinstance(one.node, nodes.Name) and one.node.name in values:
            values[one.node.name] = _SAMPLES[one.name]
    return values
