"""What goes wrong on the way: told to wait, errors, answers that are lost or never come.

A rule names methods (`send*`), perhaps a chat, how often and with what chance; the first that matches acts. Whoever was
told to wait and calls all the same is told again and counted in `impatient`.
"""

import random
import time
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Literal

from tests.telegram.rules import Refused

Kind = Literal["wait", "error", "reset_before", "reset_after", "hang_before", "hang_after", "slow"]
UNDER_WAY: Final = 0.05
"""Seconds in which a call may already be under way while another is told to wait."""


@dataclass
class Fault:
    """`seconds` is what to wait (`wait`, a whole number) or how long to be slow; `code` the error's.

    `per_chat` tells only the chat that met the rule to wait, not all that it covers.
    """

    kind: Kind
    methods: str = "*"
    chat: int | None = None
    times: int | None = 1
    share: float = 1.0
    seconds: float = 1
    code: int = 502
    per_chat: bool = False
    seen: int = 0

    def __post_init__(self) -> None:
        self.methods = self.methods.lower()


@dataclass
class Faults:
    rules: list[Fault] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(20261122))
    impatient: list[tuple[str, int | None]] = field(default_factory=list)
    _waiting: list[tuple[Fault, float, float]] = field(default_factory=list)
    """Rule narrowed to whom it told, since when, until when."""

    def add(self, kind: Kind, methods: str = "*", **given: float | None) -> Fault:
        rule = Fault(kind, methods, **given)  # type: ignore[arg-type]
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        self.rules.clear()

    def met(self, method: str, chat: int | None) -> Fault | None:
        """The rule that acts on this call, if any. Raises what the caller is told while it should wait."""
        now = time.monotonic()
        self._waiting = [one for one in self._waiting if one[2] > now]
        for rule, since, until in self._waiting:
            if self._covers(rule, method, chat):
                if now > since + UNDER_WAY:
                    self.impatient.append((method, chat))
                raise told_to_wait(max(1, round(until - now)))
        for rule in self.rules:
            if rule.times == 0 or not self._covers(rule, method, chat) or self.chance.random() >= rule.share:
                continue
            rule.times = None if rule.times is None else rule.times - 1
            rule.seen += 1
            if rule.kind == "wait":
                told = replace(rule, chat=chat) if rule.per_chat else rule
                self._waiting.append((told, now, now + rule.seconds))
                raise told_to_wait(int(rule.seconds))
            if rule.kind == "error":
                raise Refused(rule.code, {500: "Internal Server Error", 502: "Bad Gateway"}.get(rule.code, "Error"))
            return rule
        return None

    @staticmethod
    def _covers(rule: Fault, method: str, chat: int | None) -> bool:
        return fnmatchcase(method.lower(), rule.methods) and rule.chat in (None, chat)


def told_to_wait(seconds: int) -> Refused:
    return Refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
