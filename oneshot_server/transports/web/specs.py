"""The HTTP API's one table: routing, checks and the OpenAPI document are made from it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from oneshot_server.domain.parameters import Parameter, shown
from oneshot_server.errors import BadArgumentsError

Value = int | float | str
LARGEST_BODY: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that can be asked for.

    Attributes:
        method: of HTTP.
        path: with names of path parameters in braces.
        help: one line.
        handle: answers.
        path_parameters: what the braces stand for.
        query: what may follow the question mark; all may be left out.
        required: members that the JSON object in the body must have.
        optional: members that it may have.
        uploads: whether the body is a file.
        answer: type of the JSON that comes back; ``None`` for none.
        media: type of the answer.
        status: of the answer.
    """

    method: str
    path: str
    help: str
    handle: Callable[[Request], Awaitable[Response]]
    path_parameters: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    required: tuple[Parameter, ...] = ()
    optional: tuple[Parameter, ...] = ()
    uploads: bool = False
    answer: Any = None
    media: str = "application/json"
    status: int = 200


def text(
    name: str, about: str, *, high: int = 200, default: str = "", choices: tuple[str, ...] = ()
) -> Parameter:
    """A parameter of the API's own that is a text."""
    return Parameter(
        name=name, kind=str, low=0, high=high, default=default, help=about, choices=choices
    )


def number(name: str, about: str, *, low: int, high: int, default: str = "0") -> Parameter:
    """A parameter of the API's own that is an int."""
    return Parameter(name=name, kind=int, low=low, high=high, default=default, help=about)


def query_values(request: Request, known: tuple[Parameter, ...]) -> dict[str, Value]:
    """What a query string says, checked.

    Raises:
        BadArgumentsError: an unknown name, one that comes twice, or a value out of its range.
    """
    items = request.query_params.multi_items()
    if len(dict(items)) < len(items):
        raise BadArgumentsError("a parameter came twice, expected each once")
    by_name = _known(dict(items), known)
    return {name: by_name[name].check(_typed(value, by_name[name])) for name, value in items}


def path_text(request: Request, parameter: Parameter) -> str:
    """What stands in the path, checked.

    Raises:
        BadArgumentsError: a value out of its range.
    """
    return str(parameter.check(request.path_params[parameter.name]))


def path_number(request: Request, parameter: Parameter) -> int:
    """A number that stands in the path, checked.

    Raises:
        BadArgumentsError: no number, or out of its range.
    """
    return int(parameter.check(_typed(request.path_params[parameter.name], parameter)))


async def body_values(request: Request, required: tuple[Parameter, ...]) -> dict[str, Value]:
    """The members of the JSON object in a request's body, all of which there must be.

    Raises:
        BadArgumentsError: a member is missing, unknown, of another type or out of its range.
    """
    body = await read_object(request)
    by_name = _known(body, required)
    return {name: parameter.check(body.get(name)) for name, parameter in by_name.items()}


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        BadArgumentsError: another type, too long, or no JSON object.
    """
    # A form on a page elsewhere cannot send this type.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadArgumentsError("the body's type must be application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BadArgumentsError(f"a body of more than {LARGEST_BODY} bytes")
    try:
        return msgspec.json.decode(bytes(body), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadArgumentsError(f"{shown(bytes(body[:40]))} is no JSON object: {error}") from None


def _known(given: Mapping[str, object], known: tuple[Parameter, ...]) -> dict[str, Parameter]:
    by_name = {parameter.name: parameter for parameter in known}
    if strange := sorted(given.keys() - by_name.keys()):
        expected = ", ".join(by_name) or "none"
        raise BadArgumentsError(f"unknown name {shown(strange[0])}, expected one of: {expected}")
    return by_name


def _typed(value: str, parameter: Parameter) -> Value:
    if parameter.kind is str:
        return value
    try:
        return parameter.kind(value)
    except ValueError:
        return value  # which the check refuses by name
