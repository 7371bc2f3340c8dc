"""The right to sign one certificate, once: made from a stored plan, spent at the key.

`Issuer.issue` takes nothing else, and `Issuer.sign` refuses whatever is a certificate. So no subscriber's certificate,
present or future, comes about without a record that was planned and the bytes that were linted (after Boulder's
issuance token). An OCSP signer's is made by the ceremony (`ca/ceremony.py`), out of nothing that anybody sends. A plan
carries a `seal` under a key that the store does not have: what a crash left is finished only as it was written, so
neither an accident nor somebody with the database gets a changed octet signed.
"""

import hmac
import json
from datetime import UTC

from ca.errors import LintFailed, RequestConflict
from ca.ports import Plan, Record, Status


def seal(key: bytes, plan: Plan) -> bytes:
    """HMAC-SHA256 over everything in `plan` but the seal itself."""
    times = (at.astimezone(UTC).isoformat() for at in (plan.not_before, plan.not_after, plan.planned_at))
    said = json.dumps(
        [
            plan.serial, plan.request_id, plan.request_digest.hex(), plan.issuer, plan.subscriber, plan.profile,
            plan.subject, plan.public_key_sha256.hex(), plan.replaces, *times, sorted(plan.evidence.items()),
        ]
    )  # fmt: skip
    # JSON holds no NUL, so the bytes begin where they begin.
    return hmac.digest(key, said.encode("ascii") + b"\0" + plan.tbs, "sha256")


def is_sealed(key: bytes, plan: Plan) -> bool:
    return hmac.compare_digest(plan.seal, seal(key, plan))


class Intention:
    """`record` is what the store holds, `linted` the DER TBSCertificate that no rule refused.

    Raises `RequestConflict` when the record is not planned, `LintFailed` when the two differ.
    """

    def __init__(self, record: Record, linted: bytes) -> None:
        plan = record.plan
        if record.status is not Status.PLANNED or record.der is not None:
            raise RequestConflict(f"serial {plan.serial:040x} is {record.status}, not planned")
        if plan.tbs != linted:
            raise LintFailed(["the stored bytes are not the linted ones"])
        self.issuer, self._tbs = plan.issuer, linted

    def spend(self) -> bytes:
        """The bytes to sign. Raises `RequestConflict` when they were taken before."""
        if not self._tbs:
            raise RequestConflict("this intention has been signed already")
        tbs, self._tbs = self._tbs, b""
        return tbs
