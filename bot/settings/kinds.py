"""Kinds of values settings have in common; each says by its error what an operator does about it."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

PlainName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .-]{0,29}$")]
"""A name that may stand in a distinguished name and be a folder on every system (no `/`, `:` or Hangul)."""

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{0,15}$")]
"""Digits only, ITU-T E.164: 15 at most; empty where there is none."""

ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
"""An e-mail address that every server takes (RFC 5321 §4.1.2, without quotes and without SMTPUTF8)."""


def _mail(address: str) -> str:
    if address and not ADDRESS.fullmatch(address):
        raise PydanticCustomError("mail_address", "an e-mail address")
    return address


MailAddress = Annotated[str, AfterValidator(_mail)]


def _there(file: Path) -> Path:
    file = file.expanduser()
    if not file.is_file():
        raise PydanticCustomError("no_such_file", "no such file")
    return file


def _folder_there(folder: Path) -> Path:
    folder = folder.expanduser()
    if not folder.is_dir():
        raise PydanticCustomError("no_such_folder", "no such folder")
    return folder


ExistingFile = Annotated[Path, AfterValidator(_there)]
ExistingFolder = Annotated[Path, AfterValidator(_folder_there)]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine by definition. RFC 6761 §6.3, RFC 1122 §3.2.1.3."""
    host = host.strip("[]").lower().rstrip(".")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
