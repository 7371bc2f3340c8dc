"""Password-based encryption of private keys: the schemes of NPKI files and PKCS#12, read and written.

Writing knows two: PBES1 with SEED (1.2.410.200004.1.15), the one all NPKI programs read, and PBES2 with AES-256
and PBKDF2-HMAC-SHA256. Reading also knows PBES2 with SEED and other PBKDF2 hashes.
"""

import hashlib

from cryptography.hazmat.decrepit.ciphers.algorithms import SEED
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from ca import der, randomness
from ca.errors import KeyFileError

SEED_CBC_SHA1 = "1.2.410.200004.1.15"
SEED_CBC = "1.2.410.200004.1.4"
PBES2, PBKDF2 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
AES_256_CBC = "2.16.840.1.101.3.4.1.42"
_HMAC = "1.2.840.113549.2."
_HASHES = {7: "sha1", 9: "sha256", 10: "sha384", 11: "sha512"}
_KEY_OCTETS = {SEED_CBC: 16, "2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, AES_256_CBC: 32}
_MAX_ROUNDS = 10_000_000


def derive_npki(password: bytes, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    """Key and IV of SEED_CBC_SHA1: 16 octets of SHA-1 done `rounds` times over password and salt; its rest hashed."""
    digest = password + salt
    for _ in range(rounds):
        digest = hashlib.sha1(digest, usedforsecurity=False).digest()
    return digest[:16], hashlib.sha1(digest[16:20], usedforsecurity=False).digest()[:16]


def _encrypt(algorithm: AES | SEED, iv: bytes, plain: bytes) -> bytes:
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithm, modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def encrypt_npki(plain: bytes, password: bytes, salt: bytes, rounds: int) -> bytes:
    """DER EncryptedPrivateKeyInfo under SEED_CBC_SHA1."""
    key, iv = derive_npki(password, salt, rounds)
    parameters = der.sequence(der.octet_string(salt), der.integer(rounds))
    scheme = der.sequence(der.oid(SEED_CBC_SHA1), parameters)
    return der.sequence(scheme, der.octet_string(_encrypt(SEED(key), iv, plain)))


def encrypt_aes(plain: bytes, password: bytes, rounds: int) -> tuple[bytes, bytes]:
    """AlgorithmIdentifier of PBES2 with AES-256-CBC and HMAC-SHA256, and the ciphertext. RFC 8018 §6.2"""
    salt, iv = randomness.octets(16), randomness.octets(16)
    key = hashlib.pbkdf2_hmac("sha256", password, salt, rounds, 32)
    prf = der.sequence(der.oid(_HMAC + "9"), der.null())
    derivation = der.sequence(
        der.oid(PBKDF2), der.sequence(der.octet_string(salt), der.integer(rounds), der.integer(32), prf)
    )
    encryption = der.sequence(der.oid(AES_256_CBC), der.octet_string(iv))
    return der.sequence(der.oid(PBES2), der.sequence(derivation, encryption)), _encrypt(AES(key), iv, plain)


def decrypt(scheme: der.Element, ciphertext: bytes, password: bytes) -> bytes:
    """The plaintext under an AlgorithmIdentifier of this file. Raises `KeyFileError` (unknown, or wrong password)."""
    try:
        kind, parameters = scheme.children()
        if kind.raw == der.oid(SEED_CBC_SHA1):
            salt, rounds = parameters.children()
            key, iv = derive_npki(password, salt.expect(der.OCTET_STRING).content, _rounds(rounds))
            algorithm: AES | SEED = SEED(key)
        elif kind.raw == der.oid(PBES2):
            algorithm, iv = _pbes2(parameters, password)
        else:
            raise KeyFileError("encrypted in a way we do not read")
        decryptor, unpadder = Cipher(algorithm, modes.CBC(iv)).decryptor(), PKCS7(128).unpadder()
        return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise KeyFileError("the password does not fit, or the file is damaged") from error


def _rounds(element: der.Element) -> int:
    rounds = element.integer()
    if not 1 <= rounds <= _MAX_ROUNDS:
        raise KeyFileError(f"{rounds} rounds")
    return rounds


def _pbes2(parameters: der.Element, password: bytes) -> tuple[AES | SEED, bytes]:
    derivation, encryption = parameters.children()
    kdf, settings = derivation.children()
    cipher, iv = encryption.children()
    name = next((oid for oid in _KEY_OCTETS if der.oid(oid) == cipher.raw), None)
    if kdf.raw != der.oid(PBKDF2) or name is None:
        raise KeyFileError("encrypted in a way we do not read")
    salt, rounds, *optional = settings.children()
    digest = "sha1"  # RFC 8018 Appendix A.2: where no prf is named it is HMAC-SHA1
    for element in optional:
        if element.tag == der.SEQUENCE:
            prf = element.children()[0].raw
            digest = next((h for last, h in _HASHES.items() if der.oid(f"{_HMAC}{last}") == prf), "")
    if not digest:
        raise KeyFileError("encrypted in a way we do not read")
    key = hashlib.pbkdf2_hmac(
        digest, password, salt.expect(der.OCTET_STRING).content, _rounds(rounds), _KEY_OCTETS[name]
    )
    return (SEED(key) if name == SEED_CBC else AES(key)), iv.expect(der.OCTET_STRING).content
