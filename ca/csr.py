"""A certification request (PKCS#10, RFC 2986): proof that somebody holds a key, and nothing else.

Only the public key is taken. Subject and wished extensions of a request are the customer's claims; what enters
the certificate comes from the bank's record and the profile.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ca import keys
from ca.errors import BadRequest
from ca.signing import PublicKey

MAX_OCTETS = 8 * 1024
_HASHES = frozenset({"sha256", "sha384", "sha512"})


def public_key(der: bytes, allowed: tuple[str, ...]) -> PublicKey:
    """The key of a DER request whose possession is proven and whose kind is `allowed`.

    Raises `BadRequest` (unreadable, too large, possession not proven) or `WeakKey`.
    """
    if len(der) > MAX_OCTETS:
        raise BadRequest(f"{len(der)} octets; a request has at most {MAX_OCTETS}")
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        # The kind first: verifying under a 16,000-bit key would be work for the sender's amusement.
        checked = keys.checked(key, allowed)
        algorithm = request.signature_hash_algorithm
        if algorithm is None or algorithm.name not in _HASHES:
            raise BadRequest("signed with a hash that proves nothing")
        proven = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion) as error:
        raise BadRequest("not a readable PKCS#10 request") from error
    if not proven:
        raise BadRequest("the signature does not prove possession of the key")
    return checked
