"""Problems (RFC 9457): every answer that is not what was asked for.

Handlers raise Problem; faults of the rooms behind become one here, once for all. The
code is stable, the words follow Accept-Language.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from ledger.core.faults import (
    ClockAhead,
    JournalBroken,
    LedgerFault,
    MalformedLine,
    MalformedRequest,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.refusals import RefusalCode
from ledger.core.texts import sentence, title
from ledger.core.texts.text import LANGUAGES

MEDIA_TYPE: Final = "application/problem+json"
SHOWN_MAX = 200  # Characters of a foreign text that a problem repeats.

REFUSED: Final = dict.fromkeys(RefusalCode, 409) | {
    RefusalCode.ACCOUNT_CODE_LOOKS_PERSONAL: 422,
    RefusalCode.ACCOUNT_NOT_FOUND: 404,
    RefusalCode.BOUNDS_CROSSED: 422,
    RefusalCode.LEVY_NOT_FOUND: 404,
    RefusalCode.RATE_ABOVE_ONE: 422,
    RefusalCode.DEMURRAGE_NOT_FOUND: 404,
    RefusalCode.FEE_NOT_FOUND: 404,
    RefusalCode.RESERVE_NOT_FOUND: 404,
    RefusalCode.CURRENCY_NOT_BACKED: 422,
    RefusalCode.NO_SUCH_PERIOD: 404,
    RefusalCode.SCHEDULE_NOT_FOUND: 404,
    RefusalCode.SCHEDULE_EMPTY: 422,
    RefusalCode.HOLIDAYS_NOT_OF_YEAR: 422,
    RefusalCode.LIMIT_PLAN_OVER: 422,
    RefusalCode.LIMIT_PLAN_NOT_FOUND: 404,
    RefusalCode.POSTER_KEY_NOT_FOUND: 404,
    RefusalCode.SIGNATURE_MISSING: 403,
    RefusalCode.SIGNATURE_NOT_ACCEPTED: 403,
    RefusalCode.CURRENCY_NOT_FOUND: 422,
    RefusalCode.CURRENCY_MUST_MATCH_ACCOUNTS: 422,
    RefusalCode.CONTROL_SUMS_DIFFER: 422,
    RefusalCode.ACCOUNTS_MUST_DIFFER: 422,
    RefusalCode.ACCOUNTS_OF_DIFFERENT_CURRENCIES: 422,
    RefusalCode.TERMS_ACCOUNT_NOT_USABLE: 422,
    RefusalCode.RATE_DIFFERS: 422,
    RefusalCode.RESIDUE_DIFFERS: 422,
    RefusalCode.POLICY_NOT_FOUND: 404,
    RefusalCode.WORKFLOW_NOT_FOUND: 404,
    RefusalCode.WORKFLOW_NOT_POSSIBLE: 422,
    RefusalCode.PROPOSALS_FULL: 503,
}

STATUS: Final[dict[str, int]] = {code.value: status for code, status in REFUSED.items()} | {
    "malformed_http": 400,
    "malformed_json": 400,
    "duplicate_field": 400,
    "key_missing": 401,
    "key_unknown": 401,
    "role_not_allowed": 403,
    "account_not_yours": 403,
    "route_not_found": 404,
    "ledger_not_found": 404,
    "batch_not_found": 404,
    "transfer_not_found": 404,
    "key_not_found": 404,
    "proposal_not_found": 404,
    "cancel_instead": 409,
    "checkpoint_not_found": 404,
    "tile_not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "content_too_large": 413,
    "unsupported_media_type": 415,
    "expectation_failed": 417,
    "malformed_request": 422,
    "malformed_amount": 422,
    "headers_too_large": 431,
    "internal_error": 500,
    "journal_broken": 500,
    "store_unavailable": 503,
    "outcome_unknown": 503,
    "writer_replaced": 503,
    "clock_ahead": 503,
    "signer_stopped": 503,
    "overloaded": 503,
    "not_ready": 503,
}

# What a fault is called, and after how many seconds sending again makes sense.
FAULTS: Final[dict[type[LedgerFault], tuple[str, int]]] = {
    StoreUnavailable: ("store_unavailable", 2),
    OutcomeUnknown: ("outcome_unknown", 1),
    WriterReplaced: ("writer_replaced", 2),
    ClockAhead: ("clock_ahead", 60),
    SignerStopped: ("signer_stopped", 300),
    Overloaded: ("overloaded", 1),
    JournalBroken: ("journal_broken", 0),
    MalformedLine: ("journal_broken", 0),  # Of what was stored; requests carry no lines.
}


class ProblemDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong. Programs read `code`; `title` and `detail` are for people.

    `position` is the place in the batch, from 0; `available` the amount that would have
    been accepted, in `currency`. Where `leaf_index` is there, the refusal is recorded in
    the journal and the id is spent.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    id: UUID | UnsetType = UNSET
    position: int | UnsetType = UNSET
    field: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET  # For developers, in English.
    account: str | UnsetType = UNSET
    available: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    leaf_index: int | UnsetType = UNSET
    recorded_at: str | UnsetType = UNSET


_QUALITY: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)
MEMBERS: Final = frozenset(ProblemDocument.__struct_fields__[6:])
_encoder = msgspec.json.Encoder()


class Problem(Exception):
    """An answer that is not what was asked for.

    `facts` fill the sentence; those that are members of the document stand there too.
    """

    def __init__(
        self, code: str, *, headers: Mapping[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers or {}
        self.facts = facts

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def document(self, language: str, request_id: str) -> ProblemDocument:
        """The problem in words of one language."""
        members = {name: fact for name, fact in self.facts.items() if name in MEMBERS}
        facts = dict(self.facts)
        if "position" in facts:
            facts["line"] = facts["position"] + 1
        return ProblemDocument(
            type=f"/docs#{self.code}",
            title=title(self.code, language),
            status=self.status,
            detail=sentence(self.code, language, **facts),
            code=self.code,
            request_id=request_id,
            **members,
        )

    def response(self, language: str, request_id: str) -> web.Response:
        """The problem as an HTTP response."""
        return web.Response(
            status=self.status,
            body=_encoder.encode(self.document(language, request_id)),
            headers={
                **self.headers,
                "Content-Type": MEDIA_TYPE,
                "Content-Language": language,
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


def problem_of(fault: LedgerFault) -> Problem:
    """What a client is told of a fault: nothing of the machine, and when to try again."""
    if isinstance(fault, MalformedRequest):
        return malformed(fault)
    code, seconds = FAULTS.get(type(fault), ("internal_error", 0))
    if isinstance(fault, Overloaded):
        seconds = fault.retry_after_s
    return Problem(code, headers={"Retry-After": str(seconds)} if seconds else None)


def malformed(fault: MalformedRequest) -> Problem:
    """A request of a wrong form, with the place where it is wrong."""
    facts: dict[str, Any] = {"reason": shown(": ".join(map(str, fault.facts)))}
    if fault.field:
        facts["field"] = shown(fault.field)
        if fault.field == "kind":  # What is said of a code a request is full of.
            facts["mistake"] = "word"
    if fault.position is not None:
        facts["position"] = fault.position
    return Problem(fault.code, **facts)


def shown(text: str) -> str:
    """A foreign text as it may be repeated: short, and always encodable."""
    return text[:SHOWN_MAX].encode("utf-8", "replace").decode("utf-8")


def language_of(accept: str | None) -> str:
    """The language of ours that an Accept-Language header likes best; else Spanish.

    >>> language_of("fr, en;q=0.8, pt-BR;q=0.9")
    'pt'
    """
    best, liked = LANGUAGES[0], 0.0
    for part in (accept or "")[:SHOWN_MAX].split(","):
        tag, _, quality = part.strip().partition(";")
        language = tag.strip()[:2].lower() if tag.strip()[2:3] in ("", "-") else ""
        if language in LANGUAGES and (weight := _weight(quality)) > liked:
            best, liked = language, weight
    return best


def _weight(quality: str) -> float:
    name, _, value = quality.replace(" ", "").partition("=")
    if not name:
        return 1.0
    return float(value) if name == "q" and _QUALITY.fullmatch(value) else 0.0
