"""A client of a server under test, and a clock that tests move."""

import asyncio

from oneshot_server.client.osc_socket import OscSocket


class Peer:
    """A client on a socket of its own, for use on the event loop."""

    def __init__(self, port: int) -> None:
        self.client = OscSocket("127.0.0.1", port)

    def send(self, address: str, *arguments: float | str) -> None:
        self.client.send(address, *arguments)

    async def receive(self) -> tuple[object, ...]:
        received = await asyncio.to_thread(self.client.receive, 20)
        assert received is not None, "nothing came"
        return received[0], *received[1]

    async def silent(self) -> bool:
        """Whether nothing has come before the answer to a ping."""
        self.send("/oneshot/ping", "silence?")
        return (await self.receive())[:2] == ("/oneshot/pong", "silence?")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
