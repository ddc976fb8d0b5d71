"""The protocol's table as a page and for the terminal: ``docs/osc.md`` is made by this module."""

from typing import TYPE_CHECKING

from oneshot_server.domain.parameters import GENERATE_KEYS, INPAINT_KEYS, Parameter
from oneshot_server.transports.osc.specs import ANSWERS, REQUESTS

if TYPE_CHECKING:  # Rich is slow to load, and the daemon never draws a table
    from rich.table import Table

INTRODUCTION = """\
# OSC protocol, version 1

UDP, one datagram a message, by default to `127.0.0.1:9330`. Only `i`, `f` and `s` are sent; an int
is taken where a float is meant, and a whole float where an int is. Bundles are unpacked at once,
timetags ignored; addresses are matched exactly. A client ignores events that it does not know, and
arguments behind those that it knows: later versions have more of both.

Every request's first argument is `id`, any string that the client chooses, `""` for none. A
request with an id that was seen within the last minute is answered again, not done again: UDP loses
packets. Let ids be unique on a machine. Answers go to the sender's own address and port, or to its
`reply_port` if it said `/oneshot/hello`; whoever said hello gets the events of all jobs.

Try it: `oscsend osc.udp://127.0.0.1:9330 /oneshot/generate ss a "punchy kick"`
"""

ERRORS = """\
## Errors

`/oneshot/error id-or-job code text`, the text for people, the code one of:

| code | meaning |
|---|---|
| `unknown_address` | no such address |
| `bad_arguments` | an argument is missing, too many or wrong |
| `busy` | the queue is full |
| `not_found` | no such job, model or sound |
| `forbidden` | a path outside the home, or the samples folder may not be written |
| `disk_full` | no space left for the sound |
| `engine_failed` | the engine died twice on the job, or has given up |
| `cancelled_by_shutdown` | the daemon was shut down |
"""


def markdown_page() -> str:
    """The protocol's page."""
    lines = [INTRODUCTION, "## Requests", ""]
    lines += ["| client sends | types | answer | |", "|---|---|---|---|"]
    for request in REQUESTS.values():
        lines.append(
            f"| `{request.address}` {request.usage} | {_cell(request.types)} "
            f"| `{request.answer}` | {request.help} |"
        )
    lines += ["", "## Keys of `/oneshot/generate`", ""]
    lines += ["In any order after the prompt, each once.", ""]
    lines += ["| key | expected | default | |", "|---|---|---|---|"]
    lines += [
        f"| `{key.name}` | {key.expected} | {key.default} | {key.help} |" for key in GENERATE_KEYS
    ]
    lines += ["", "`vary`, `morph` and `inpaint` have all of them but `pad`, and beside:", ""]
    lines += ["| key | expected | default | |", "|---|---|---|---|"]
    lines += [
        f"| `{key.name}` | {key.expected} | {key.default} | {key.help} |"
        for key in INPAINT_KEYS
        if key not in GENERATE_KEYS
    ]
    lines += ["", "## Arguments", ""]
    lines += ["| argument | expected | |", "|---|---|---|"]
    lines += [f"| {a.name} | {a.expected} | {a.help} |" for a in _arguments()]
    lines += ["", "## Answers and events", ""]
    lines += ["| daemon sends | types | |", "|---|---|---|"]
    lines += [f"| `{a.address}` {a.arguments} | {a.types} | {a.help} |" for a in ANSWERS]
    return "\n".join([*lines, "", ERRORS])


def rich_table() -> "Table":
    """The requests as a table for the terminal."""
    from rich.table import Table

    table = Table("address", "arguments", "types", "answer", "", title="OSC requests")
    for request in REQUESTS.values():
        table.add_row(request.address, request.usage, request.types, request.answer, request.help)
    return table


def _arguments() -> list[Parameter]:
    every = [argument for request in REQUESTS.values() for argument in request.arguments]
    return list({argument.name: argument for argument in every}.values())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(markdown_page(), end="")  # noqa: T201 - the page is this program's output
