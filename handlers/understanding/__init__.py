"""Free text to what it means: a command, a language asked for, or the label it most likely stands for."""

from handlers.understanding.commands import Command, command, journey, language
from handlers.understanding.matcher import Matcher, Understood
from handlers.understanding.model import Model, shipped_model

__all__ = [
    "Command",
    "Matcher",
    "Model",
    "Understanding",
    "Understood",
    "command",
    "journey",
    "language",
    "shipped_model",
]


class Understanding:
    """What the conversation asks of understanding, in one place."""

    def __init__(self, model: Model | None = None) -> None:
        self._matcher = Matcher(model or shipped_model())

    @property
    def model(self) -> Model:
        return self._matcher.model

    def learn(self, model: Model) -> None:
        """Answer from `model` from the next message on."""
        self._matcher = Matcher(model)

    def command(self, text: str) -> Command | None:
        """The command `text` is, if it is nothing else."""
        return command(text)

    def language(self, text: str) -> str | None:
        """The locale `text` asks for by name ("영어로", "English please"), if it is nothing else."""
        return language(text)

    def journey(self, text: str) -> str | None:
        """The journey (`FLOW` or `FLOW:WISH`) that `text` names, if it is nothing else."""
        return journey(text)

    def wishes(self, text: str) -> tuple[str, ...]:
        """Everything `text` surely asks for, the most urgent first; mostly one label, none when nothing is sure."""
        return self._matcher.wishes(text)

    def match(self, text: str) -> Understood:
        return self._matcher.match(text)
