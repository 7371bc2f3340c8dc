"""A row of `certificates` as the record it is, and back; and how it is looked up."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.storage.database import Row, Tx
from bot.storage.instants import instant, instant_or_none, text_of
from ca import signing
from ca.errors import NotFound
from ca.ports import Plan, Record, Serial, Standing, Status, SubscriberId

_COLUMNS: Final = (
    "serial", "request_id", "request_digest", "issuer", "subscriber", "profile", "subject", "not_before", "not_after",
    "public_key_sha256", "tbs", "planned_at", "evidence", "replaces", "seal",
)  # fmt: skip
INSERT: Final = (
    f"INSERT INTO certificates ({', '.join(_COLUMNS)}, status, in_place)"  # noqa: S608 - names of our own
    f" VALUES ({', '.join(f':{column}' for column in _COLUMNS)}, 'planned', :in_place)"
)


def hex_of(serial: Serial) -> str:
    # RFC 5280 §4.1.2.2: at most 20 octets.
    return f"{serial:040x}"


def serial_of(text: str) -> Serial:
    return Serial(int(text, 16))


def record_of(row: Row) -> Record:
    plan = Plan(
        serial=serial_of(row["serial"]),
        request_id=row["request_id"],
        request_digest=row["request_digest"],
        issuer=row["issuer"],
        subscriber=SubscriberId(row["subscriber"]),
        profile=row["profile"],
        subject=row["subject"],
        not_before=instant(row["not_before"]),
        not_after=instant(row["not_after"]),
        public_key_sha256=row["public_key_sha256"],
        tbs=row["tbs"] or signing.tbs_of(row["der"]),
        planned_at=instant(row["planned_at"]),
        evidence=json.loads(row["evidence"]),
        replaces=None if row["replaces"] is None else serial_of(row["replaces"]),
        seal=row["seal"] or b"",
    )
    return Record(
        plan=plan,
        status=Status(row["status"]),
        der=row["der"],
        issued_at=instant_or_none(row["issued_at"]),
        revoked_at=instant_or_none(row["revoked_at"]),
        reason=row["reason"],
    )


def row_of(plan: Plan) -> Row:
    """What `INSERT` takes. A successor waits beside the one it replaces; everything else takes its place at once."""
    return {
        "serial": hex_of(plan.serial),
        "request_id": plan.request_id,
        "request_digest": plan.request_digest,
        "issuer": plan.issuer,
        "subscriber": plan.subscriber,
        "profile": plan.profile,
        "subject": plan.subject,
        "not_before": text_of(plan.not_before),
        "not_after": text_of(plan.not_after),
        "public_key_sha256": plan.public_key_sha256,
        "tbs": plan.tbs,
        "planned_at": text_of(plan.planned_at),
        "evidence": json.dumps(dict(plan.evidence), ensure_ascii=False, sort_keys=True),
        "replaces": None if plan.replaces is None else hex_of(plan.replaces),
        "seal": plan.seal,
        "in_place": int(plan.replaces is None),
    }


def by_serial(tx: Tx, serial: Serial) -> Record | None:
    row = tx.one("SELECT * FROM certificates WHERE serial = :serial", serial=hex_of(serial))
    return None if row is None else record_of(row)


def by_request(tx: Tx, request_id: str) -> Record | None:
    row = tx.one("SELECT * FROM certificates WHERE request_id = :request_id", request_id=request_id)
    return None if row is None else record_of(row)


def issued(tx: Tx, serial: Serial) -> Record:
    """Raises `NotFound` for what was never signed."""
    record = by_serial(tx, serial)
    if record is None or record.der is None:
        raise NotFound(f"serial {hex_of(serial)} was never issued")
    return record


def unfinished(tx: Tx) -> Sequence[Record]:
    rows = tx.all("SELECT * FROM certificates WHERE status = 'planned' ORDER BY planned_at, serial")
    return [record_of(row) for row in rows]


def active(tx: Tx, subscriber: SubscriberId, now: datetime) -> Sequence[Record]:
    """Those in their place; a successor that waits is not yet among them."""
    rows = tx.all(
        "SELECT * FROM certificates WHERE subscriber = :subscriber AND in_place = 1 AND status IN ('valid', 'held')"
        " AND not_after >= :now ORDER BY issued_at DESC, serial",
        subscriber=subscriber,
        now=text_of(now),
    )
    return [record_of(row) for row in rows]


def standings(tx: Tx, serials: Sequence[Serial]) -> Mapping[Serial, Standing]:
    """What a relying party may be told, of those among `serials` that are known."""
    names = {f"serial_{index}": hex_of(serial) for index, serial in enumerate(serials)}
    rows = tx.all(
        "SELECT serial, issuer, status, revoked_at, reason FROM certificates"  # noqa: S608 - names of our own
        f" WHERE serial IN ({', '.join(f':{name}' for name in names)})",
        **names,
    )
    return {
        serial_of(row["serial"]): Standing(
            row["issuer"], Status(row["status"]), instant_or_none(row["revoked_at"]), row["reason"]
        )
        for row in rows
    }
