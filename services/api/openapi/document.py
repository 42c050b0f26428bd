"""The description, put together: the routes, the table of what each takes and answers, and the schemas of both."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from schemas.images import ImageFields
from services.api import errors
from services.api.openapi import words
from services.api.openapi.operations import JSON, OPERATIONS, Operation, Parameter
from services.api.routes import ROUTES
from services.api.routing import Handler, Route

Document = dict[str, Any]

EVERYWHERE = (300, 400, 401, 431, 503)
"""Below the version: it is not spoken, the request is none, nobody is known, its id is too long, a part is away."""

RULES = re.compile(r"\s*\((?:section|IMG|MD|AC)[^)]*\)")
"""References to the contract, which those who read a docstring have, and those who read this have not."""

NAMED_BY = {"/images": ("image_id", "id"), "/metadefs/namespaces": ("namespace", "namespace")}
"""What is made there, by what paths call it, and where its answer says so."""

TAGS = {
    "images": "Images, their bytes, members and tags.",
    "stores": "Copies of images in single stores.",
    "info": "What there is to choose from.",
    "tasks": "Work that bytes are brought with.",
    "schemas": "JSON Schemas, as OpenStack's clients read them.",
    "metadefs": "The catalogue of metadata definitions.",
    "service": "The service itself; nobody has to say who they are.",
}


@functools.lru_cache(maxsize=1)
def served(fields: ImageFields) -> bytes:
    """Return the description as JSON."""
    return orjson.dumps(document(fields))


def document(fields: ImageFields) -> Document:
    """Return the description of a deployment whose images have these fields."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Glimpse",
            "version": "2.17",
            "summary": "The OpenStack Image API, version 2.",
            "description": "Lists of images take any other name as a filter on a custom property. Refusals are JSON, "
            "HTML or text, whichever `Accept` prefers. Texts have no U+0000 and nothing above U+FFFF in them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {**_own(), **{f"/v2{_path(route)}": _path_item(route) for route in ROUTES}},
        "components": {
            "schemas": words.schemas(fields),
            "responses": {f"{status}": _refusal(status) for status in _refusals()},
            "headers": {
                "RequestId": {"schema": words.TEXT, "description": "The request, as the log names it."},
                "Location": {"schema": words.TEXT, "description": "Where it is."},
            },
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
        },
    }


def operations() -> Iterator[tuple[str, str, Handler]]:
    """Yield method, path below the version and handler of everything that is answered there."""
    for route in ROUTES:
        for method, handler in route.handlers.items():
            yield method, _path(route), handler


def _path(route: Route) -> str:
    return "/" + "/".join(route.pattern)


def _path_item(route: Route) -> Document:
    path = _path(route)
    named = [segment[1:-1] for segment in route.pattern if segment.startswith("{")]
    item: Document = {"parameters": [_named(name) for name in named]} if named else {}
    return item | {method.lower(): _operation(method, path, handler) for method, handler in route.handlers.items()}


def _named(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {**words.TEXT, "minLength": 1}}


def _operation(method: str, path: str, handler: Handler) -> Document:
    """Raises KeyError for a route that nobody has described in `operations`."""
    told = OPERATIONS[f"{method} {path}"]
    module = handler.__module__.removeprefix("services.api.handlers.")
    written: Document = {
        "operationId": f"{module}.{getattr(handler, '__name__', method)}",
        "summary": RULES.sub("", " ".join((handler.__doc__ or "").split())).split(". ")[0].rstrip("."),
        "tags": [path.split("/")[1]],
    }
    if told.parameters:
        written["parameters"] = [_parameter(each) for each in told.parameters]
    if told.takes:
        content = {kind: {"schema": schema} for kind, schema in told.takes.items()}
        written["requestBody"] = {"required": True, "content": content}
    answers = {status: _answer(status, name, told, method, path) for status, name in told.answers.items()}
    refused = {status: {"$ref": f"#/components/responses/{status}"} for status in (*EVERYWHERE, *told.refusals)}
    written["responses"] = {f"{status}": each for status, each in sorted({**answers, **refused}.items())}
    return written


def _parameter(each: Parameter) -> Document:
    described = {"description": each.text} if each.text else {}
    return {"name": each.name, "in": each.place, **described, "schema": each.schema}


def _answer(status: int, name: str | None, told: Operation, method: str, path: str) -> Document:
    answer: Document = {
        "description": errors.reason_of(status),
        "headers": {"x-openstack-request-id": {"$ref": "#/components/headers/RequestId"}},
    }
    if name is not None:
        answer["content"] = {told.gives: {"schema": words.ref(name) if name else {}}}
    if method == "POST" and path in NAMED_BY:
        answer["headers"]["Location"] = {"$ref": "#/components/headers/Location"}
        answer["links"] = dict(_links(*NAMED_BY[path]))
    return answer


def _links(called: str, member: str) -> Iterator[tuple[str, Document]]:
    """Yield what can be asked about something that was just made."""
    for method, path, handler in operations():
        if f"{{{called}}}" in path and path.count("{") == 1:
            named = _operation(method, path, handler)["operationId"]
            yield named, {"operationId": named, "parameters": {called: f"$response.body#/{member}"}}


def _refusals() -> list[int]:
    return sorted({*EVERYWHERE, *(status for told in OPERATIONS.values() for status in told.refusals)})


def _refusal(status: int) -> Document:
    if status == 300:
        return {
            "description": "The version that `Accept` names is not spoken here; these are.",
            "content": {JSON: {"schema": words.ref("Versions")}},
        }
    forms: Mapping[str, words.Schema] = {JSON: words.ref("Error"), "text/html": words.TEXT, "text/plain": words.TEXT}
    return {
        "description": errors.reason_of(status),
        "content": {kind: {"schema": schema} for kind, schema in forms.items()},
    }


def _own() -> Document:
    """Describe what is not below a version."""
    versions = words.ref("Versions")
    health = {JSON: {"schema": words.ref("Health")}, "text/plain": {"schema": words.TEXT}}
    health["text/html"] = {"schema": words.TEXT}
    return {
        "/": {"get": _of_service("versions.default", "List every version", {300: {JSON: {"schema": versions}}})},
        "/versions": {"get": _of_service("versions.list", "List every version", {200: {JSON: {"schema": versions}}})},
        "/healthcheck": {
            "get": _of_service("health.check", "Say OK to a load balancer", {200: health, 503: health}),
        },
        "/healthz": {
            "get": _of_service(
                "health.alive", "Say that the process answers", {200: {JSON: {"schema": words.ref("Alive")}}}
            )
        },
        "/readyz": {
            "get": _of_service(
                "health.ready",
                "Say whether everything that requests need can be reached",
                {status: {JSON: {"schema": words.ref("Readiness")}} for status in (200, 503)},
            )
        },
        "/openapi.json": {
            "get": _of_service("service.description", "Describe the API", {200: {JSON: {"schema": {"type": "object"}}}})
        },
    }


def _of_service(name: str, summary: str, answers: Mapping[int, Document]) -> Document:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["service"],
        "security": [],
        "responses": {
            f"{status}": {"description": errors.reason_of(status), "content": content}
            for status, content in answers.items()
        },
    }
