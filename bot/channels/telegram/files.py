"""Files customers send: a certificate is public and may be read; a key must not be here, and is not even fetched."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from handlers.masking import name as masked

MOST_OCTETS: Final = 64 * 1024
PUBLIC: Final = (".der", ".cer", ".crt", ".pem", ".p7b")
PRIVATE: Final = (".p12", ".pfx", ".key", ".p8", ".jks")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself; nothing of it was verified. `holder` is masked."""

    holder: str
    issuer: str
    not_after: datetime


def is_private(name: str, content: bytes = b"") -> bool:
    """Whether there is, or may be, a private key in it."""
    # NPKI: the key is signPri.key or kmPri.key, whatever it was renamed to.
    return name.lower().endswith(PRIVATE) or b"PRIVATE KEY" in content[:MOST_OCTETS]


def is_public(name: str, size: int | None) -> bool:
    """Whether it is worth fetching."""
    return name.lower().endswith(PUBLIC) and size is not None and 0 < size <= MOST_OCTETS


def look(content: bytes) -> Certificate | None:
    """The first certificate in a DER, PEM or PKCS #7 file; None when there is none."""
    for load in _READERS:
        try:
            certificate = load(content)
            return Certificate(
                masked(_common_name(certificate.subject)), _organisation(certificate.issuer),
                certificate.not_valid_after_utc,
            )  # fmt: skip
        except (ValueError, TypeError, IndexError):
            continue
    return None


_READERS: Final = (
    x509.load_der_x509_certificate,
    x509.load_pem_x509_certificate,
    lambda content: pkcs7.load_der_pkcs7_certificates(content)[0],
    lambda content: pkcs7.load_pem_pkcs7_certificates(content)[0],
)


def _common_name(name: x509.Name) -> str:
    # NPKI writes the name and the bank's number into one: "홍길동()0004…".
    return _first(name, NameOID.COMMON_NAME).partition("(")[0]


def _organisation(name: x509.Name) -> str:
    return _first(name, NameOID.ORGANIZATION_NAME) or _first(name, NameOID.COMMON_NAME)


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return next((str(attribute.value) for attribute in name.get_attributes_for_oid(oid)), "")
