"""Records that prove themselves: a title and `name: value` lines, signed by a signer of its own below the issuing CA.

They are text, so that `sed` reads them; their first line says what they are, so that a record of one kind is never one
of another. They are signed as CMS (`ca/cms.py`), so that whoever has the root can check them without us.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca import cms, elsewhere, paths
from ca.ceremony import DOCUMENT_SIGNING
from ca.errors import BadRequest, ProfileError
from ca.issuer import same_key
from ca.signing import Signer


@dataclass(frozen=True, slots=True)
class RecordSigner:
    """`certificate` of `key`, made by `ca.ceremony.make_record_signer` below the certificate of `issuing`."""

    certificate: x509.Certificate
    issuing: x509.Certificate
    key: Signer = field(repr=False)

    def __post_init__(self) -> None:
        if not same_key(self.certificate, self.key):
            raise ProfileError("the record signer's key does not belong to its certificate")
        self.certificate.verify_directly_issued_by(self.issuing)

    def sign(self, content: bytes, at: datetime) -> bytes:
        """DER SignedData over `content`. Raises `ca.errors.SignerUnavailable`."""
        return cms.sign(content, (self.certificate, self.issuing), self.key, at)


def write(title: str, fields: Mapping[str, str]) -> bytes:
    """The lines. Raises `ValueError` for a value of more than one line."""
    lines = [title, *(f"{name}: {value}" for name, value in fields.items())]
    if any(len(line.splitlines()) != 1 for line in lines):
        raise ValueError("a field of a record is one line")
    return "".join(f"{line}\n" for line in lines).encode()


def read(title: str, names: Sequence[str], content: bytes) -> dict[str, str]:
    """The fields `names` of a record that `write` has made. Raises `BadRequest`."""
    try:
        first, *lines = content.decode().splitlines()
        fields = dict(line.split(": ", 1) for line in lines)
        if (first, *fields) == (title, *names) and write(title, fields) == content:
            return fields
    except ValueError:  # UnicodeDecodeError is one
        pass
    raise BadRequest(f"not a record {title!r}")


def opened(data: bytes, root: x509.Certificate) -> cms.Signed:
    """What a record signer below `root` has signed, DER SignedData. Raises `BadRequest`.

    Its certificates are asked about as of the time of signing: a signature outlives its signer.
    """
    signed = cms.read(data)
    signer = signed.certificates[0]
    try:
        leaf, *above = (elsewhere.parse(one.public_bytes(Encoding.DER)) for one in signed.certificates)
    except elsewhere.NotACertificate as error:
        raise BadRequest("a certificate that cannot be read") from error
    purposes = paths.extension_of(signer, x509.ExtendedKeyUsage)
    # Subscribers have keys below the same root: only its purpose tells the signer of records from them.
    if purposes is None or [one.dotted_string for one in purposes] != [DOCUMENT_SIGNING]:
        raise BadRequest("signed by somebody whose certificate is not for records")
    if not signer.not_valid_before_utc <= signed.at <= signer.not_valid_after_utc:
        raise BadRequest("signed outside of the signer's time")
    verdict = paths.find(leaf, above, [root], signed.at).verdict
    if verdict != "trusted":
        raise BadRequest(f"signed by somebody who does not lead to this root: {verdict}")
    return signed
