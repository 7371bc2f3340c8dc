"""What is entered in the chatbot admin centre for this service, as data: `certtalk kakao setup` prints it.

Free text reaches us only through the fallback block, a newcomer only through the welcome block: both must carry the
skill and answer with its data, and skill and blocks must both be deployed.
"""

from typing import Any, Final

from bot.settings import Settings
from handlers.texts import Texts

PATH: Final = "/kakao/skill"
BLOCKS: Final = ("welcome", "fallback", "buttons", "notices")
CALLED_BACK: Final = frozenset({"fallback", "buttons"})


def skill_url(settings: Settings) -> str:
    return settings.public_url + PATH


def blocks(settings: Settings, texts: Texts) -> list[dict[str, Any]]:
    """The blocks of the bot; `id` is empty for those the admin centre has not named yet."""
    return [
        {
            "block": texts(f"operator.kakao.block.{name}"),
            "id": settings.kakao_block if name == "buttons" else "",
            "why": texts(f"operator.kakao.why.{name}"),
            "utterances": [],
            "skill": settings.ca_name,
            "answer": texts("operator.kakao.answer"),
            "event": settings.kakao_event if name == "notices" else "",
            "callback": name in CALLED_BACK,
            "wait": texts("kakao.wait") if name in CALLED_BACK else "",
        }
        for name in BLOCKS
    ]


def steps(settings: Settings, texts: Texts, secret: str) -> list[tuple[str, str]]:
    """(where, what) to enter, in this order. `secret` is the header's value."""
    told = {"url": skill_url(settings), "header": settings.kakao_header, "secret": secret, "name": settings.ca_name}
    listed = "\n".join(f"{one['block']}: {one['why']}" for one in blocks(settings, texts))
    return [
        (texts(f"operator.kakao.place.{step}"), texts(f"operator.kakao.do.{step}", **told | {"blocks": listed}))
        for step in ("skill", "blocks", "callback", "deploy", "env")
    ]
