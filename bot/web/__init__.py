"""One ASGI application: chat, secure page, login check, PKI endpoints, health, demo desk."""
