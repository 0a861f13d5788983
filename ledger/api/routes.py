"""The routes: one table that registers them, says who may use them and documents them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from msgspec import Struct

from ledger.api import (
    accounts,
    answers,
    batches,
    bodies,
    journal,
    posting,
    transfers,
    trial,
    watch,
    wire,
)
from ledger.api.accounts import NoQuery
from ledger.api.auth import ANYONE, EVERYBODY, OPERATORS, POSTERS, READERS
from ledger.api.posting import PostQuery, WriteQuery
from ledger.api.service import Call
from ledger.core import ports
from ledger.core.model import Role

Handle = Callable[[Call], Awaitable[web.Response]]

L: Final = "/v1/ledgers/{ledger}"
NOTE: Final = "text/plain"
BYTES: Final = "application/octet-stream"
_ID: Final = "0192f0c1-2d3e-7a4b-8c5d-6e7f80910203"
_TRANSFER: Final = {
    "debit_account": "caja",
    "credit_account": "socia-0001",
    "amount": "250.00",
    "currency": "MXN",
    "kind": "deposit",
    "reference": "REC-000123",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, and all that is said of it.

    `answer` is a struct, or a media type where the answer is no JSON of ours; of a write
    with `dry_run` it is DryRun instead. No roles: no key is asked for.
    """

    method: str
    path: str
    handle: Handle
    tag: str
    english: str
    spanish: str
    answer: type[Struct] | str | None
    roles: frozenset[Role] = ANYONE
    query: type[Struct] = NoQuery
    body: tuple[type[Struct], ...] = ()
    status: int = 200
    example: object = None
    sample: str = ""  # A query worth trying.

    @property
    def template(self) -> str:
        """The path as it is documented and counted, without patterns."""
        return self.path.replace(":.+}", "}")


