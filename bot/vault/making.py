"""Ceremonies on disk: the first authority, the next issuing CA, the next signers, the root's next list.

Each appears whole or not at all. The first is made aside and renamed, and of several starters at once one wins; a
next one is there when its last file is. The root's key goes out before the authority that needs it comes in: a
ceremony that dies leaves at worst a sealed key that belongs to nothing, under a name of its own.
"""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bot.sealing import sync_folder
from bot.vault.folder import FIRST, Folder, keep
from bot.vault.keyring import Keyring
from bot.vault.refusal import VaultRefused
from ca import ceremony, crl, keys, order
from ca.issuer import Issuer, OcspSigner, public_key, same_key
from ca.order import Order
from ca.ports import RevokedEntry, Serial
from ca.profiles import Places, Responder
from ca.records import RecordSigner
from ca.signing import Signer, SoftwareKey

ROOT_CRL: Final = timedelta(days=366)
"""The root is offline, so its list holds for a year; `certtalk ca rotate` makes the next one."""


def root_key_name(root: x509.Certificate) -> str:
    """The file of a root's key: it carries the key's own mark, so that no root's key is written over another's."""
    mark = x509.SubjectKeyIdentifier.from_public_key(public_key(root)).digest
    return f"root-{mark.hex()[:8]}.key"


def make_authority(
    folder: Folder, wanted: Order, places: Places, keyring: Keyring, responder: Responder, root_folder: Path,
    root_passphrase: bytes, now: datetime,
) -> Path:  # fmt: skip
    """Root, issuing CA and OCSP signer in `folder`; the root's key, sealed, in a file of `root_folder`."""
    folder.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Folder(folder.path.with_name(f".ca.{secrets.token_hex(6)}"))
    draft.path.mkdir(mode=0o700)
    try:
        root_key = keys.generate(wanted.root.key)
        root_signer = SoftwareKey(root_key)
        root = ceremony.make_root(root_signer, _name(wanted, wanted.root.name), now, years=wanted.root.years)
        issuing_key = keyring.make(wanted.issuing.key, f"certtalk {FIRST}")
        issuing = ceremony.make_issuing(
            root, root_signer, issuing_key.signer.public_key, _name(wanted, wanted.issuing.name), now, places,
            years=wanted.issuing.years,
        )  # fmt: skip
        make_ocsp(draft, FIRST, issuing, issuing_key.signer, keyring, responder, now)
        draft.keep_pair(FIRST, issuing, issuing_key.sealed)
        keep(draft.path / "root.pem", root.public_bytes(Encoding.PEM))
        keep(draft.path / "root.crl", _root_crl(root, root_signer, 1, now))
        root_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        root_file = root_folder / root_key_name(root)
        keep(root_file, keys.seal(root_key, root_passphrase) + root.public_bytes(Encoding.PEM))
        try:
            draft.path.rename(folder.path)
        except OSError:
            root_file.unlink()
            if not folder.exists():
                raise
            # Another process finished first: its CA is the CA.
    finally:
        if draft.exists():
            shutil.rmtree(draft.path)
    sync_folder(folder.path.parent)
    return root_file


def make_ocsp(
    folder: Folder, issuer: str, issuing: x509.Certificate, signer: Signer, keyring: Keyring, wanted: Responder,
    now: datetime,
) -> OcspSigner:  # fmt: skip
    """The next OCSP signer of `issuer`."""
    make = ceremony.make_ocsp_signer
    return OcspSigner(*_signer(make, folder, f"ocsp-{issuer}", issuing, signer, keyring, wanted, now))


def make_records(
    folder: Folder, issuer: str, issuing: x509.Certificate, signer: Signer, keyring: Keyring, wanted: Responder,
    now: datetime,
) -> RecordSigner:  # fmt: skip
    """The next record signer of `issuer`."""
    make = ceremony.make_record_signer
    certificate, key = _signer(make, folder, f"records-{issuer}", issuing, signer, keyring, wanted, now)
    return RecordSigner(certificate, issuing, key)


