"""What is used of the event loop, so that tests can hold the time."""

from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


class Schedule(Protocol):
    """``asyncio.AbstractEventLoop`` is one."""

    def time(self) -> float:
        """Now, in seconds that only rise."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Handle:
        """Call back at a time."""
        ...


class FakeSchedule:
    """A time that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[_FakeHandle] = []

    def time(self) -> float:
        """See ``Schedule``."""
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> "_FakeHandle":
        """See ``Schedule``."""
        handle = _FakeHandle(when, callback)
        self._calls.append(handle)
        return handle

    def advance(self, until: float) -> None:
        """Let the time come, and in their order the calls that are due by then."""
        while due := [c for c in self._calls if c.when <= until and not c.cancelled]:
            call = min(due, key=lambda c: c.when)
            self._calls.remove(call)
            self.now = max(self.now, call.when)
            call.callback()
        self.now = max(self.now, until)


class _FakeHandle:
    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True
