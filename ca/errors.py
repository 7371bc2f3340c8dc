"""One tree of what can go wrong in the certification authority.

CaError
├── RequestRefused           the request cannot be granted; `code` is a stable word for the caller's texts
│   ├── BadRequest           CSR unreadable, too large, possession not proven
│   ├── WeakKey              public key refused (size, exponent, structure, block list)
│   ├── BadName              a name that must not enter a certificate
│   ├── RequestConflict      the same request id with other content
│   ├── ActiveCertificateExists
│   ├── KeyReused
│   └── NotFound             no such serial number
├── LintFailed               what was prepared breaks a rule; nothing was signed
├── ProfileError             configuration: names the field and the remedy
├── KeyFileError             a key at rest could not be opened
├── SignerUnavailable        the token that holds a key does not answer; ask again later
└── ClockSetBack             now is before what was already recorded; nothing is signed
"""

from collections.abc import Sequence


class CaError(Exception):
    """Base of the ring; the message is for the log, `code` for whoever chooses words."""

    code = "ca"


class RequestRefused(CaError):
    code = "refused"


class BadRequest(RequestRefused):
    code = "bad_request"


class WeakKey(RequestRefused):
    code = "weak_key"


class BadName(RequestRefused):
    code = "bad_name"


class RequestConflict(RequestRefused):
    code = "request_conflict"


class ActiveCertificateExists(RequestRefused):
    code = "active_certificate"


class StoppedMeanwhile(RequestRefused):
    """The subscriber has stopped their certificates since they were proven to be who they are."""

    code = "proof_lapsed"


class KeyReused(RequestRefused):
    code = "key_reused"


class NotFound(RequestRefused):
    code = "not_found"


class LintFailed(CaError):
    """`findings` are all of them, each a sentence that begins with the clause it breaks."""

    code = "lint"

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = tuple(findings)


class ProfileError(CaError):
    code = "profile"


class KeyFileError(CaError):
    code = "key_file"


class SignerUnavailable(CaError):
    code = "signer"


class ClockSetBack(CaError):
    code = "clock"
