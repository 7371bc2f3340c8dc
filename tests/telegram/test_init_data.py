"""Who opened a Mini App: one right way, many wrong ones. The signing here is by hand, apart from what is tested."""

import contextlib
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.telegram.init_data import BadInitData, opened_by

TOKEN = "123456789:AAE-made-up-for-the-tests-0123456789"
NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def signed(fields: dict[str, str], token: str = TOKEN) -> str:
    inner = hmac.new(b"WebAppData", token.encode(), hashlib.sha256)
    check = "\n".join(sorted(f"{name}={value}" for name, value in fields.items()))
    outer = hmac.new(inner.digest(), check.encode(), hashlib.sha256)
    return urlencode({**fields, "hash": outer.hexdigest()}, quote_via=quote)


def fields(user: object = 77, at: datetime = NOW, **more: str) -> dict[str, str]:
    told = json.dumps({"id": user, "first_name": "김 & Co=", "language_code": "ko"}, ensure_ascii=False)
    return {"query_id": "AAE", "user": told, "auth_date": str(int(at.timestamp())), "signature": "x_-y", **more}


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=10), -timedelta(minutes=1)])
def test_the_account_that_opened_it(age: timedelta) -> None:
    assert opened_by(signed(fields(at=NOW - age)), TOKEN, NOW) == 77


@pytest.mark.parametrize(
    "init_data",
    [
        "",
        "hash=",
        "x" * 5000,
        "%ED%A0%80=1&hash=00",
        signed(fields()).replace("=", "=\ud800", 1),
        signed(fields()) + "&user=%7B%22id%22%3A78%7D",
        signed(fields()).replace("77", "78"),
        signed(fields()).replace("hash=", "hash=0"),
        signed(fields()).partition("&hash=")[0],
        signed(fields()).partition("&hash=")[0] + "&hash=%ED%95%9C",
        signed(fields(), token="1:other-bot-other-bot"),
        signed(fields(at=NOW - timedelta(minutes=10, seconds=1))),
        signed(fields(at=NOW + timedelta(minutes=1, seconds=1))),
        signed({**fields(), "auth_date": "9" * 40}),
        signed({**fields(), "auth_date": "soon"}),
        signed({"auth_date": str(int(NOW.timestamp()))}),
        signed({**fields(), "user": "[1]"}),
        signed({**fields(), "user": "[" * 3000}),
        signed(fields(user="77")),
        signed(fields(user=True)),
        signed(fields(user=None)),
    ],
)  # fmt: skip
def test_everything_else_is_refused(init_data: str) -> None:
    with pytest.raises(BadInitData) as refused:
        opened_by(init_data, TOKEN, NOW)
    assert "77" not in str(refused.value)


@given(st.text(max_size=200))
def test_no_text_breaks_it(init_data: str) -> None:
    with pytest.raises(BadInitData):
        opened_by(init_data, TOKEN, NOW)


@given(st.integers(0, len(signed(fields())) - 1), st.characters())
def test_no_change_of_one_character_says_somebody_else(place: int, instead: str) -> None:
    right = signed(fields())
    with contextlib.suppress(BadInitData):
        assert opened_by(right[:place] + instead + right[place + 1 :], TOKEN, NOW) == 77  # "+" for "%20" and the like
