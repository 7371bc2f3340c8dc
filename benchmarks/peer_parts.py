"""What the settings of django-ca name: its addresses, and the key backends that load a key once (`benchmarks.peer`)."""

from typing import Any

from django.urls import include, path
from django_ca.key_backends.storages import StoragesBackend
from django_ca.key_backends.storages.ocsp_backend import StoragesOCSPBackend

urlpatterns = [path("", include("django_ca.urls"))]


class KeptKey(StoragesBackend):
    """As it comes, each signature reads the file and has the key checked anew."""

    def get_key(self, ca: Any, use_private_key_options: Any) -> Any:
        kept = self.__dict__.setdefault("kept", {})
        if ca.serial not in kept:
            kept[ca.serial] = super().get_key(ca, use_private_key_options)
        return kept[ca.serial]


class KeptResponderKey(StoragesOCSPBackend):
    def load_private_key(self, ca: Any) -> Any:
        kept = self.__dict__.setdefault("kept", {})
        if ca.serial not in kept:
            kept[ca.serial] = super().load_private_key(ca)
        return kept[ca.serial]
