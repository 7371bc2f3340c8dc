"""`certtalk kakao setup | check | export`: what to enter in the chatbot admin centre, and whether it works."""

import argparse
import json
import secrets
from collections.abc import Callable
from typing import Any

from bot.settings import Settings
from handlers.texts import load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_kakao_verbs(verbs: Any, add: Add) -> None:
    text = "The chatbot at KakaoTalk: what to enter in its admin centre, and whether it works."
    kakao = verbs.add_parser("kakao", help="the chatbot at KakaoTalk", description=text).add_subparsers(
        dest="what", required=True
    )
    add("setup", setup, "what to enter in the chatbot admin centre", kakao)
    add("check", check, "call the skill from outside in", kakao)
    add("export", export, "the blocks of the bot (JSON)", kakao)


async def setup(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.channels.kakao.centre import steps

    texts = load_texts()[settings.default_locale]
    kept = bool(settings.kakao_secret.get_secret_value())
    # The one in force stays where it is: a terminal is no place for it.
    secret = texts("operator.kakao.kept") if kept else secrets.token_urlsafe(32)
    for number, (place, what) in enumerate(steps(settings, texts, secret), 1):
        lines = "\n   ".join(what.splitlines())
        print(f"{number}. {place}\n   {lines}\n")
    if not settings.public_url.startswith("https://"):
        print(texts("operator.kakao.https"))
    return 0


async def check(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.channels.kakao.checking import check as look
    from bot.doctor import report

    findings = await look(settings)
    print(report(findings, load_texts()[settings.default_locale]))
    return 1 if any(one.state == "fault" for one in findings) else 0


async def export(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.channels.kakao.centre import blocks, skill_url

    texts = load_texts()[settings.default_locale]
    listed = {"skill": {"url": skill_url(settings), "header": settings.kakao_header}, "blocks": blocks(settings, texts)}
    print(json.dumps(listed, ensure_ascii=False, indent=2))
    return 0
