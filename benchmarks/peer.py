"""django-ca in a process of its own: `benchmarks.peers` writes it a line of JSON and reads one, again and again.

As its documentation sets it up, on SQLite with our pragmas: a CA by `init_ca`, keys in files, its stock profile, no
Celery, connections kept. "key kept" is its own setting for key backends, see `benchmarks.peer_parts`.
"""

import itertools
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

import django
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from django.conf import settings

from benchmarks.measuring import Measured, peak_megabytes, repeated

WARM: Final = 20
NUMBERS: Final = itertools.count()
PRAGMAS: Final = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
KEYS: Final = {
    "p-256": ("--key-type=EC", "--elliptic-curve=secp256r1"),
    "rsa-2048": ("--key-type=RSA", "--key-size=2048"),
}


def set_up(folder: Path, kind: str) -> None:
    """A database and a CA with a key of `kind` in it."""
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    stored = {"OPTIONS": {"storage_alias": "django-ca"}}
    settings.configure(
        SECRET_KEY=secrets.token_hex(), USE_TZ=True, ALLOWED_HOSTS=["localhost"], ROOT_URLCONF="benchmarks.peer_parts",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_object_actions", "django_ca"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {
            "ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "peer.db"), "CONN_MAX_AGE": None,
            "OPTIONS": {"init_command": PRAGMAS, "transaction_mode": "IMMEDIATE"},
        }},
        STORAGES={"default": files, "django-ca": files},
        CA_DEFAULT_HOSTNAME="localhost", CA_DEFAULT_STORAGE_ALIAS="django-ca", CA_USE_CELERY=False,
        CA_KEY_BACKENDS={
            "default": {"BACKEND": "django_ca.key_backends.storages.StoragesBackend", **stored},
            "kept": {"BACKEND": "benchmarks.peer_parts.KeptKey", **stored},
        },
        CA_OCSP_KEY_BACKENDS={
            "default": {"BACKEND": "django_ca.key_backends.storages.ocsp_backend.StoragesOCSPBackend", **stored},
            "kept": {"BACKEND": "benchmarks.peer_parts.KeptResponderKey", **stored},
        },
    )  # fmt: skip
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("init_ca", *KEYS[kind], "bench", "CN=bench", verbosity=0, stdout=StringIO())
    with connection.cursor() as cursor:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2)):
            cursor.execute(f"PRAGMA {pragma}")
            assert cursor.fetchone() == (value,), pragma


def certify(ca: Any, csr: bytes) -> Any:
    from django_ca.models import Certificate
    from django_ca.profiles import profiles

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"BENCH{next(NUMBERS):06d}")])
    options = ca.key_backend.get_use_private_key_options(ca, {})
    request = x509.load_der_x509_csr(csr)
    return Certificate.objects.create_cert(ca, options, request, profile=profiles["client"], subject=subject)


@contextmanager
def keys(kept: bool) -> Iterator[None]:
    from django_ca.models import CertificateAuthority

    alias = "kept" if kept else "default"
    CertificateAuthority.objects.update(key_backend_alias=alias, ocsp_key_backend_alias=alias)
    yield
    CertificateAuthority.objects.update(key_backend_alias="default", ocsp_key_backend_alias="default")


def issue(csrs: list[str], kept: bool) -> Measured:
    """One after another; the CA is read anew each time, as its API and its verbs do it, or kept with its key."""
    from django_ca.models import Certificate, CertificateAuthority

    each = list[float]()
    with keys(kept):
        ca = CertificateAuthority.objects.get()
        certify(ca, bytes.fromhex(csrs[0]))
        before = Certificate.objects.count()
        started, processor = time.perf_counter(), time.process_time()
        for csr in csrs:
            begun = time.perf_counter()
            certify(ca if kept else CertificateAuthority.objects.get(), bytes.fromhex(csr))
            each.append(time.perf_counter() - begun)
        result = Measured(each, time.perf_counter() - started, time.process_time() - processor)
    assert Certificate.objects.count() - before == len(csrs)
    return result


def answer(csr: str, kept: bool, cached: bool, seconds: float) -> Measured:
    """Its application called as a WSGI server would, without a socket; with a nonce each time, or out of its cache."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings
    from django_ca.models import CertificateAuthority

    ca = CertificateAuthority.objects.get()
    certificate = certify(ca, bytes.fromhex(csr))
    application, path = WSGIHandler(), f"/ocsp/{ca.serial}/cert/"
    plain = ocsp.OCSPRequestBuilder().add_certificate(certificate.pub.loaded, ca.pub.loaded, SHA256())
    asked = plain.build().public_bytes(Encoding.DER)

    def fresh() -> bytes:
        nonce = x509.OCSPNonce(secrets.token_bytes(16))
        return plain.add_extension(nonce, critical=False).build().public_bytes(Encoding.DER)

    def post() -> bytes:
        body = asked if cached else fresh()
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "localhost",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/ocsp-request",
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body), "wsgi.url_scheme": "http",
        }  # fmt: skip
        said = application(environ, lambda *_: None)
        octets = b"".join(said)
        said.close()
        return octets

    with keys(kept), override_settings(CA_OCSP_RESPONSE_CACHE_EXPIRES=timedelta(days=1) if cached else None):
        if cached:
            certificate.generate_ocsp_response()
        for _ in range(WARM):
            assert ocsp.load_der_ocsp_response(post()).certificate_status == ocsp.OCSPCertStatus.GOOD
        return repeated(seconds, post)


def revocations(csr: str, count: int) -> dict[str, float]:
    """Seconds from the stored certificates to the list that is signed and stored, and MiB at the height of it."""
    from django_ca.models import Certificate, CertificateAuthority, CertificateRevocationList

    ca = CertificateAuthority.objects.get()
    pattern = certify(ca, bytes.fromhex(csr))
    der, serial = pattern.pub.der, pattern.pub.loaded.serial_number
    old = serial.to_bytes((serial.bit_length() + 8) // 8)
    now = datetime.now(UTC)

    def revoked() -> Any:
        new = secrets.randbits(8 * len(old) - 2) | 1 << 8 * len(old) - 2
        one = Certificate(ca=ca, revoked=True, revoked_date=now, revoked_reason="superseded")
        one.update_certificate(x509.load_der_x509_certificate(der.replace(old, new.to_bytes(len(old)), 1)))
        return one

    for start in range(0, count, 5000):
        Certificate.objects.bulk_create(revoked() for _ in range(min(5000, count - start)))
    options = ca.key_backend.get_use_private_key_options(ca, {})
    make = CertificateRevocationList.objects.create_certificate_revocation_list
    started = time.perf_counter()
    made = make(ca, options, only_contains_user_certs=True)
    taken = time.perf_counter() - started
    assert len(x509.load_der_x509_crl(bytes(made.data))) == count
    return {"seconds": taken, "peak": peak_megabytes()}


def main(folder: str, kind: str) -> None:
    set_up(Path(folder), kind)
    deeds: dict[str, Callable[..., Any]] = {one.__name__: one for one in (issue, answer, revocations)}
    for line in sys.stdin:
        told = json.loads(line)
        result = deeds[told.pop("what")](**told)
        if isinstance(result, Measured):
            result = {"each": result.each, "together": result.together, "processor": result.processor}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
