"""The CA's keys: on disk, sealed, or in a token; made in a ceremony, opened at start, rotated.

    data/ca/root.pem, root.crl              the root and its list; its key is not here
    data/ca/issuing-1.pem, issuing-1.key    the first issuing CA; the highest number is the current one
    data/ca/ocsp-issuing-1.pem, .key        its OCSP signer, made anew before it ends
    data/ca/records-issuing-1.pem, .key     its record signer, made when it is first needed
    data/ca-root/root-3f9a01c2.key          the root's key, sealed: for ceremonies only, so take it off this machine

Where a token keeps a key there is no `.key`: the key is found by the subjectKeyIdentifier of its certificate.
"""

from bot.vault.opening import Vault
from bot.vault.refusal import VaultRefused

__all__ = ["Vault", "VaultRefused"]
