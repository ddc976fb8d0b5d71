"""The HTTP API as an OpenAPI 3.1 document, made from its table."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from oneshot_server import __version__
from oneshot_server.domain.parameters import Parameter
from oneshot_server.transports.web.answers import Problem
from oneshot_server.transports.web.specs import Operation

JSON: Final = "application/json"
SCHEMAS: Final = "#/components/schemas/{name}"
NO_CONTENT: Final = 204
TYPES: Final = {int: "integer", float: "number", str: "string"}


def openapi_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document."""
    answers = [Problem, *(row.answer for row in operations if row.answer is not None)]
    schemas, components = msgspec.json.schema_components(answers, ref_template=SCHEMAS)
    by_answer = iter(schemas[1:])
    paths: dict[str, dict[str, Any]] = {}
    for row in operations:
        schema = next(by_answer) if row.answer is not None else None
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schema, schemas[0])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "oneshot-server",
            "version": __version__,
            "description": "A body is application/json. Where the daemon asks for a token, send "
            "it as Authorization: Bearer. Values are checked as those of OSC.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(row: Operation, answer: Any, problem: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    said: dict[str, Any] = {
        "summary": row.help,
        "operationId": f"{row.method} {row.path}".lower().translate(str.maketrans("/ {}", "____")),
        "parameters": [
            *(_parameter(parameter, "path") for parameter in row.path_parameters),
            *(_parameter(parameter, "query") for parameter in row.query),
        ],
        "responses": {
            str(row.status): _answer(row, answer),
            "default": {
                "description": "refused",
                "content": {JSON: {"schema": problem}},
            },
        },
    }
    if row.uploads:
        schema = {"type": "string", "format": "binary"}
        said["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": schema}},
        }
    elif row.required or row.optional:
        said["requestBody"] = {"required": True, "content": {JSON: {"schema": _object(row)}}}
    return said


def _answer(row: Operation, answer: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if answer is not None:
        return {"description": "done", "content": {JSON: {"schema": answer}}}
    if row.status == NO_CONTENT:
        return {"description": "done"}
    return {"description": "done", "content": {row.media: {}}}


def _object(row: Operation) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {p.name: schema_of(p) for p in (*row.required, *row.optional)},
        "required": [parameter.name for parameter in row.required],
        "additionalProperties": False,
    }


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": where,
        "required": where == "path",
        "description": parameter.help,
        "schema": schema_of(parameter),
    }


def schema_of(parameter: Parameter) -> dict[str, Any]:
    """A parameter's type and range as JSON Schema."""
    schema: dict[str, Any] = {"type": TYPES[parameter.kind], "description": parameter.help}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    elif parameter.kind is str:
        schema |= {"minLength": int(parameter.low), "maxLength": int(parameter.high)}
    else:
        schema |= {"minimum": parameter.low, "maximum": parameter.high}
    return schema
