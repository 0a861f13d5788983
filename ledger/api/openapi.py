"""The OpenAPI 3.1 document, made of the route table and of the types that read and answer."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from ledger.api.answers.books import AccountsPage
from ledger.api.answers.dry_run import DryRun
from ledger.api.lines import MEDIA_TYPE as LINES
from ledger.api.lines import NOTE_HEADER
from ledger.api.problems import MEDIA_TYPE, STATUS, ProblemDocument
from ledger.api.queries import PostQuery
from ledger.api.routes.route import Route
from ledger.core.texts import TEXTS
from ledger.core.texts.text import LANGUAGES

VERSION: Final = "1.0.0"
_REF: Final = "#/components/schemas/{name}"
_PART: Final = re.compile(r"\{([a-z_]+)\}")
_ABOUT: Final = (
    "A double-entry ledger with a signed journal. Amounts are decimal strings; whatever is "
    "sent again with the same id is recorded once."
)
_PARTS: Final = {
    "ledger": "The code of a ledger.",
    "code": "The code of an account, a currency, a levy or a fee.",
    "id": "The id of a batch; of a transfer posted alone, its own.",
    "poster": "Who posts; the name of its API keys and of its signing keys.",
    "key": "The name of a key.",
    "year": "A year.",
    "sequence": "The sequence of a transfer: its folio.",
    "tile": "Level, index and width, such as 0/000.p/17.",
    "bundle": "Index and width, such as 000.p/17.",
    "date": "A business day, such as 2026-01-31.",
    "period": "Year and month, such as 2026-01; month 13 is for adjustments to the year.",
}


_LINES: Final = (
    "The canonical lines of the journal: the manifest, then the transfers by account number, "
    "each with a line feed. They are kept byte for byte."
)
_NOTE: Final[dict[str, Any]] = {
    "name": NOTE_HEADER,
    "in": "header",
    "required": False,
    "description": "Of lines: base64 of the poster's signed note over them, where one of its "
    "keys is registered.",
    "schema": {"type": "string"},
}
_ID: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Stands for id: a UUID, or any text, which then names one.",
    "schema": {"type": "string", "maxLength": 255},
}
_PREFER: Final[dict[str, Any]] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "return=minimal leaves out outcomes, balances and checkpoint; or accounts.",
    "schema": {"type": "string"},
}


def write_openapi(routes: Sequence[Route]) -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document(routes))


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document: one operation for each route."""
    structs: set[type[Struct]] = {ProblemDocument, DryRun}
    for route in routes:
        structs.update(route.body)
        structs.update(kind for kind in (route.answer, route.waits) if isinstance(kind, type))
    kinds = sorted(structs, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tequio", "version": VERSION, "description": _ABOUT},
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "tq_..."}
            },
        },
        "x-problems": _problems(),
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": getattr(route.handle, "__name__", route.template),
        "tags": [route.tag],
        "summary": route.english,
        "x-summary-es": route.spanish,
        "description": " ".join((route.handle.__doc__ or "").split()),
        "parameters": [*_path_parameters(route), *_query_parameters(route.query)],
        "responses": _responses(route),
        "security": [{"key": []}] if route.roles else [],
        "x-roles": sorted(role.value for role in route.roles),
    }
    if route.query is PostQuery:
        operation["parameters"] += [_ID, _PREFER]
    elif route.answer is AccountsPage and route.body:
        operation["parameters"].append(_PREFER)
    if route.body:
        schemas = [{"$ref": _REF.format(name=kind.__name__)} for kind in route.body]
        content: dict[str, Any] = {
            "schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        }
        if route.example is not None:
            content["example"] = route.example
        contents = {"application/json": content}
        if route.takes_lines:
            contents[LINES] = {"schema": {"type": "string", "description": _LINES}}
            operation["parameters"].append(_NOTE)
        operation["requestBody"] = {"required": True, "content": contents}
    if route.sample:
        operation["x-sample-query"] = route.sample
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARTS[name],
            "schema": {"type": "string"},
        }
        for name in _PART.findall(route.template)
    ]


def _query_parameters(query: type[Struct]) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(query, ref_template=_REF)
    own = schema["$defs"][query.__name__] if "$defs" in schema else schema
    required = set(own.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": part}
        for name, part in own["properties"].items()
    ]


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "default": {
            "description": "A problem (RFC 9457)",
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": _REF.format(name=ProblemDocument.__name__)}}
            },
        }
    }
    if route.waits is not None:
        responses["202"] = _response("It waits for others", route.waits)
    if "dry_run" in route.query.__struct_fields__:
        responses["200"] = _response("What would happen (dry_run)", DryRun)
        if route.status == 200:  # A change answers 200 with and without dry_run.
            kinds = [DryRun, route.answer]
            refs = [
                {"$ref": _REF.format(name=k.__name__)} for k in kinds if isinstance(k, type)
            ]
            responses["200"] = {
                "description": route.english,
                "content": {"application/json": {"schema": {"oneOf": refs}}},
            }
            return responses
    responses[str(route.status)] = _response(route.english, route.answer)
    return responses


def _one_of(kinds: Sequence[type[Struct]]) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(name=kind.__name__)} for kind in kinds]
    return refs[0] if len(refs) == 1 else {"oneOf": refs}


def _response(description: str, kind: type[Struct] | str | None) -> dict[str, Any]:
    if kind is None:
        return {"description": description}
    if isinstance(kind, str):
        return {"description": description, "content": {kind: {}}}
    schema = {"$ref": _REF.format(name=kind.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems() -> list[dict[str, Any]]:
    """Every problem: its code, its status and what it says, for the page."""
    return [
        {
            "code": code,
            "status": STATUS[code],
            **{
                language: {"title": text.title, "sentence": text.sentence}
                for language, text in zip(LANGUAGES, texts, strict=True)
            },
        }
        for code, texts in TEXTS.items()
    ]
