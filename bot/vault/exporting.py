"""`certtalk ca export`: everything a relying party needs of the CA, in the forms they ask for. Nothing secret."""

from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from bot.vault.folder import Folder


def export(folder: Folder, target: Path) -> None:
    """NAME.cer (DER), NAME.pem, chain-NAME.pem (issuing CA, root), authorities.p7b, root.crl, SHA256SUMS.txt."""
    target.mkdir(parents=True, exist_ok=True)
    certificates = {name: folder.certificate(name) for name in ("root", *folder.issuing())}
    root = certificates["root"].public_bytes(Encoding.PEM)
    for name, one in certificates.items():
        (target / f"{name}.cer").write_bytes(one.public_bytes(Encoding.DER))
        (target / f"{name}.pem").write_bytes(one.public_bytes(Encoding.PEM))
        if name != "root":
            (target / f"chain-{name}.pem").write_bytes(one.public_bytes(Encoding.PEM) + root)
    (target / "authorities.p7b").write_bytes(pkcs7.serialize_certificates(list(certificates.values()), Encoding.DER))
    (target / "root.crl").write_bytes(folder.root_crl_der())
    # As `sha256sum --check` reads it; of a DER certificate it is the fingerprint.
    sums = (f"{one.fingerprint(SHA256()).hex()}  {name}.cer\n" for name, one in certificates.items())
    (target / "SHA256SUMS.txt").write_text("".join(sums), "utf-8")
