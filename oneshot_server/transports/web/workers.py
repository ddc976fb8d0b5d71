"""Threads of the page's own: a hit is published by those of the event loop, and waits for none."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from oneshot_server.errors import BusyError

MOST_WAITING: Final = 256
"""Requests; a page has six connections, and thirty-two pages are told of events."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Workers:
    """A few threads for one kind of work; see ``asyncio.to_thread``.

    Args:
        name: of the work.
        threads: how many.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"web {name}")
        self._waiting = 0

    async def run(
        self, action: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs
    ) -> _Result:
        """What the action returns or raises, from one of the threads.

        Raises:
            BusyError: too many wait already.
        """
        if self._waiting >= MOST_WAITING:
            raise BusyError(f"{self._waiting} requests for {self._name} wait already")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, partial(action, *given, **named))
        finally:
            self._waiting -= 1

    async def stop(self) -> None:
        """Begin nothing more, and wait for what was begun."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
