"""Free text to what it means: a command, a language asked for, or the label it most likely stands for."""

from functools import cached_property

from handlers.understanding.commands import Command, Steering, steering
from handlers.understanding.matcher import Matcher, Understood
from handlers.understanding.model import Model, shipped_model

__all__ = [
    "Command",
    "Matcher",
    "Model",
    "Steering",
    "Understanding",
    "Understood",
    "Utterance",
    "shipped_model",
    "steering",
]


class Utterance:
    """One message, understood as far as it is asked about, and nothing of it twice."""

    def __init__(self, text: str, matcher: Matcher) -> None:
        self.text, self._matcher = text, matcher

    @cached_property
    def steers(self) -> Steering:
        """What it is by its words alone, if it is nothing else."""
        return steering(self.text)

    @cached_property
    def understood(self) -> Understood:
        """What it most likely means."""
        return self._matcher.match(self.text)

    @cached_property
    def wishes(self) -> tuple[str, ...]:
        """Everything it surely asks for, the most urgent first; mostly one label, none when nothing is sure."""
        return self._matcher.wishes(self.text, self.understood)


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

    def hear(self, text: str) -> Utterance:
        return Utterance(text, self._matcher)
