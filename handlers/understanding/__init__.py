"""Free text to what it means: a command, a language asked for, or the label it most likely stands for."""

from handlers.understanding.commands import Command, command, language
from handlers.understanding.matcher import Matcher, Understood, load_catalogue

__all__ = ["Command", "Matcher", "Understanding", "Understood", "command", "language", "load_catalogue"]


class Understanding:
    """What the conversation asks of understanding, in one place. Build it once: indexing takes a moment."""

    def __init__(self, matcher: Matcher | None = None) -> None:
        self._matcher = matcher or Matcher(load_catalogue())

    def command(self, text: str) -> Command | None:
        """The command `text` is, if it is nothing else."""
        return command(text)

    def language(self, text: str) -> str | None:
        """The locale `text` asks for by name ("영어로", "English please"), if it is nothing else."""
        return language(text)

    def match(self, text: str) -> Understood:
        return self._matcher.match(text)
