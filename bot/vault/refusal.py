"""Why the vault does not do what was asked, in words for the operator (`ca.error.WORD`)."""

from typing import Any

from ca.errors import KeyFileError


class VaultRefused(KeyFileError):
    """`word` names the sentence with its remedy, `params` its values; neither holds a secret."""

    def __init__(self, word: str, **params: Any) -> None:
        super().__init__(": ".join([word, *(str(value) for value in params.values())]))
        self.word, self.params = word, params
