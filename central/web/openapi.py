"""The OpenAPI 3.1 document of the JSON API, made from the routes themselves: ``GET /api/openapi.json``.

A handler says what it takes and gives; nothing is written twice::

    @describes("List access events", rows=EVENTS)
    async def api_events(request): return await list_json(request, EVENTS, scope_of(request))

    @describes("Issue a card", takes=IssueCard, gives=IssuedCard, status=201)
    async def api_issue(request):
        wish = await read_json(request, IssueCard)      # a msgspec struct; what does not fit is InvalidInputError
        ...
        return send_json(IssuedCard(...), status=201)

``document`` refuses a route under ``/api/`` that does not describe itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from central.errors import InvalidInputError
from central.routes import Handler, Open, Route
from central.web.filters import ChoiceFilter, DayFilter, MomentFilter, NumberFilter
from central.web.tables import Table

T = TypeVar("T")
_DESCRIPTION: Final = "__api_description__"
PREFIX: Final = "/api/"
API_VERSION: Final = "1"
"""Grows when something that programs rely on is taken away or changes its meaning."""
API_DOCUMENT: Final[web.AppKey[Callable[[], bytes]]] = web.AppKey("api_document")
"""Gives the document of the application's routes, made when somebody first asks for it."""
PUBLIC_PATHS: Final = frozenset({"/api/openapi.json"})


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, for a program (``code``) and for a person (``message``)."""

    code: str
    message: str
    reference: str = ""
    fields: dict[str, str] = {}


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Every answer with a status of 400 and above."""

    error: ErrorBody


@dataclass(frozen=True)
class Description:
    """What one handler takes and gives."""

    summary: str
    takes: type[Any] | None
    gives: type[Any] | None
    rows: Table | None
    query: Mapping[str, dict[str, Any]]
    status: int
    file_types: tuple[str, ...] = ()


def describes(
    summary: str,
    *,
    takes: type[Any] | None = None,
    gives: type[Any] | None = None,
    rows: Table | None = None,
    query: Mapping[str, dict[str, Any]] | None = None,
    status: int = 200,
    file_types: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Attach a description to an API handler.

    :param takes: msgspec struct of the JSON body.
    :param gives: msgspec struct of the JSON answer; None is an empty answer (status 204 then) or the rows.
    :param rows: the table that ``list_json`` answers with.
    :param file_types: the body is a file of one of these types instead.
    :param query: further query parameters: name to JSON schema.
    """

    def attach(handler: Handler) -> Handler:
        setattr(
            handler, _DESCRIPTION, Description(summary, takes, gives, rows, query or {}, status, file_types)
        )
        return handler

    return attach


async def read_json(request: web.Request, kind: type[T]) -> T:
    """The body as a struct. InvalidInputError when it is not JSON or does not fit; the message names the place."""
    body = await request.read()
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The JSON body does not fit: {error}") from error


def send_json(value: Any, status: int = 200) -> web.Response:
    """A struct (or plain data) as a JSON answer."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json", charset="utf-8"
    )


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document. Raises AssertionError when a route under ``/api/`` has no description."""
    described = [(r, _description(r)) for r in sorted(routes, key=lambda r: (r.path, r.method)) if _is_api(r)]
    structs = {s for _r, d in described for s in (d.takes, d.gives) if s is not None} | {ErrorAnswer}
    ordered = sorted(structs, key=lambda s: s.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route, description in described:
        path = re.sub(r"\{(\w+)[^{}]*(?:\{[^{}]*\})?[^{}]*\}", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, description, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "onecard", "version": API_VERSION, "license": {"name": "GPL-3.0-or-later"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def document_when_asked(routes: Iterable[Route]) -> Callable[[], bytes]:
    """The encoded document, made at the first call: few centres are ever asked, and all of them start.

    :raises AssertionError: at once, when a route under ``/api/`` has no description.
    """
    described = [route for route in routes if _is_api(route)]
    for route in described:
        _description(route)
    return cache(lambda: msgspec.json.encode(document(described)))


async def serve_document(request: web.Request) -> web.Response:
    """``GET /api/openapi.json``."""
    body = request.app[API_DOCUMENT]()
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _is_api(route: Route) -> bool:
    return route.path.startswith(PREFIX) and route.path not in PUBLIC_PATHS


def _description(route: Route) -> Description:
    found = getattr(route.handler, _DESCRIPTION, None)
    assert isinstance(found, Description), f"{route.name} does not describe itself (openapi.describes)"
    return found


def _operation(route: Route, description: Description, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    error = {"content": {"application/json": {"schema": schema_of[ErrorAnswer]}}}
    operation: dict[str, Any] = {
        "operationId": getattr(route.handler, "__name__", route.name),
        "summary": description.summary,
        "parameters": [*_path_parameters(route.path), *_query_parameters(description)],
        "responses": {
            str(description.status): _success(description, schema_of),
            "default": {"description": "The request was refused or failed.", **error},
        },
    }
    if not isinstance(route.permission, Open):
        is_one = isinstance(route.permission, tuple)
        operation["x-permission"] = list(route.permission) if is_one else sorted(map(list, route.permission))
    if description.file_types:
        plain = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(description.file_types, plain)}
    if description.takes is not None:
        content = {"application/json": {"schema": schema_of[description.takes]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _success(description: Description, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    if description.rows is not None:
        return {
            "description": "Done.",
            "content": {"application/json": {"schema": rows_schema(description.rows)}},
        }
    if description.gives is None:
        return {"description": "Done."}
    return {"description": "Done.", "content": {"application/json": {"schema": schema_of[description.gives]}}}


def rows_schema(table: Table) -> dict[str, Any]:
    """The JSON schema of what ``list_json`` answers."""
    columns = [c for c in table.columns if c.is_exported]
    row = {
        "type": "object",
        "properties": {c.name: c.format.schema() for c in columns},
        "required": [c.name for c in columns],
        "additionalProperties": False,
    }
    properties = {
        "items": {"type": "array", "items": row},
        "next": {"type": ["string", "null"], "description": "pass it as `after` for the next rows"},
        "count": {"type": "integer"},
        "is_count_capped": {"type": "boolean", "description": "there are more rows than `count`"},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    found = re.findall(r"\{(\w+)(:\s*\\d\+)?", path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer" if digits else "string"}}
        for name, digits in found
    ]


def _query_parameters(description: Description) -> list[dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = dict(description.query)
    table = description.rows
    if table is not None:
        for definition in table.filters:
            for parameter in definition.parameters:
                schemas[parameter] = _filter_schema(definition)
        sortable = [c.name for c in table.columns if c.sort is not None]
        schemas["sort"] = {"type": "string", "enum": [*sortable, *(f"-{name}" for name in sortable)]}
        schemas["after"] = {"type": "string", "description": "`next` of the answer before"}
        schemas["before"] = {"type": "string", "description": "a place in the list, for going back"}
        schemas["limit"] = {"type": "integer", "minimum": 1, "maximum": table.limits.page_rows_max}
    return [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in schemas.items()
    ]


def _filter_schema(definition: Any) -> dict[str, Any]:
    if isinstance(definition, DayFilter):
        return {"type": "string", "format": "date", "description": "included, in the site's time zone"}
    if isinstance(definition, MomentFilter):
        return {
            "type": "string",
            "description": "YYYY-MM-DDTHH:MM in the site's time zone; the end is not included",
        }
    if isinstance(definition, NumberFilter):
        return {"type": "string", "description": "a number as the page writes it, included"}
    if isinstance(definition, ChoiceFilter):
        return {"type": "string", "description": "one of the choices that the page offers"}
    return {"type": "string"}
