"""The four lines every signed structure ends with: TBS, algorithm, signature.

ECDSA nonces are derived (RFC 6979), RSASSA-PKCS1-v1_5 has none: the same TBS gives the same bytes again, so what
a crash left between signing and storing is finished as the very same certificate. Every signature is verified
before anybody sees it, which is what stops a faulty signature from giving the key away.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ca import der

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_SHA256 = hashes.SHA256()
_RSA = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.null())  # RFC 4055 §5: parameters are NULL
_ECDSA = der.sequence(der.oid("1.2.840.10045.4.3.2"))  # RFC 5758 §3.2: parameters are absent


def algorithm(key: PrivateKey | PublicKey) -> bytes:
    """DER AlgorithmIdentifier of the signatures `key` makes."""
    return _RSA if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey) else _ECDSA


def sign(key: PrivateKey, data: bytes) -> bytes:
    """A signature over `data`, already verified. Raises `cryptography.exceptions.InvalidSignature`."""
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(data, padding.PKCS1v15(), _SHA256)
    else:
        signature = key.sign(data, ec.ECDSA(_SHA256, deterministic_signing=True))
    if not is_valid(key.public_key(), signature, data):
        raise InvalidSignature("the key made a signature that does not verify")
    return signature


def is_valid(key: PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), _SHA256)
        else:
            key.verify(signature, data, ec.ECDSA(_SHA256))
    except InvalidSignature:
        return False
    return True


def assemble(tbs: bytes, algorithm_identifier: bytes, signature: bytes) -> bytes:
    """`SEQUENCE { tbs, algorithm, BIT STRING signature }`: a Certificate or a CertificateList. RFC 5280 §4.1, §5.1"""
    return der.sequence(tbs, algorithm_identifier, der.bit_string(signature))


def signed(tbs: bytes, key: PrivateKey) -> bytes:
    """`tbs` signed with `key` and assembled."""
    return assemble(tbs, algorithm(key), sign(key, tbs))
