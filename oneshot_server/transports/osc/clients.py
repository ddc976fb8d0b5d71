"""Who is told what: leases by ``/oneshot/hello``, and those who asked for a job."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from oneshot_server.domain.events import JobId

Address = tuple[str, int]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MOST_LEASES: Final = 64
MOST_JOBS: Final = 4096
REMEMBERED_SECONDS: Final = 60.0


class Clients:
    """Leases and askers; everything is bounded, the oldest goes first.

    Args:
        lease_seconds: how long a client that says nothing still gets events.
        clock: seconds that only rise.

    Attributes:
        clock: the same.
    """

    def __init__(self, *, lease_seconds: float, clock: Callable[[], float]) -> None:
        self._lease_seconds = lease_seconds
        self.clock = clock
        self._leases: OrderedDict[Address, float] = OrderedDict()
        self._reply_to: OrderedDict[Address, Address] = OrderedDict()
        self._askers: OrderedDict[JobId, set[Address]] = OrderedDict()
        self._requests: OrderedDict[tuple[str, str, str], tuple[JobId, float]] = OrderedDict()

    def hello(self, source: Address, reply_port: int) -> Address:
        """Register (the source's host, reply_port) for events; returns it.

        A client that looks for a free port says hello with one after the other: the port that it
        named before is nobody's, unless another client named it too.
        """
        target = (source[0], reply_port)
        before = self._reply_to.pop(source, target)
        if before != target and before not in self._reply_to.values():
            self._leases.pop(before, None)
        _put(self._leases, target, self.clock() + self._lease_seconds, MOST_LEASES)
        _put(self._reply_to, source, target, MOST_LEASES)
        return target

    def renew(self, source: Address) -> None:
        """Any request of a host renews its leases: many clients send from ever new ports."""
        for target in self._leases:
            if target[0] == source[0]:
                self._leases[target] = self.clock() + self._lease_seconds

    def reply_to(self, source: Address) -> Address:
        """Where answers to this source go: its reply_port if it said hello, else itself."""
        target = self._reply_to.get(source, source)
        return target if target in self._leases else source

    def asks(self, job: JobId, target: Address) -> None:
        """``target`` is to be told of the job, lease or not."""
        if job not in self._askers:
            _put(self._askers, job, set(), MOST_JOBS)
        self._askers[job].add(target)

    def listeners(self, job: JobId) -> Iterable[Address]:
        """Who is told of the job, each once."""
        now = self.clock()
        for target in [t for t, until in self._leases.items() if until < now]:
            del self._leases[target]
        return self._leases.keys() | self._askers.get(job, set())

    def forget(self, job: JobId) -> None:
        """The job has ended."""
        self._askers.pop(job, None)

    def remember(self, source: Address, address: str, request_id: str, job: JobId) -> None:
        """A request with an id was done; for a minute it is not done again."""
        if request_id:
            _put(self._requests, (source[0], address, request_id), (job, self.clock()), MOST_JOBS)

    def seen(self, source: Address, address: str, request_id: str) -> JobId | None:
        """The job of a request that came before; ``None`` for a new one.

        The minute begins anew each time: who goes on asking is answered however long a job takes.
        """
        job, when = self._requests.get((source[0], address, request_id), (JobId(""), -1e9))
        if self.clock() - when > REMEMBERED_SECONDS:
            return None
        self.remember(source, address, request_id, job)
        return job


def _put(store: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Set the newest entry, drop the oldest beyond ``most``."""
    store[key] = value
    store.move_to_end(key)
    while len(store) > most:
        store.popitem(last=False)
