"""Keys inside a PKCS#11 token (an HSM, SoftHSM2): made there, never extractable, used through handles that are kept.

A token signs for one caller at a time and forgets its sessions when it restarts, is unplugged or loses its network:
then the session is opened anew, once, and the signature asked for again.
"""

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bot.vault.refusal import VaultRefused
from ca import der
from ca.errors import SignerUnavailable
from ca.signing import PublicKey

_P256: Final = "secp256r1"
_ONE_AT_A_TIME: Final = threading.RLock()
"""The binding initialises libraries without locks of their own (C_Initialize with no arguments)."""


def key_id(key: PublicKey) -> bytes:
    """CKA_ID: the key's subjectKeyIdentifier, so that a certificate finds its key. PKCS #11 v3.0 §4.7"""
    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def _library() -> ModuleType:
    try:
        import pkcs11
        import pkcs11.exceptions
        import pkcs11.util.ec
    except ImportError as error:
        raise VaultRefused("no_pkcs11") from error
    return pkcs11


class TokenKey:
    """Implements `ca.signing.Signer`. Nothing of the private key is in this process but a handle."""

    takes_time = True

    def __init__(self, token: "Token", public_key: PublicKey) -> None:
        self._token, self.public_key = token, public_key

    def __repr__(self) -> str:
        return f"TokenKey({key_id(self.public_key).hex()})"

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.public_key, rsa.RSAPublicKey):
            return self._token.sign(self.public_key, data, "SHA256_RSA_PKCS")
        # The digest is made here: not every token knows CKM_ECDSA_SHA256. It answers r ‖ s, not DER.
        raw = self._token.sign(self.public_key, hashlib.sha256(data).digest(), "ECDSA")
        r, s = raw[: len(raw) // 2], raw[len(raw) // 2 :]
        return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


class Token:
    """`module` is the vendor's library, `label` names the token in it, `pin` gives the user's PIN when it is needed."""

    def __init__(self, module: Path, label: str, pin: Callable[[], str]) -> None:
        self._library = _library()
        self._module, self._label, self._pin = module, label, pin
        self._session: Any = None
        self._wrong_pin = False
        self._handles: dict[bytes, Any] = {}

    def generate(self, kind: str, label: str) -> TokenKey:
        """A key pair of `kind` (`rsa-2048` …, `p-256`), kept by the token, sensitive and not extractable."""
        return TokenKey(self, self._tried(lambda session: self._generate(session, kind, label)))

    def key(self, public_key: PublicKey) -> TokenKey:
        """The token's key that belongs to `public_key`. Raises `VaultRefused` when it has none."""
        try:
            self._tried(lambda session: self._handle(session, key_id(public_key)))
        except self._library.exceptions.NoSuchKey as error:
            raise VaultRefused("not_in_token", label=self._label, id=key_id(public_key).hex()) from error
        return TokenKey(self, public_key)

    def sign(self, public_key: PublicKey, data: bytes, mechanism: str) -> bytes:
        """Raises `SignerUnavailable`."""
        chosen = self._library.Mechanism[mechanism]
        try:
            return bytes(self._tried(lambda s: self._handle(s, key_id(public_key)).sign(data, mechanism=chosen)))
        except VaultRefused as error:
            raise SignerUnavailable(f"token {self._label}: {error}") from error
        except self._library.exceptions.PKCS11Error as error:
            raise SignerUnavailable(f"token {self._label}: {type(error).__name__}") from error

    def close(self) -> None:
        with _ONE_AT_A_TIME:
            self._forget()

    def _generate(self, session: Any, kind: str, label: str) -> PublicKey:
        types, attribute = self._library.KeyType, self._library.Attribute
        draft = secrets.token_bytes(20)  # its real id is the hash of a key that is not there yet
        private = {attribute.SENSITIVE: True, attribute.EXTRACTABLE: False, attribute.TOKEN: True}
        # The binding's choice lets an EC key derive and an RSA key decrypt and unwrap, too. PKCS #11 v3.0 §4.9
        uses = self._library.MechanismFlag.SIGN | self._library.MechanismFlag.VERIFY
        given = {"id": draft, "label": label, "store": True, "capabilities": uses, "private_template": private}
        if kind == "p-256":
            curve = {attribute.EC_PARAMS: self._library.util.ec.encode_named_curve_parameters(_P256)}
            parameters = session.create_domain_parameters(types.EC, curve, local=True)
            public, secret = parameters.generate_keypair(**given)
            # CKA_EC_POINT is the point in an OCTET STRING. PKCS #11 v3.0 §6.3.3
            point = der.read(public[attribute.EC_POINT]).expect(der.OCTET_STRING).content
            key: PublicKey = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        else:
            public, secret = session.generate_keypair(types.RSA, int(kind.removeprefix("rsa-")), **given)
            e, n = (int.from_bytes(public[a]) for a in (attribute.PUBLIC_EXPONENT, attribute.MODULUS))
            key = rsa.RSAPublicNumbers(e, n).public_key()
        for half in (public, secret):
            half[attribute.ID] = key_id(key)
        return key

    def _handle(self, session: Any, wanted: bytes) -> Any:
        if wanted not in self._handles:
            kind = self._library.ObjectClass.PRIVATE_KEY
            self._handles[wanted] = session.get_key(object_class=kind, id=wanted)
        return self._handles[wanted]

    def _tried(self, act: Callable[[Any], Any]) -> Any:
        """`act` over the session, in turn; once more over a new one when the token has forgotten the old."""
        errors = self._library.exceptions
        final = (errors.NoSuchKey, errors.PinIncorrect, errors.PinLocked, errors.MechanismInvalid, VaultRefused)
        with _ONE_AT_A_TIME:
            known = self._session is not None
            try:
                return act(self._opened())
            except final:
                raise
            except errors.PKCS11Error:
                self._forget()
                if not known:
                    raise
            return act(self._opened())

    def _opened(self) -> Any:
        if self._session is None:
            errors = self._library.exceptions
            if self._wrong_pin:
                raise VaultRefused("wrong_pin", label=self._label)
            try:
                found = self._library.lib(str(self._module)).get_token(token_label=self._label)
                try:
                    self._session = found.open(rw=True, user_pin=self._pin())
                except errors.UserAlreadyLoggedIn:
                    # PKCS #11 v3.0 §5.6: a login holds for all sessions of a process.
                    self._session = found.open(rw=True)
            except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange) as error:
                # Not tried again in this process: a token locks itself after a few wrong ones.
                self._wrong_pin = True
                raise VaultRefused("wrong_pin", label=self._label) from error
            except errors.PinLocked as error:
                raise VaultRefused("pin_locked", label=self._label) from error
            except (errors.NoSuchToken, errors.TokenNotPresent, errors.TokenNotRecognised) as error:
                raise VaultRefused("no_token", label=self._label, module=self._module) from error
            except (errors.PKCS11Error, RuntimeError, OSError) as error:
                reason = type(error).__name__
                raise VaultRefused("token_failed", label=self._label, module=self._module, reason=reason) from error
        return self._session

    def _forget(self) -> None:
        session, self._session = self._session, None
        self._handles.clear()
        if session is not None:
            with contextlib.suppress(self._library.exceptions.PKCS11Error):  # it is gone already
                session.close()
