"""A limit on how much goes out in a span of time, kept by whoever sends."""

import asyncio
import time
from collections import deque
from collections.abc import Callable


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


class Turnstile:
    """Lets callers through in their order, at most `per_second` in any second.

    What counts is when somebody went, not when they were due: after a moment in which this process stood still, what
    had become free meanwhile goes at once, and still no second sees more.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._clock, self._one = Window(per_second, 1.0), clock, asyncio.Lock()

    async def turn(self) -> None:
        async with self._one:
            while (at := self._window.next(now := self._clock())) > now:  # noqa: ASYNC110 - a time, no event
                await asyncio.sleep(at - now)
            self._window.take(now)
