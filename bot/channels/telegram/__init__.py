"""Telegram: updates ⇄ the vocabulary of `handlers.message`, and the wire between."""
