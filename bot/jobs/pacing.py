"""A limit on how much goes out in a span of time, kept by whoever sends."""

from collections import deque


class Window:
    """At most `count` in any `span` seconds; places are given out in the order they are asked for."""

    __slots__ = ("_taken", "count", "span")

    def __init__(self, count: int, span: float) -> None:
        self.count, self.span = count, span
        self._taken: deque[float] = deque(maxlen=count)

    def next(self, now: float) -> float:
        """The earliest time at which one more may go."""
        return max(now, self._taken[0] + self.span) if len(self._taken) == self.count else now

    def take(self, at: float) -> None:
        self._taken.append(at)

    def idle(self, now: float) -> bool:
        return not self._taken or self._taken[-1] + self.span < now

    def full(self, now: float) -> bool:
        return self.next(now) > now
