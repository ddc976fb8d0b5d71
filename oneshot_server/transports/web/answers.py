"""Answers as JSON, and errors with the code that OSC has for them."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from oneshot_server.errors import ErrorCode, OneshotError

STATUSES: Final = {
    ErrorCode.BAD_ARGUMENTS: HTTPStatus.BAD_REQUEST,
    ErrorCode.UNKNOWN_ADDRESS: HTTPStatus.NOT_FOUND,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.DISK_FULL: HTTPStatus.INSUFFICIENT_STORAGE,
    ErrorCode.ENGINE_FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.CANCELLED_BY_SHUTDOWN: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request was refused."""

    code: Annotated[ErrorCode, Meta(description="as in /oneshot/error")]
    text: Annotated[str, Meta(description="for people: what was expected and what came")]


class Job(Struct, frozen=True, kw_only=True):
    """A job was accepted; events tell of it."""

    job: Annotated[str, Meta(description="its id")]


class Named(Struct, frozen=True, kw_only=True):
    """One thing of a list."""

    name: str
    detail: Annotated[str, Meta(description="a line about it")]


def json_response(value: object, status: int = HTTPStatus.OK) -> Response:
    """A typed value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def problem_response(problem: OneshotError, status: int | None = None) -> Response:
    """An error as JSON; its code decides the status unless one is given."""
    content = Problem(code=problem.code, text=str(problem))
    return json_response(content, status or STATUSES[problem.code])
