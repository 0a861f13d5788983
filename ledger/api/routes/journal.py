"""Routes of the journal, for whoever verifies it."""

from typing import Final

from ledger.api import bodies, journal
from ledger.api.auth import READERS, SECRETS
from ledger.api.routes.route import BYTES, NOTE, L, Route

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        f"{L}/journal/checkpoint",
        journal.get_checkpoint,
        "journal",
        "Read the newest signed checkpoint",
        "Leer el sello más reciente del diario",
        NOTE,
    ),
    Route(
        "GET",
        f"{L}/journal/tile/entries/{{bundle:.+}}",
        journal.get_entries,
        "journal",
        "Read the journal's lines, 256 at a time",
        "Leer los asientos del diario, de 256 en 256",
        BYTES,
        SECRETS,
    ),
    Route(
        "GET",
        f"{L}/journal/bodies",
        bodies.get_bodies,
        "journal",
        "Read the transfers of batches as they were hashed",
        "Leer los movimientos de los lotes tal como se resumieron",
        bodies.LINES,
        READERS,
        bodies.LeavesQuery,
        sample="first=0&end=256",
    ),
    Route(
        "GET",
        f"{L}/journal/outcomes",
        bodies.get_outcomes,
        "journal",
        "Read the outcomes of batches of which some was refused",
        "Leer los resultados de los lotes con algo rechazado",
        bodies.LINES,
        READERS,
        bodies.LeavesQuery,
        sample="first=0&end=256",
    ),
    Route(
        "GET",
        f"{L}/journal/tile/{{tile:.+}}",
        journal.get_tile,
        "journal",
        "Read the hashes of a tile",
        "Leer los resúmenes criptográficos de un mosaico",
        BYTES,
    ),
)