# Posting stands first: a request is compared with one path after the other.
ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "POST",
        f"{L}/transfers",
        posting.post_transfer,
        "transfers",
        "Post a transfer",
        "Registrar un movimiento",
        answers.TransferPosted,
        POSTERS,
        PostQuery,
        (wire.TransferRequest,),
        201,
        {"id": _ID, **_TRANSFER},
    ),
    Route(
        "POST",
        f"{L}/batches",
        posting.post_batch,
        "batches",
        "Post a batch of up to 8,190 transfers",
        "Registrar un lote de hasta 8,190 movimientos",
        answers.BatchPostedAnswer,
        POSTERS,
        PostQuery,
        (wire.BatchRequest,),
        201,
        {
            "id": "0192f0c1-2d3e-7a4b-8c5d-6e7f80910204",
            "mode": "each",
            "count": 1,
            "control_sums": {"MXN": "250.00"},
            "transfers": [_TRANSFER],
        },
    ),
    Route(
        "GET",
        f"{L}/transfers",
        transfers.get_transfers,
        "transfers",
        "Read transfers as a feed, or by reference",
        "Leer los movimientos, seguidos o por referencia",
        answers.TransfersPage,
        EVERYBODY,
        transfers.FeedQuery,
        sample="after=0&limit=10",
    ),
    Route(
        "GET",
        f"{L}/transfers/{{sequence}}",
        transfers.get_transfer,
        "transfers",
        "Read one transfer",
        "Leer un movimiento por su folio",
        answers.TransferAnswer,
        EVERYBODY,
    ),
    Route(
        "GET",
        f"{L}/batches",
        batches.get_batches,
        "batches",
        "List batches, posted and refused",
        "Listar los lotes, registrados y rechazados",
        answers.BatchesPage,
        EVERYBODY,
        batches.BatchesQuery,
    ),
    Route(
        "GET",
        f"{L}/batches/{{id}}",
        batches.get_batch,
        "batches",
        "Read a batch: its receipt or its refusal",
        "Leer un lote: su recibo o su rechazo",
        answers.BatchAnswer,
        EVERYBODY,
    ),
    Route(
        "GET",
        f"{L}/batches/{{id}}/proof",
        batches.get_proof,
        "batches",
        "Prove that a transfer stands in the journal",
        "Probar que un movimiento está en el diario",
        answers.ProofAnswer,
        EVERYBODY,
        batches.ProofQuery,
        sample="position=0",
    ),
    Route(
        "POST",
        f"{L}/accounts",
        accounts.post_accounts,
        "accounts",
        "Open accounts",
        "Abrir cuentas",
        answers.AccountsPage,
        OPERATORS,
        WriteQuery,
        (ports.AskedAccount, wire.AccountsRequest),
        201,
        {"code": "socia-0001", "currency": "MXN", "kind": "member", "lower_bound": "0"},
    ),
    Route(
        "GET",
        f"{L}/accounts",
        accounts.get_accounts,
        "accounts",
        "List accounts",
        "Listar las cuentas",
        answers.AccountsPage,
        EVERYBODY,
        accounts.AccountsQuery,
    ),
    Route(
        "GET",
        f"{L}/accounts/{{code}}",
        accounts.get_account,
        "accounts",
        "Read an account and its balance",
        "Leer una cuenta y su saldo",
        answers.AccountAnswer,
        EVERYBODY,
    ),
    Route(
        "PATCH",
        f"{L}/accounts/{{code}}",
        accounts.patch_account,
        "accounts",
        "Change an account's status or bounds",
        "Cambiar el estado o los límites de una cuenta",
        answers.AccountAnswer,
        OPERATORS,
        WriteQuery,
        (ports.AskedChange,),
        example={"reason": "board_decision", "lower_bound": "-500.00"},
    ),
    Route(
        "GET",
        f"{L}/accounts/{{code}}/statement",
        transfers.get_statement,
        "accounts",
        "Read an account's statement",
        "Leer el estado de cuenta",
        answers.Statement,
        EVERYBODY,
        transfers.StatementQuery,
        sample="from=2026-01-01&to=2026-01-31",
    ),
    Route(
        "GET",
        f"{L}/trial-balance",
        trial.get_trial_balance,
        "accounts",
        "Read the trial balance of a period",
        "Leer la balanza de comprobación",
        answers.TrialBalance,
        READERS,
        trial.TrialQuery,
        sample="from=2026-01-01&to=2026-01-31&by=kind",
    ),
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
        READERS,
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
    Route(
        "POST",
        f"{L}/currencies",
        accounts.post_currency,
        "ledgers",
        "Add a currency",
        "Agregar una moneda",
        answers.CurrencyAnswer,
        OPERATORS,
        WriteQuery,
        (ports.AskedCurrency,),
        201,
        {"code": "MXN", "kind": "national", "scale": 2},
    ),
    Route(
        "GET",
        f"{L}/currencies",
        accounts.get_currencies,
        "ledgers",
        "List currencies",
        "Listar las monedas",
        answers.CurrenciesPage,
        EVERYBODY,
        accounts.CurrenciesQuery,
    ),
    Route(
        "POST",
        f"{L}/keys",
        accounts.post_key,
        "keys",
        "Give a key",
        "Dar una llave",
        answers.NewKeyAnswer,
        OPERATORS,
        WriteQuery,
        (ports.AskedKey,),
        201,
        {"role": "poster", "poster": "sucursal-norte", "accounts": ["caja", "norte-*"]},
    ),
    Route(
        "GET",
        f"{L}/keys",
        accounts.get_keys,
        "keys",
        "List keys",
        "Listar las llaves",
        answers.KeysAnswer,
        READERS,
    ),
    Route(
        "DELETE",
        f"{L}/keys/{{key}}",
        accounts.delete_key,
        "keys",
        "Revoke a key",
        "Revocar una llave",
        None,
        OPERATORS,
        WriteQuery,
        status=204,
    ),
    Route(
        "POST",
        "/v1/ledgers",
        accounts.post_ledger,
        "ledgers",
        "Open a ledger (with the service's own key)",
        "Abrir un libro (con la llave del servicio)",
        answers.LedgerAnswer,
        OPERATORS,
        WriteQuery,
        (ports.AskedLedger,),
        201,
        {"code": "caja-norte", "name": "Caja Norte", "time_zone": "America/Mexico_City"},
    ),
    Route(
        "GET",
        "/v1/ledgers",
        accounts.get_ledgers,
        "ledgers",
        "List the ledgers that the key opens",
        "Listar los libros que abre la llave",
        answers.LedgersPage,
        EVERYBODY,
        accounts.LedgersQuery,
    ),
    Route(
        "GET",
        L,
        accounts.get_ledger,
        "ledgers",
        "Read how a ledger stands",
        "Leer cómo está un libro",
        answers.LedgerAnswer,
        EVERYBODY,
    ),
    Route(
        "GET",
        "/healthz",
        watch.get_health,
        "service",
        "The process runs",
        "El proceso vive",
        answers.Health,
    ),
    Route(
        "GET",
        "/readyz",
        watch.get_ready,
        "service",
        "The service takes requests",
        "El servicio atiende",
        answers.Health,
    ),
    Route(
        "GET",
        "/metrics",
        watch.get_metrics,
        "service",
        "Metrics for Prometheus",
        "Métricas para Prometheus",
        NOTE,
    ),
    Route(
        "GET",
        "/openapi.json",
        watch.get_openapi,
        "service",
        "This document",
        "Este documento",
        "application/json",
    ),
    Route(
        "GET",
        "/docs",
        watch.get_docs,
        "service",
        "This document as a page",
        "Este documento como página",
        "text/html",
    ),
)
