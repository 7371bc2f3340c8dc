"""What the model is taught, and that the shipped one was taught it."""

import pytest

from bot.learning import utterances
from handlers.understanding import shipped_model


def test_the_shipped_model_was_trained_on_the_shipped_utterances() -> None:
    """After a change to locales/training or locales/concepts.toml: `certtalk faq train --shipped`."""
    assert shipped_model().sources == utterances.digest(utterances.taught())


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"label": "faq_fee"}', '{"label": 7, "text": "x"}', '{"labels": [], "text": "x"}',
     '{"label": "faq_fee", "text": " "}', '{"label": "faq_fee", "text": 5}', "7"],
)  # fmt: skip
def test_a_line_that_cannot_be_learned_from_is_named_and_not_quoted(line: str) -> None:
    with pytest.raises(utterances.UtterancesRefused, match=r"^mine\.jsonl:2$"):
        utterances.parse(f'{{"label": "faq_fee", "text": "x"}}\n{line}', "mine.jsonl")


def test_the_operators_label_wins_over_ours() -> None:
    ours = utterances.parse('{"label": "faq_fee", "text": "이거 얼마예요?"}', "ours")
    theirs = utterances.parse('{"label": "faq_business", "text": "이거  얼마예요"}', "theirs")
    assert [one.label for one in utterances.together(ours, theirs)] == ["faq_business"]
