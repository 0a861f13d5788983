"""Routes of ledgers, their currencies and their keys."""

from typing import Final

from ledger.api import accounts
from ledger.api.answers.books import (
    CurrenciesPage,
    CurrencyAnswer,
    KeysAnswer,
    LedgerAnswer,
    LedgersPage,
    NewKeyAnswer,
)
from ledger.api.auth import EVERYBODY, OPERATORS, READERS
from ledger.api.queries import WriteQuery
from ledger.api.routes.route import L, Route
from ledger.core.asked import AskedCurrency, AskedKey, AskedLedger

CURRENCIES: Final[tuple[Route, ...]] = (
    Route(
        "POST",
        f"{L}/currencies",
        accounts.post_currency,
        "ledgers",
        "Add a currency",
        "Agregar una moneda",
        CurrencyAnswer,
        OPERATORS,
        WriteQuery,
        (AskedCurrency,),
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
        CurrenciesPage,
        EVERYBODY,
        accounts.CurrenciesQuery,
    ),
)
ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "POST",
        f"{L}/keys",
        accounts.post_key,
        "keys",
        "Give a key",
        "Dar una llave",
        NewKeyAnswer,
        OPERATORS,
        WriteQuery,
        (AskedKey,),
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
        KeysAnswer,
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
        LedgerAnswer,
        OPERATORS,
        WriteQuery,
        (AskedLedger,),
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
        LedgersPage,
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
        LedgerAnswer,
        EVERYBODY,
    ),
)
