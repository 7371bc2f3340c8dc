"""Certification requests: only a proven key comes out, whatever is sent."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca import csr, keys
from ca.errors import BadRequest, RequestRefused, WeakKey
from ca.profiles import KEY_KINDS
from tests.ca.pki import request, subscriber_key

GOOD = request()


@pytest.mark.parametrize("kind", ["p-256", "rsa-2048"])
def test_the_key_comes_out(kind: str) -> None:
    key = subscriber_key(kind)
    assert keys.spki(csr.public_key(request(key), KEY_KINDS)) == keys.spki(key.public_key())


@pytest.mark.parametrize(
    "data",
    [b"", b"rubbish", GOOD[:-1], GOOD + b"\0", GOOD + GOOD, b"\0" * (csr.MAX_OCTETS + 1)],
    ids=["empty", "rubbish", "cut", "trailing octet", "two of them", "too large"],
)
def test_unreadable(data: bytes) -> None:
    with pytest.raises(BadRequest):
        csr.public_key(data, KEY_KINDS)


def test_another_key_inside_is_not_proven() -> None:
    mine, other = subscriber_key("p-256"), keys.generate("p-256")
    swapped = request(mine).replace(keys.spki(mine.public_key()), keys.spki(other.public_key()))
    with pytest.raises(BadRequest, match="possession"):
        csr.public_key(swapped, KEY_KINDS)


def test_sha1_proves_nothing() -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    old = builder.sign(subscriber_key("p-256"), hashes.SHA224()).public_bytes(Encoding.DER)
    with pytest.raises(BadRequest, match="hash"):
        csr.public_key(old, KEY_KINDS)


def test_a_weak_key_is_refused_before_its_signature_is_verified() -> None:
    with pytest.raises(WeakKey):
        csr.public_key(request(rsa.generate_private_key(65537, 1024)), KEY_KINDS)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_one_changed_octet_is_never_accepted(at: int, change: int) -> None:
    mutant = bytearray(GOOD)
    mutant[at] ^= change
    with pytest.raises(RequestRefused):
        csr.public_key(bytes(mutant), KEY_KINDS)


@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(RequestRefused):
        csr.public_key(data, KEY_KINDS)
