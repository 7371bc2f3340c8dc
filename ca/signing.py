"""Who signs, and the lines every signed structure ends with: TBS, algorithm, signature.

A private key is a `Signer`: in this process (`SoftwareKey`) or in a token (`bot/vault/tokens.py`); nobody else in the
ring ever holds one. Every signature is verified before anybody sees it, which is what stops a faulty signature from
giving the key away.

In software ECDSA nonces are derived (RFC 6979) and RSASSA-PKCS1-v1_5 has none: the same TBS gives the same bytes
again, so what a crash left between signing and storing is finished as the very same certificate. A token draws its
nonces: there it is the same certificate but for the signature.
"""

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ca import der

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_SHA256 = hashes.SHA256()
_RSA = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.null())  # RFC 4055 §5: parameters are NULL
_ECDSA = der.sequence(der.oid("1.2.840.10045.4.3.2"))  # RFC 5758 §3.2: parameters are absent


class Signer(Protocol):
    """A private key that signs, wherever it is."""

    @property
    def public_key(self) -> PublicKey: ...

    @property
    def takes_time(self) -> bool:
        """Whether `sign` is worth a thread: milliseconds of arithmetic, or the way to a device."""

    def sign(self, data: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5, or ECDSA as a DER `Ecdsa-Sig-Value`, over the SHA-256 of `data`.

        Raises `ca.errors.SignerUnavailable` when the key cannot be reached.
        """


class SoftwareKey:
    """A key loaded into this process."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.public_key: PublicKey = key.public_key()
        self.takes_time = isinstance(key, rsa.RSAPrivateKey)

    def sign(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), _SHA256)
        return self._key.sign(data, ec.ECDSA(_SHA256, deterministic_signing=True))


def algorithm(key: PublicKey) -> bytes:
    """DER AlgorithmIdentifier of the signatures that `key` verifies."""
    return _RSA if isinstance(key, rsa.RSAPublicKey) else _ECDSA


def sign(signer: Signer, data: bytes) -> bytes:
    """A signature over `data`, already verified. Raises `cryptography.exceptions.InvalidSignature`."""
    signature = signer.sign(data)
    if not is_valid(signer.public_key, signature, data):
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


def tbs_of(signed: bytes) -> bytes:
    """What `assemble` was given to be signed. Raises `der.DerError`."""
    return der.read(der.read(signed).expect(der.SEQUENCE).content, trailing=True).raw


def signed(tbs: bytes, signer: Signer) -> bytes:
    """`tbs` signed and assembled."""
    return assemble(tbs, algorithm(signer.public_key), sign(signer, tbs))