def _signer(
    make: Callable[..., x509.Certificate], folder: Folder, name: str, issuing: x509.Certificate, signer: Signer,
    keyring: Keyring, wanted: Responder, now: datetime,
) -> tuple[x509.Certificate, Signer]:  # fmt: skip
    """A fresh pair of this name: `make` is the ceremony of its certificate below `issuing`, whose key is `signer`."""
    fresh = keyring.make(wanted.key, f"certtalk {name}")
    certificate = make(issuing, signer, fresh.signer.public_key, now, days=wanted.days)
    folder.keep_pair(name, certificate, fresh.sealed)
    return certificate, fresh.signer


def next_issuing(
    folder: Folder, root_signer: Signer, kind: str, years: int, places: Places, keyring: Keyring, responder: Responder,
    now: datetime,
) -> str:  # fmt: skip
    """A new current issuing CA below the same root; those before it go on listing and answering. Its name."""
    with folder.alone():
        root, before, name = folder.root(), folder.certificate(folder.issuing()[-1]), folder.next_issuing()
        _refuse_stranger(root, root_signer)
        common = str(before.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        organization = str(before.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
        country = str(before.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value)
        number = int(name.removeprefix("issuing-"))
        # Another subject for another key: a CRL is found by its issuer's name.
        subject = ceremony.name(order.successor(common, number), organization=organization, country=country)
        fresh = keyring.make(kind, f"certtalk {name}")
        issuing = ceremony.make_issuing(root, root_signer, fresh.signer.public_key, subject, now, places, years=years)
        make_ocsp(folder, name, issuing, fresh.signer, keyring, responder, now)
        renew_root_crl(folder, root_signer, now)
        folder.keep_pair(name, issuing, fresh.sealed)
    return name


def renew_root_crl(folder: Folder, root_signer: Signer, now: datetime, *also: RevokedEntry) -> None:
    """The root's next list: the next number, for a year from now, all entries of the one before, and `also`.

    RFC 5280 §3.3: an entry stays at least until its certificate has ended; one a CA, so they stay for good. Of one that
    stands there already the reason may change, the date does not.
    """
    root, before = folder.root(), folder.root_crl()
    _refuse_stranger(root, root_signer)
    number = before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
    entries = {entry.serial: entry for entry in crl.entries_of(before)}
    for entry in also:
        known = entries.get(entry.serial)
        entries[entry.serial] = entry if known is None else replace(entry, revoked_at=known.revoked_at)
    # RFC 5280 §5.2.3: a later number is a later list, so its date does not go back either.
    at = max(now, before.last_update_utc)
    keep(folder.path / "root.crl", _root_crl(root, root_signer, number, at, list(entries.values())))


def revoke_issuing(folder: Folder, name: str, root_signer: Signer, reason: str, now: datetime) -> None:
    """An issuing CA into the root's list: from then on no process signs a certificate with its key."""
    with folder.alone():
        at = max(now, folder.root_crl().last_update_utc).replace(microsecond=0)
        serial = Serial(folder.certificate(name).serial_number)
        renew_root_crl(folder, root_signer, now, RevokedEntry(serial, at, reason))


def _root_crl(
    root: x509.Certificate, signer: Signer, number: int, now: datetime, entries: Sequence[RevokedEntry] = ()
) -> bytes:
    now, listed = now.replace(microsecond=0), [crl.entry(one) for one in entries]
    issuer = Issuer("root", root, root, signer)
    return crl.sign(issuer, listed, number=number, this_update=now, next_update=now + ROOT_CRL)


def _refuse_stranger(root: x509.Certificate, signer: Signer) -> None:
    if not same_key(root, signer):
        raise VaultRefused("another_root", name=root.subject.rfc4514_string())


def _name(wanted: Order, common: str) -> x509.Name:
    return ceremony.name(common, organization=wanted.organization, country=wanted.country)
