"""A UDP socket that speaks OSC. Tests and benchmarks use it to send what no client would."""

import socket
from types import TracebackType
from typing import Self

from oneshot_server.client.events import Message
from oneshot_server.errors import BadArgumentsError
from oneshot_server.transports.osc.decode import datagram_to_messages
from oneshot_server.transports.osc.encode import message


class OscSocket:
    """Sends to a server from one socket, to which the answers come back.

    Args:
        host: the server's.
        port: the server's.

    Raises:
        OSError: the host's name leads nowhere.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind(("", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Where answers come to."""
        port: int = self._socket.getsockname()[1]
        return port

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()

    def send(self, address: str, *arguments: float | str) -> None:
        """Send a message."""
        self.send_datagram(message(address, *arguments))

    def send_datagram(self, datagram: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendto(datagram, self._server)

    def receive(self, timeout_seconds: float) -> Message | None:
        """The next message, address and arguments; ``None`` when the time is over."""
        self._socket.settimeout(max(timeout_seconds, 1e-3))
        try:
            datagram = self._socket.recv(65_536)
        except (TimeoutError, ConnectionError):  # Windows says of a closed port so
            return None
        return datagram_to_message(datagram)


def datagram_to_message(datagram: bytes) -> Message | None:
    """The daemon's message; ``None`` if it is none."""
    try:
        received = datagram_to_messages(datagram)[0]
    except (BadArgumentsError, IndexError):
        return None
    return received.address, tuple(
        a for a in received.arguments if isinstance(a, float | int | str)
    )
