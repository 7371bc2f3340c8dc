"""The certification authority: its names, keys and lists; whom it believes about certificates from elsewhere."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from bot.settings.kinds import ExistingFile, ExistingFolder, PlainName


class Authority(BaseModel):
    """What is made once (`ca_name`, `ca_key`) is read when the authority is made."""

    ca_name: PlainName = "CertTalk"
    """Organisation in every certificate, and the authority's folder under NPKI."""
    ca_key: Literal["rsa-2048", "rsa-3072", "p-256"] = "rsa-3072"
    """Kind of the keys of the root and of the issuing CA; used when they are made."""
    crl_partitions: int = Field(1, ge=1, le=256)
    """Into how many parts by serial number the revocation list is published; parts once published go on."""
    ca_passphrase_file: ExistingFile | None = None
    """The file whose first line opens the CA's keys. Empty: systemd's credential, the demo's own, or a prompt."""
    ca_token: ExistingFile | None = None
    """A PKCS#11 library: the keys of issuing CAs and OCSP signers are made and used inside its token."""
    ca_token_label: str = "certtalk"  # noqa: S105 - a name, no secret
    """Which token, if the library knows several."""
    ca_token_pin_file: ExistingFile | None = None
    """The file whose first line is the token's PIN."""
    profiles: ExistingFile | None = None
    """Kinds of certificates in a file of the operator's, in the form of `ca/profiles.toml`. Empty: that one."""
    blocked_keys: ExistingFile | None = None
    """A file of SHA-256 digests (hex, one a line) of public keys that are never certified."""
    bank_code: Annotated[str, StringConstraints(pattern=r"^\d{4}$")] = "0999"
    bank_ou: PlainName = "DEMO"
    """The bank's organisational unit in the certificates it hands out."""
    audit_years: int = Field(10, ge=0, le=100)
    """Audit records are kept this long; 0: for ever."""
    trust: ExistingFolder | None = None
    """A folder of certificates (.pem, .crt, .cer, .der): whom to trust with certificates from elsewhere."""
    relying_hosts: str = ""
    """Servers that may be asked about certificates from elsewhere: `NAME` or `NAME:PORT`, with commas."""

    @field_validator("relying_hosts")
    @classmethod
    def _hosts_with_ports(cls, told: str) -> str:
        hosts = [one.strip().lower() for one in told.split(",") if one.strip()]
        if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?", one) for one in hosts):
            raise PydanticCustomError("host_ports", "not names of hosts")
        return ",".join(hosts)
