"""The OpenAPI document says what is registered, and what it says can be used."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.api.app import make_app
from ledger.api.openapi import document
from ledger.api.routes import ROUTES
from ledger.api.routes.route import Route
from ledger.api.watch import read_page
from ledger.core.model import Role
from ledger.memory.database import MemoryDatabase
from ledger.memory.keys import MemoryKeys
from ledger.memory.reads import MemoryReads
from tests.api.offices import Office
from tests.sequencer.houses import House

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(ROUTES)))


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_registered_routes_are_the_documented_ones(tmp_path: Path) -> None:
    database = MemoryDatabase()
    async with House(tmp_path).serving() as sequencer:
        app = make_app(sequencer, MemoryReads(database), MemoryKeys(database))
    registered = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert registered == {(method, path) for method, path, _ in operations()}


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_the_document_has_the_shape_of_openapi() -> None:
    """Every reference leads somewhere, every operation has a name of its own and answers."""
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"]
    schemas = DOCUMENT["components"]["schemas"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in schemas)
    for reference in references(DOCUMENT):
        assert reference.removeprefix("#/components/schemas/") in schemas
    assert set(schemas) == {
        reference.removeprefix("#/components/schemas/") for reference in references(DOCUMENT)
    }
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    for method, path, operation in operations():
        assert operation["summary"], path
        assert operation["x-summary-es"], path
        assert operation["description"], path
        assert "default" in operation["responses"], path
        assert any(status.startswith("2") for status in operation["responses"]), path
        assert all(one["description"] for one in operation["responses"].values()), path
        parts = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert parts == set(re.findall(r"\{(\w+)\}", path))
        assert all(one["required"] for one in operation["parameters"] if one["in"] == "path")
        says_all = re.search(r"/days/\{date\}/(open|close)$|/schedules/runs$", path)
        has_body = method in ("POST", "PATCH", "PUT") and not says_all
        assert ("requestBody" in operation) is has_body


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body])
def test_examples_are_read_by_the_types_that_read_requests(route: Route) -> None:
    assert route.example is not None
    body = msgspec.json.encode(route.example)
    msgspec.json.decode(body, type=route.body[0])


def test_every_write_can_be_tried_dry() -> None:
    for route in ROUTES:
        writes = route.method not in ("GET", "HEAD")
        assert ("dry_run" in route.query.__struct_fields__) is writes, route.path


def test_the_reference_names_every_route() -> None:
    reference = (ROOT / "REFERENCE.md").read_text()
    named = set(re.findall(r"^\| `([A-Z]+) (\S+)` \|", reference, re.MULTILINE))
    expected = {
        (route.method, route.template.replace("/v1/ledgers/{ledger}", "L")) for route in ROUTES
    }
    assert named == expected


async def test_what_is_answered_has_the_documented_form(office: Office) -> None:
    """Answers are read again by the structs that the document describes."""
    for path in ("/v1/ledgers/caja", "/v1/ledgers/caja/accounts", "/v1/ledgers/caja/keys"):
        answer = await office.ask("GET", path)
        template = path.replace("caja", "{ledger}")
        route = next(r for r in ROUTES if (r.method, r.template) == ("GET", template))
        assert isinstance(route.answer, type)
        assert msgspec.to_builtins(msgspec.convert(answer.body, route.answer)) == answer.body


async def test_the_page_loads_nothing_from_elsewhere(office: Office) -> None:
    """And its own policy would stop it if it tried."""
    page = read_page().decode()
    assert not re.search(r"https?://", page)
    assert not re.search(r"\s(src|style|onclick)=", page)
    answer = await office.ask("GET", "/docs", who="")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert policy.count("sha256-") == 2


def test_the_page_has_words_for_every_part_and_role() -> None:
    """In both of its languages; without one there would be a blank."""
    page = read_page().decode()
    named = [re.findall(r"(\w+): \"", part) for part in re.findall(r"tags: \{([^}]*)\}", page)]
    assert named == [[tag["name"] for tag in document(ROUTES)["tags"]]] * 2
    roles = [re.findall(r"(\w+): \"", part) for part in re.findall(r"roles: \{([^}]*)\}", page)]
    assert list(map(set, roles)) == [{role.value for role in Role}] * 2
