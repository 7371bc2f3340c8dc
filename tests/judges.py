"""The independent checks beside the project, as functions: each asserts that the judge is content.

They are looked for in `<project>/../shared/checks`, or where `CERTTALK_CHECKS` says; without them the tests that
carry `@needs_judges` are skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = Path(os.environ.get("CERTTALK_CHECKS", Path(__file__).parents[2] / "shared/checks"))

needs_judges = [
    pytest.mark.judges,
    pytest.mark.skipif(not CHECKS.is_dir(), reason=f"no independent checks at {CHECKS} (CERTTALK_CHECKS)"),
]


def judge(script: str, *arguments: object, expect: int | None = 0, **environment: str) -> str:
    """Run a judge; its output is the assertion's message. Returns the output."""
    path = CHECKS / script
    start = [sys.executable, "-W", "ignore"] if path.suffix == ".py" else ["bash"]
    done = subprocess.run(
        [*start, path, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=180,
        env=os.environ | {"PYBIN": str(Path(sys.executable).parent)} | environment,
        check=False,
    )
    assert expect is None or done.returncode == expect, f"{script}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def lint_cert(certificate: Path, issuer: Path | None = None) -> str:
    return judge("x509/lint_cert.sh", certificate, "pkix", *([issuer] if issuer else []))


def lint_subscriber(certificate: Path, issuer: Path) -> str:
    """All of `lint_cert` for a certificate with a VID.

    asn1crypto, which the judge's own rules are written with, cannot turn the context tag inside a VID into a Python
    value; those rules are therefore run once more with the otherName left as octets.
    """
    output = judge("x509/lint_cert.sh", certificate, "pkix", issuer, expect=1)
    assert "FAIL" not in output.replace("1 failed", ""), output
    assert "---- 7 checks, 1 failed" in output, output
    return output + _opaque_other_names("rules_cert.py", certificate, "pkix")


def _opaque_other_names(script: str, *arguments: object) -> str:
    patched = (
        "import runpy, sys; from asn1crypto.core import Any\n"
        "plain = Any.native.fget\n"
        "def native(self):\n"
        "    try: return plain(self)\n"
        "    except ValueError: return self.contents\n"
        "Any.native = property(native)\n"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", patched, CHECKS / "x509" / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def verify_chain(leaf: Path, intermediates: Path | str, root: Path, *crls: Path, expect: str = "accept") -> str:
    """Every path validator but pyhanko, which cannot read a VID (see `lint_subscriber`)."""
    output = judge("x509/verify_chain.sh", leaf, intermediates, root, "any", *crls, expect=None, EXPECT=expect)
    failed = [line for line in output.splitlines() if line.startswith("FAIL") and "AnotherName" not in line]
    assert not failed, output
    return output


def check_crl(crl: Path, issuer: Path, previous: Path | None = None) -> str:
    return judge("x509/check_crl.sh", crl, issuer, *([previous] if previous else []))


def check_ocsp(response: Path, issuer: Path, leaf: Path, status: str) -> str:
    return judge("x509/check_ocsp.sh", response, issuer, leaf, status)


def check_p12(file: Path, password: str, rounds: int, root: Path) -> str:
    judge("check_p12.py", file, password)
    return judge("x509/check_p12.sh", file, password, rounds, root)


def check_npki(folder: Path, password: str, idn: str) -> str:
    return judge("check_pypinksign.py", folder, password, idn) + judge("check_openssl_manual.py", folder, password, idn)
