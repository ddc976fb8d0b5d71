"""Ask a running daemon one thing and wait for its answer."""

import secrets
import time
from typing import Final

from oneshot_server.cli.by_daemon import Client
from oneshot_server.cli.osc_events import Message
from oneshot_server.errors import BadArgumentsError, EngineFailedError

TRIES: Final = 3
PATIENCE_SECONDS: Final = 1.0


def ask(client: Client, address: str, *arguments: float | str) -> list[Message]:
    """Send a request that ends with ``/oneshot/ok``; asks more than once, for UDP loses packets.

    Returns:
        What came before the ok.

    Raises:
        BadArgumentsError: the daemon refused; the text is its own.
        EngineFailedError: it fell silent.
    """
    for _ in range(TRIES):
        own = f"cli-{secrets.token_hex(6)}"
        client.send(address, own, *arguments)
        answers: list[Message] = []
        until = time.monotonic() + PATIENCE_SECONDS
        while (left := until - time.monotonic()) > 0:
            message = client.receive(left)
            if message is None or not message[1] or message[1][0] != own:
                continue
            if message[0] == "/oneshot/error":
                raise BadArgumentsError(str(message[1][2]))
            if message[0] == "/oneshot/ok":
                return answers
            answers.append(message)
    raise EngineFailedError("the daemon stopped answering")
