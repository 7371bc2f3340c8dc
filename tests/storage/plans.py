"""Plans as the registration authority makes them, with made-up bytes."""

import itertools
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from ca import der as encoding
from ca import signing
from ca.ports import Plan, Serial, SubscriberId
from tests.years import moved

AT = moved(datetime(2026, 11, 22, 10, tzinfo=UTC))
YEAR = timedelta(days=365)
DAY = timedelta(days=1)
_numbers = itertools.count(1)


def plan(
    *,
    subscriber: str = "kim",
    profile: str = "personal",
    request: str | None = None,
    digest: str = "asked",
    key: str | None = None,
    at: datetime = AT,
    issuer: str = "issuing-1",
    replaces: Serial | None = None,
) -> Plan:
    n = next(_numbers)
    return Plan(
        serial=Serial(2**158 + n),
        request_id=request or f"request {n}",
        request_digest=sha256(digest.encode()).digest(),
        issuer=issuer,
        subscriber=SubscriberId(subscriber),
        profile=profile,
        subject="CN=홍길동,C=KR",
        not_before=at - timedelta(minutes=5),
        not_after=at + YEAR,
        public_key_sha256=sha256((key or f"key {n}").encode()).digest(),
        tbs=encoding.sequence(encoding.integer(n)),
        planned_at=at,
        evidence={"code": "passed", "card": "passed"},
        replaces=replaces,
    )


def der(of: Plan) -> bytes:
    return signing.assemble(of.tbs, encoding.sequence(), b"signature")
