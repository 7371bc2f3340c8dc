"""What KakaoTalk takes of a skill response: the limits in our own words, and the independent judge if there is one."""

import importlib.util
import json
import re
from functools import cache
from typing import Any

from tests.judges import CHECKS

BEARABLE = "plain http|after 500 the rest hides"
"""Warnings that a loopback service and the full terms cannot do without; every other one is a fault."""


@cache
def _judge() -> Any:
    path = CHECKS / "check_kakao_skill.py"
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("check_kakao_skill", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.judge


def judged(response: dict[str, Any]) -> dict[str, Any]:
    """The same response; fails on whatever KakaoTalk would refuse or cut."""
    raw = json.dumps(response, ensure_ascii=False)
    assert len(raw.encode()) <= 30_720, len(raw.encode())
    if not response.get("useCallback"):
        template = response["template"]
        assert 1 <= len(template["outputs"]) <= 3
        labels = [one["label"] for one in template.get("quickReplies", ())]
        assert len(labels) <= 10
        assert len(set(labels)) == len(labels), labels
        assert all(0 < len(label) <= 14 for label in labels), labels
        assert '""' not in raw
        assert "null" not in raw
    if (judge := _judge()) is not None:
        findings = [one for one in judge(raw) if not re.search(BEARABLE, one["message"])]
        assert findings == [], (findings, raw)
    return response


def said(response: dict[str, Any]) -> str:
    """Every word of the outputs."""
    return "\n".join(_words(response["template"]["outputs"]))


def _words(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [
            word
            for name, value in part.items()
            for word in ([value] if name in {"text", "title", "description"} else _words(value))
            if isinstance(word, str)
        ]
    return [word for one in part for word in _words(one)] if isinstance(part, list) else []


def buttons(response: dict[str, Any]) -> list[dict[str, Any]]:
    """Quick replies, buttons of cards and lines of lists, in this order."""
    template = response.get("template", {"outputs": []})
    return [*template.get("quickReplies", ()), *_buttons(template["outputs"])]


def _buttons(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        own = [part] if "action" in part else []
        return own + [one for value in part.values() for one in _buttons(value)]
    return [found for one in part for found in _buttons(one)] if isinstance(part, list) else []
