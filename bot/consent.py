"""What was agreed to before a certificate was issued, as a record for somebody else: terms, form, time.

It is made when it is asked for, out of the rows of the audit trail, and kept nowhere. Consent and issuing stand there
in the commits of their acts, and the signed anchor of that day speaks of them: signing each consent at once would prove
no more and cost every journey a signature. `row` and `hash` say where it stands in an export.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.storage.audit import AuditTrail
from bot.storage.certificate_rows import hex_of
from bot.storage.certificates import Certificates
from bot.storage.database import Database, Row
from bot.storage.effects import AGREED
from ca import records
from ca.errors import NotFound
from ca.ports import Serial
from handlers.texts import Texts

TITLE: Final = "CertTalk consent v1"


class NoConsent(Exception):
    """`word` names the sentence, `cli.consent.WORD`: `gone` with the rows, or `changed`."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


async def consent(database: Database, audit: AuditTrail, certificates: Certificates, serial: Serial) -> dict[str, str]:
    """The fields of the record. A successor rests on what was agreed to for the certificate it replaced.

    `customer` is the opaque id of `certtalk certificates export`; `form` the channel in which "I agree" was pressed.
    Raises `NotFound` and `NoConsent`.
    """
    record = await certificates.by_serial(serial)
    if record is None:
        raise NotFound(hex_of(serial))
    issued = _whole(audit, await audit.about(database, hex_of(serial)), lambda row: row["act"] == "issuing")
    detail: dict[str, Any] = json.loads(issued["detail"])
    terms = detail["evidence"].get("terms")
    if not terms and "replaces" in detail:
        before = await consent(database, audit, certificates, Serial(int(detail["replaces"], 16)))
        return before | {"certificate": hex_of(serial)}

    def is_it(row: Row) -> bool:
        return bool(
            row["act"] == AGREED and row["seq"] < issued["seq"] and json.loads(row["detail"])["sha256"] == terms
        )

    agreed = _whole(audit, await audit.about(database, record.plan.subscriber), is_it)
    said = json.loads(agreed["detail"])
    return {
        "at": agreed["at"],
        "customer": certificates.subject_id(record.plan.subscriber),
        "certificate": hex_of(serial),
        "terms": said["version"],
        "sha256": said["sha256"],
        "locale": said.get("locale", "-"),  # rows of older versions do not say
        "form": said.get("channel", "-"),
        "row": str(agreed["seq"]),
        "hash": agreed["hash"],
    }


def written(fields: Mapping[str, str]) -> bytes:
    return records.write(TITLE, fields)


def _whole(audit: AuditTrail, rows: list[Row], wanted: Callable[[Row], bool]) -> Row:
    """The last row that is `wanted`, as it was written."""
    if not all(map(audit.is_whole, rows)):
        raise NoConsent("changed")
    found = [row for row in rows if wanted(row)]
    if not found:
        raise NoConsent("gone")
    return found[-1]


def text_of(sha256: str, every: Mapping[str, Texts]) -> str | None:
    """The terms with that digest, word for word, if this program still has them."""
    shown = (texts("terms.full", in_chat=in_chat) for texts in every.values() for in_chat in (False, True))
    return next((text for text in shown if hashlib.sha256(text.encode()).hexdigest() == sha256), None)
