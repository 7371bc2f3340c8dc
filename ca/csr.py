"""A certification request (PKCS#10, RFC 2986): proof that somebody holds a key, and nothing else.

Only the public key is taken. Subject and wished extensions of a request are the customer's claims; what enters
the certificate comes from the bank's record and the profile. The bytes must be plain DER before any library sees them.
"""

from collections.abc import Container
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519

from ca import der, keys, weakness
from ca.errors import BadRequest
from ca.keys import SubscriberKey

MAX_OCTETS: Final = 8 * 1024
_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})


def public_key(data: bytes, allowed: tuple[str, ...], blocked: Container[bytes] = frozenset()) -> SubscriberKey:
    """The key of a DER request whose possession is proven, whose kind is `allowed` and which is not `blocked`.

    Raises `BadRequest` (unreadable, too large, possession not proven) or `WeakKey`.
    """
    if len(data) > MAX_OCTETS:
        raise BadRequest(f"{len(data)} octets; a request has at most {MAX_OCTETS}")
    try:
        encoded_key = _key_inside(data)
        request = x509.load_der_x509_csr(data)
        # The kind first: verifying under a 16,000-bit key would be work for the sender's amusement.
        key = weakness.checked(request.public_key(), allowed, blocked)
        # RFC 8410 §3: Ed25519 hashes by itself.
        algorithm = request.signature_hash_algorithm
        if not isinstance(key, ed25519.Ed25519PublicKey) and (algorithm is None or algorithm.name not in _HASHES):
            raise BadRequest("signed with a hash that proves nothing")
        proven = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion) as error:
        raise BadRequest("not a readable PKCS#10 request") from error
    if not proven:
        raise BadRequest("the signature does not prove possession of the key")
    # Parameters left out, a compressed point: the certificate would hold other octets than those that were signed.
    if keys.spki(key) != encoded_key:
        raise BadRequest("the key is not written as RFC 3279 and RFC 8410 write it")
    return key


def _key_inside(data: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a request that is DER throughout and has each attribute once. Raises `DerError`."""
    der.require_strict(data)
    information, _, signature = der.read(data).expect(der.SEQUENCE).children()
    if not signature.expect(der.BIT_STRING).content.startswith(b"\0"):
        # A signature is whole octets; some libraries pass over a count of unused bits.
        raise der.DerError("a signature with unused bits")
    version, _, key, *attributes = information.expect(der.SEQUENCE).children()
    if version.integer() != 0 or len(attributes) > 1:  # RFC 2986 §4.1
        raise der.DerError("not version 1")
    kinds = [attribute.children()[0].raw for group in attributes for attribute in group.expect(0xA0).children()]
    if len(set(kinds)) != len(kinds):
        raise der.DerError("an attribute twice")
    return key.raw
