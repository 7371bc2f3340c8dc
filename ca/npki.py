"""`signPri.key` and `CaPubs`, the files of an NPKI folder beside `signCert.der`. Bytes in, bytes out.

The browser makes these files; what is here is what its files are compared with. For RSA-2048 the key file has
exactly 1300 octets, because some readers look for its parts at fixed places: hence the 8 octets of salt, the two
octets of rounds and the single attribute.
"""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from ca import der, pbes, randomness, vid
from ca.errors import KeyFileError
from ca.signing import PrivateKey

ROUNDS = 30_000
"""Fifteen times what real files have. 128 to 32767 keep the INTEGER at two octets."""


def private_key_info(key: PrivateKey, r: bytes | None) -> bytes:
    """DER PrivateKeyInfo with `r` (20 octets) as its one attribute, readers want no other. RFC 5208 §5"""
    plain = der.read(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    if r is None:
        return plain.raw
    if len(r) != vid.RANDOM_OCTETS:
        raise KeyFileError(f"R must be {vid.RANDOM_OCTETS} octets, not {len(r)}")
    attribute = der.sequence(der.oid(vid.RANDOM), der.set_of(der.bit_string(r)))
    return der.sequence(plain.content, der.explicit(0, attribute))


def read_private_key_info(data: bytes) -> tuple[PrivateKey, bytes | None]:
    """Key and R of a PrivateKeyInfo. Raises `KeyFileError`."""
    try:
        parts = der.read(data).expect(der.SEQUENCE).children()
        r = None
        for attribute in parts[3].children() if len(parts) > 3 and parts[3].tag == 0xA0 else ():
            kind, values = attribute.children()
            if kind.raw == der.oid(vid.RANDOM):
                r = values.children()[0].expect(der.BIT_STRING).content[1:]
        key = load_der_private_key(der.sequence(*(part.raw for part in parts[:3])), None)
    except (ValueError, IndexError, TypeError) as error:
        raise KeyFileError("the password does not fit, or the key is damaged") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyFileError("neither an RSA nor an EC key")
    return key, r


def write_key(key: PrivateKey, r: bytes, password: bytes, *, salt: bytes | None = None, rounds: int = ROUNDS) -> bytes:
    """`signPri.key` under PBES1 with SEED. `salt` is 8 fresh octets unless a test gives them."""
    salt = randomness.octets(8) if salt is None else salt
    if len(salt) != 8 or not 128 <= rounds <= 32767:
        raise KeyFileError("readers want 8 octets of salt and 128 to 32767 rounds")
    return pbes.encrypt_npki(private_key_info(key, r), password, salt, rounds)


def read_key(data: bytes, password: bytes) -> tuple[PrivateKey, bytes | None]:
    """Key and R of a `signPri.key` of any maker; bytes after the structure are passed over, real files have them.

    Raises `KeyFileError`.
    """
    try:
        scheme, ciphertext = der.read(data, trailing=True).expect(der.SEQUENCE).children()
        content = ciphertext.expect(der.OCTET_STRING).content
    except ValueError as error:
        raise KeyFileError("not an encrypted private key") from error
    return read_private_key_info(pbes.decrypt(scheme, content, password))


def ca_pubs(*certificates: bytes) -> bytes:
    """`CaPubs`: the DER certificates above the holder's, root first."""
    return der.sequence(*certificates)
