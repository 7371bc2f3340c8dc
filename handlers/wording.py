"""From results to bubbles: which sentence, which buttons, which link.

Values of a step's buttons are `STEP=VALUE`, irreversible ones `STEP=VALUE~NONCE`; everything above the flows is
`VERB:…` (`cmd:cancel`, `means:faq_fee`, `start:enroll`). A value therefore says by itself where it belongs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from handlers.flow import Ask, FlowState, OpenPage, Question, Say
from handlers.message import Choice, Link, Reply
from handlers.texts import Texts

MENU = (
    "start:enroll",
    "start:status",
    "start:renew",
    "start:reissue",
    "start:revoke",
    "cmd:person",
    "cmd:language",
)
MORE = (
    "start:enroll",
    "start:status",
    "start:revoke",
    "start:change_password",
    "start:copy",
    "start:backup",
    "start:register",
    "start:reminders",
    "cmd:person",
)
"""What help offers: also what the menu, kept short, does not show."""


def global_label(texts: Texts, value: str) -> str:
    """The label of a button above flows."""
    verb, _, rest = value.partition(":")
    match verb:
        case "means":
            short = f"faq.{rest}.short"
            return texts(short) if short in texts else texts(f"faq.{rest}.question")
        case "move":
            return texts("common.choice.move")
        case "start" | "switch":
            flow, _, wish = rest.partition(":")
            return texts(f"{flow}.wish.{wish}" if wish else f"{flow}.start")
        case "rate":
            return texts(f"common.choice.rate_{rest.partition(':')[0]}")
        case "desk":
            return texts("person.leave")
        case "remind":
            return texts(f"reminder.choice.{rest.partition(':')[0]}")
        case "lang":
            return texts(f"common.choice.lang_{rest}")
    return texts(f"common.choice.{rest}")


def flow_key(texts: Texts, flow: str, rest: str) -> str:
    """The flow's own sentence, or the one that journeys share: of identity, or of issuing."""
    return next((key for key in (f"{flow}.{rest}", f"identity.{rest}") if key in texts), f"enroll.{rest}")


def global_choices(texts: Texts, values: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(value, global_label(texts, value)) for value in values)


def say(texts: Texts, key: str, values: Iterable[str] = (), **params: Any) -> Reply:
    """A bubble with buttons from above the flows."""
    return Reply(key, texts(key, **params), global_choices(texts, values))


def said_on_the_way(texts: Texts, flow: str, said: Iterable[Say]) -> list[Reply]:
    """Bubbles a step said before the next question; a key with a dot in front is not the flow's own."""
    replies = []
    for one in said:
        key = one.key[1:] if one.key.startswith(".") else flow_key(texts, flow, one.key)
        replies.append(Reply(key, texts(key, **_named(one.params)), document=one.document))
    return replies


def question(texts: Texts, state: FlowState, asked: Question, progress: tuple[int, int] | None) -> Reply:
    """The step's question as a bubble, with its buttons or its link."""
    key = flow_key(texts, state.flow, f"{state.step}.ask")
    if isinstance(asked, OpenPage):
        return Reply(
            key,
            texts(key, **_named(asked.params)),
            step_choices(texts, state, asked.choices),
            Link(asked.url, texts(flow_key(texts, state.flow, f"{state.step}.link")), asked.link_id),
            progress=progress,
        )
    if asked.variant:
        key = flow_key(texts, state.flow, f"{state.step}.ask_{asked.variant}")
    return Reply(
        key, texts(key, **_named(asked.params)), step_choices(texts, state, asked.choices, asked), progress=progress
    )


def step_choices(texts: Texts, state: FlowState, values: Iterable[str], asked: Ask | None = None) -> tuple[Choice, ...]:
    once = asked.once if asked else frozenset[str]()
    labels = asked.labels if asked else {}
    choices = []
    for value in values:
        if ":" in value:
            choices.append(Choice(value, global_label(texts, value)))
            continue
        label = labels.get(value) or texts(flow_key(texts, state.flow, f"{state.step}.choice.{value}"))
        nonce = f"~{state.nonce}" if value in once else ""
        choices.append(Choice(f"{state.step}={value}{nonce}", label))
    return tuple(choices)


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in params.items()}
