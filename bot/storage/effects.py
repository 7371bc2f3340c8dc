"""What a turn's effects write, inside the turn's own commit. Every one is idempotent by its own key."""

import json
from typing import assert_never

from bot.sealing import Sealer
from bot.storage import elsewhere, handovers, outbox, reminders
from bot.storage.audit import AuditTrail
from bot.storage.database import Tx
from bot.storage.instants import text_of
from bot.storage.owner_effects import OwnerEffectWriter
from handlers.effects import (
    AcceptTerms,
    Audit,
    ChangeStatus,
    CloseCells,
    Effect,
    EndHandover,
    Feedback,
    ForgetElsewhere,
    HandedOver,
    Handover,
    KeepDocument,
    KnowAs,
    MoveJourney,
    OpenLink,
    RegisterElsewhere,
    ReminderChoice,
    StartChallenge,
    StopPages,
    TickPlace,
    Unanswered,
    Unlink,
    UseChallenge,
    WishReminders,
)
from handlers.talk import TurnRecord

SMS = "sms"
"""The outbox kind of a text message; its payload is sealed under this purpose."""
AGREED = "terms accepted"
"""The act of the audit row."""


def sms_payload(sealer: Sealer, key: str, phone: str, text: str) -> bytes:
    return sealer.seal(SMS, json.dumps({"phone": phone, "text": text}).encode(), key.encode())


class EffectWriter:
    """`writer(tx, effect, turn, last_seq)` writes one effect of a turn whose last message is number `last_seq`."""

    def __init__(self, audit: AuditTrail, sealer: Sealer) -> None:
        self.audit, self.sealer = audit, sealer
        self.owners = OwnerEffectWriter(audit, sealer)

    def __call__(self, tx: Tx, effect: Effect, turn: TurnRecord, last_seq: int) -> None:
        at = text_of(turn.at)
        match effect:
            case StartChallenge():
                tx.execute(
                    "INSERT INTO code_challenges (id, number, bound_to, code_hash, sent_at, expires_at, tries) "
                    "VALUES (:id, :number, :bound_to, :code_hash, :at, :expires_at, 0) ON CONFLICT (id) DO NOTHING",
                    id=effect.challenge_id, number=effect.number, bound_to=effect.bound_to,
                    code_hash=effect.code_hash, at=at, expires_at=text_of(effect.expires_at),
                )  # fmt: skip
                key = f"code:{effect.challenge_id}"
                payload = sms_payload(self.sealer, key, effect.phone, effect.text)
                outbox.put(tx, key=key, kind=SMS, channel="sms", address="", payload=payload, due_at=turn.at)
            case UseChallenge():
                tx.execute(
                    "UPDATE code_challenges SET used_at = :at WHERE id = :id AND used_at IS NULL",
                    id=effect.challenge_id, at=at,
                )  # fmt: skip
                tx.execute(
                    "UPDATE factor_failures SET failures = 0 WHERE factor = 'code' "
                    "AND number = (SELECT number FROM code_challenges WHERE id = :id)",
                    id=effect.challenge_id,
                )
            case CloseCells():
                tx.execute("DELETE FROM cell_challenges WHERE number = :number", number=effect.number)
            case OpenLink():
                tx.execute(
                    "INSERT INTO links (id, customer, channel, address, purpose, opened_at, expires_at) "
                    "VALUES (:id, :customer, :channel, :address, :purpose, :at, :expires_at) "
                    "ON CONFLICT (id) DO NOTHING",
                    id=effect.link_id, customer=turn.customer, channel=turn.channel, address=turn.address,
                    purpose=effect.purpose, at=at, expires_at=text_of(effect.expires_at),
                )  # fmt: skip
            case HandedOver():
                tx.execute(
                    "UPDATE links SET done_at = :at, resumed_at = :at WHERE id = :id AND done_at IS NULL",
                    id=effect.link_id, at=at,
                )  # fmt: skip
                self.owners.settle(tx, effect.link_id, turn)
            case AcceptTerms():
                tx.execute(
                    "INSERT INTO agreements (number, version, locale, sha256, agreed_at) "
                    "VALUES (:number, :version, :locale, :sha256, :at) ON CONFLICT DO NOTHING",
                    number=effect.number, version=effect.version, locale=effect.locale, sha256=effect.sha256, at=at,
                )  # fmt: skip
                self.audit.append(
                    tx, turn.at, turn.customer, AGREED, effect.number,
                    {"version": effect.version, "sha256": effect.sha256, "locale": effect.locale,
                     "channel": turn.channel},
                )  # fmt: skip
            case KnowAs() | Unlink() | MoveJourney() | StopPages() | ChangeStatus() | TickPlace() | KeepDocument():
                self.owners(tx, effect, turn)
            case Feedback():
                tx.execute(
                    "INSERT INTO feedback (customer, message_id, slug, helpful, at) "
                    "VALUES (:customer, :message_id, :slug, :helpful, :at) ON CONFLICT DO NOTHING",
                    customer=turn.customer, message_id=turn.message_id, slug=effect.slug,
                    helpful=int(effect.helpful), at=at,
                )  # fmt: skip
            case Unanswered():
                tx.execute(
                    "INSERT INTO unanswered (customer, message_id, words, candidates, why, at) "
                    "VALUES (:customer, :message_id, :words, :candidates, :why, :at) ON CONFLICT DO NOTHING",
                    customer=turn.customer, message_id=turn.message_id, words=effect.text,
                    candidates=json.dumps(effect.candidates), why=effect.why, at=at,
                )  # fmt: skip
            case Handover():
                tx.execute(
                    "INSERT INTO handovers (reference, customer, wish, until_seq, at) "
                    "VALUES (:reference, :customer, :wish, :until_seq, :at) ON CONFLICT (reference) DO NOTHING",
                    reference=effect.reference, customer=turn.customer, wish=effect.wish, until_seq=last_seq, at=at,
                )  # fmt: skip
            case EndHandover():
                handovers.close(tx, effect.reference, turn.at, turn.customer)
            case ReminderChoice(choice="tomorrow"):
                reminders.snooze(tx, turn.customer, effect.serial, turn.at)
            case ReminderChoice(choice="stop"):
                reminders.stop(tx, turn.customer, effect.serial)
            case ReminderChoice():
                pass
            case WishReminders():
                reminders.wish(tx, turn.customer, effect.wishes, turn.at)
            case RegisterElsewhere():
                elsewhere.register(tx, self.sealer, effect, turn)
            case ForgetElsewhere():
                elsewhere.forget(tx, effect.id, turn.customer)
            case Audit():
                self.audit.append(tx, turn.at, turn.customer, effect.act, effect.subject, effect.detail)
            case _:
                assert_never(effect)
