"""The right to sign one certificate, once: made from a stored plan, spent at the key.

`Issuer.issue` takes nothing else, and `Issuer.sign` refuses whatever is a certificate. So no code path, present or
future, leads to an issuing key without a record that was planned and the bytes that were linted (after Boulder's
issuance token).
"""

from ca.errors import LintFailed, RequestConflict
from ca.ports import Record, Status


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
