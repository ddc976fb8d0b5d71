"""Messages to requests: every argument checked against the protocol's table."""

from dataclasses import dataclass

from oneshot_server.domain.parameters import Parameter, shown
from oneshot_server.errors import BadArgumentsError, UnknownAddressError
from oneshot_server.transports.osc.decode import Message
from oneshot_server.transports.osc.specs import ID, REQUESTS, Request

Value = int | float | str


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A request whose arguments are what the table says.

    Attributes:
        spec: its row of the table.
        arguments: name to value, the id among them.
        keys: key to value, those that were given.
    """

    spec: Request
    arguments: dict[str, Value]
    keys: dict[str, Value]


def message_id(message: Message) -> str:
    """The message's id if it has a proper one, else the empty string; for error answers."""
    first = message.arguments[0] if message.arguments else ""
    return first if isinstance(first, str) and len(first) <= ID.high else ""


def parse(message: Message) -> Parsed:
    """Read a request.

    Raises:
        UnknownAddressError: the table has no such address.
        BadArgumentsError: an argument is missing, too many, of another type or out of its range.
    """
    spec = REQUESTS.get(message.address)
    if spec is None:
        raise UnknownAddressError(
            f"{shown(message.address)} is no address of this server, expected one of "
            f"{', '.join(request.address for request in REQUESTS.values())}"
        )
    fixed = len(spec.arguments)
    given = message.arguments
    if len(given) < fixed or (len(given) > fixed and not spec.keys):
        raise BadArgumentsError(
            f"{spec.address} came with {len(given)} arguments, expected {fixed}: {spec.usage}"
        )
    values = {
        argument.name: _check(argument, value)
        for argument, value in zip(spec.arguments, given, strict=False)
    }
    return Parsed(spec=spec, arguments=values, keys=_keys(spec, given[fixed:]))


def _keys(spec: Request, given: tuple[object, ...]) -> dict[str, Value]:
    known: dict[str, Parameter] = {parameter.name: parameter for parameter in spec.keys}
    if len(given) % 2:
        raise BadArgumentsError(
            f"{spec.address}: {shown(given[-1])} stands alone, expected a key and its value"
        )
    values: dict[str, Value] = {}
    for key, value in zip(given[::2], given[1::2], strict=True):
        if not isinstance(key, str) or key not in known:
            raise BadArgumentsError(
                f"{spec.address}: unknown key {shown(key)}, expected one of {', '.join(known)}"
            )
        if key in values:
            raise BadArgumentsError(f"{spec.address}: the key {key} came twice, expected once")
        values[key] = _check(known[key], value)
    return values


def _check(parameter: Parameter, value: object) -> Value:
    """A value in the parameter's type; Pure Data and many controllers know floats alone."""
    if parameter.kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    return parameter.check(value)
