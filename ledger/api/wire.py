"""The wire: bytes of a request as structs, or a problem; nothing in between.

A body is read strictly: JSON in UTF-8, every field known, none twice, none null, no
number that is not one. Only what passes here reaches the desk.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar, cast
from uuid import UUID, uuid5

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.api import passed
from ledger.api.problems import Problem, shown
from ledger.core import rules, scheduling
from ledger.core.amounts import parse_amount
from ledger.core.asked import (
    AskedAccount,
    AskedAct,
    AskedBatch,
    AskedChange,
    AskedCurrency,
    AskedDays,
    AskedKey,
    AskedLedger,
    AskedLimits,
    AskedMark,
    AskedTransfer,
    AskedWorkflow,
    Description,
    Text,
)
from ledger.core.model import (
    BATCH_MAX,
    WORD_PATTERN,
    CurrencyCode,
    Late,
    Mode,
    OpaqueId,
    Role,
    SequenceNumber,
    Side,
    Word,
)
from ledger.core.refusals import RefusalCode
from ledger.core.rule_leaves import APPROVALS_MAX, ApprovalRule, Pattern, Seconds

S = TypeVar("S", bound=Struct)


class TransferRequest(
    AskedTransfer, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One transfer. The id is the sender's own and makes repeats safe.

    It may stand in the Idempotency-Key header instead. `late`, `source` and `branch` are as in
    a batch.
    """

    id: UUID | UnsetType = UNSET
    late: Late | UnsetType = UNSET
    source: OpaqueId | UnsetType = UNSET
    branch: OpaqueId | UnsetType = UNSET

    def transfer(self) -> AskedTransfer:
        """The same without its id, as it would stand in a batch."""
        return AskedTransfer(
            debit_account=self.debit_account,
            credit_account=self.credit_account,
            amount=self.amount,
            currency=self.currency,
            kind=self.kind,
            reference=self.reference,
            description=self.description,
            business_date=self.business_date,
            value_date=self.value_date,
            entered_by=self.entered_by,
            approved_by=self.approved_by,
            terms=self.terms,
        )


class BatchRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A batch of transfers: all or none (`atomic`), or each by itself (`each`).

    Where `count` and `control_sums` (a decimal string by currency) are given, the
    transfers must amount to them. `late` says what becomes of those for a closed day.
    """

    transfers: Annotated[list[AskedTransfer], Meta(min_length=1, max_length=BATCH_MAX)]
    id: UUID | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET  # Absent is atomic; UNSET so that check_pairs can count.
    source: OpaqueId | UnsetType = UNSET
    branch: OpaqueId | UnsetType = UNSET
    count: Annotated[int, Meta(ge=1, le=BATCH_MAX)] | UnsetType = UNSET
    control_sums: dict[CurrencyCode, Text] | UnsetType = UNSET
    late: Late | UnsetType = UNSET

    def batch(self, batch_id: UUID) -> AskedBatch:
        """What is asked, under its id."""
        return AskedBatch(
            id=batch_id,
            transfers=self.transfers,
            mode=Mode.ATOMIC if self.mode is UNSET else self.mode,
            source=self.source,
            branch=self.branch,
            count=self.count,
            control_sums=self.control_sums,
            late=self.late,
        )


class PosterKeyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verifier key (C2SP signed-note) that is named like the poster."""

    public_key: str


class FollowUp(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What may be said of any transfer that is about one recorded before.

    Its accounts and currency are the recorded one's.
    """

    id: UUID | UnsetType = UNSET
    kind: Text | UnsetType = UNSET
    reference: Text = ""
    description: Description = ""
    business_date: date | UnsetType = UNSET
    value_date: date | UnsetType = UNSET
    entered_by: Text = ""
    approved_by: Text = ""


class PostHoldRequest(
    FollowUp, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Without an amount all that was held is posted; with `release` the rest is given back."""

    amount: Text | UnsetType = UNSET
    release: bool = False


class VoidRequest(
    FollowUp, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """All that a hold still keeps back is given back."""


class ReverseRequest(
    FollowUp, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Without an amount all of the transfer is taken back; `up_to` and `rest` as in terms."""

    amount: Text | UnsetType = UNSET
    up_to: Side | UnsetType = UNSET
    rest: Text | UnsetType = UNSET


class ClearRequest(
    FollowUp, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Without an account it is the one that had refused, without an amount all of it."""

    debit_account: Text | UnsetType = UNSET
    credit_account: Text | UnsetType = UNSET
    amount: Text | UnsetType = UNSET


class TakenFrom(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The account that pays what those who were paid have spent."""

    rest: Text


class ReverseBatchRequest(
    FollowUp, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """All that a batch posted is taken back, the last first.

    `when_spent` says what becomes of an amount that is there no more: `refuse`, take what
    is `available`, or take the rest from an account.
    """

    mode: Mode | UnsetType = UNSET
    when_spent: Literal["refuse", "available"] | TakenFrom | UnsetType = UNSET


class PaymentRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A payment by a workflow, which says who starts it and who accepts it."""

    workflow: Word
    payer: Text
    payee: Text
    amount: Text
    currency: Text
    kind: Text = "payment"
    id: UUID | UnsetType = UNSET
    reference: Text = ""
    description: Description = ""
    entered_by: Text = ""


class DecisionRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """`user` is the person behind the key, by the id in the posting system; no name."""

    user: OpaqueId | UnsetType = UNSET
    reason: Word | UnsetType = UNSET


class RuleRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Which transfers somebody else must approve; `amount_from` is in the `currency`."""

    approvals: Annotated[int, Meta(ge=1, le=APPROVALS_MAX)]
    expires_after: Seconds
    kinds: Annotated[list[Word], Meta(max_length=64)] = []
    currency: CurrencyCode | UnsetType = UNSET
    amount_from: Text | UnsetType = UNSET
    accounts: Annotated[list[Pattern], Meta(max_length=100)] = []
    makers: Annotated[list[Role], Meta(max_length=8)] = []
    hold: bool = False

    def rule(self, scales: Mapping[str, int]) -> ApprovalRule:
        """The same in minor units.

        Raises:
            Problem: an amount without its currency, or of one that is not there.
            MalformedAmount: no amount of its currency.
        """
        least = 1
        if self.amount_from is not UNSET:
            if self.currency is UNSET:
                reason = "goes with a currency"
                raise Problem("malformed_request", field="rule.amount_from", reason=reason)
            if self.currency not in scales:
                raise Problem(RefusalCode.CURRENCY_NOT_FOUND)
            least = parse_amount(self.amount_from, scales[self.currency])
        return ApprovalRule(
            approvals=self.approvals,
            expires_after=self.expires_after,
            kinds=self.kinds,
            currency=self.currency,
            amount_from=least,
            accounts=self.accounts,
            makers=self.makers,
            hold=self.hold,
        )


class PolicyRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A rule of approval under its code. Without a rule it ends."""

    code: Word
    reason: Word
    rule: RuleRequest | UnsetType = UNSET
    act: AskedAct | UnsetType = UNSET


class WorkflowRequest(
    AskedWorkflow, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A workflow of payments under its code. Without a rule it ends."""

    code: Word


class WhitelistRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Whether an account accepts at once what a partner starts."""

    account: Text
    partner: Text
    on: bool


class DisputeRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Why a transfer is contested, as a code, and by which day that should end."""

    reason: Word
    due: date | UnsetType = UNSET


class EndDisputeRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The outcome as a code; `linked` is a later transfer, such as the reversal."""

    outcome: Word
    linked: SequenceNumber | UnsetType = UNSET


class AccountsRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Many new accounts at once: all or none."""

    accounts: Annotated[list[AskedAccount], Meta(min_length=1, max_length=BATCH_MAX)]


BODIES: Final[tuple[type[Struct], ...]] = (
    TransferRequest,
    BatchRequest,
    PostHoldRequest,
    VoidRequest,
    ReverseRequest,
    ClearRequest,
    ReverseBatchRequest,
    PaymentRequest,
    DecisionRequest,
    PolicyRequest,
    WorkflowRequest,
    WhitelistRequest,
    DisputeRequest,
    EndDisputeRequest,
    AccountsRequest,
    AskedAccount,
    AskedChange,
    AskedCurrency,
    AskedDays,
    AskedKey,
    AskedLedger,
    *rules.BODIES,
    AskedLimits,
    *scheduling.BODIES,
    AskedMark,
    PosterKeyRequest,
)
_decoders: Final = {body: msgspec.json.Decoder(body) for body in BODIES}
_members_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder: Final = msgspec.json.Encoder()
_JSON: Final = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)
_PLACE: Final = re.compile(r"(.*) - at `([^`]*)`", re.DOTALL)
_TRANSFER: Final = re.compile(r"\$\.(?:transfers|accounts)\[([0-9]{1,4})\]\.?(.*)", re.DOTALL)
# By what a validation message says. The first that is in it.
_MISTAKES: Final = (
    ("missing required field", "missing"),
    ("unknown field", "unknown"),
    (f"matching regex {WORD_PATTERN!r}", "word"),
    ("Invalid RFC3339 encoded datetime", "moment"),
    ("Invalid RFC3339 encoded date", "day"),
)
_FIELD: Final = re.compile(r"field `([^`]*)`")


# ---- from the socket


async def read_body(
    request: web.Request, limit: int, seconds: float, wanted: "re.Pattern[str] | None" = None
) -> bytes:
    """The whole body of a request that says it is JSON, or of the wanted media type.

    Raises:
        Problem: another content type, longer than `limit`, or not there in `seconds`.
    """
    headers = request.headers
    kind = headers.get("Content-Type", "")
    if kind != "application/json" and not (wanted or _JSON).fullmatch(kind):
        raise Problem("unsupported_media_type", reason=shown(kind))
    if "Content-Encoding" in headers:
        raise Problem("unsupported_media_type", reason="Content-Encoding")
    said = passed.said_of_body(request)
    if said and said != passed.CHECKED:  # It was measured where it was read.
        body = await read_all(request, sys.maxsize, seconds)
        if said == passed.UNREAD:
            raise passed.told(body)
        return body
    length = request.content_length
    if length is not None and length > limit:
        raise Problem("content_too_large", limit=limit)
    return await read_all(request, limit, seconds)


def is_json(request: web.BaseRequest) -> bool:
    """Whether a request says that its body is JSON."""
    return _JSON.fullmatch(request.headers.get("Content-Type", "")) is not None


def _take_all(size: int) -> None:
    """All that comes may be held."""


async def read_all(
    request: web.BaseRequest,
    limit: int,
    seconds: float,
    hold: Callable[[int], None] = _take_all,
) -> bytes:
    """The whole body; `hold` hears of the bytes as they come, and may raise.

    Raises:
        Problem: longer than `limit`, not there in `seconds`, or no body.
    """
    if request.content.is_eof():  # All of it came with the headers, as small ones do.
        body = request.content.read_nowait(-1)
        hold(len(body))
        if len(body) > limit:
            raise Problem("content_too_large", limit=limit)
        return body
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while part := await request.content.readany():
                parts.append(part)
                size += len(part)
                hold(len(part))
                if size > limit:
                    raise Problem("content_too_large", limit=limit)
    except TimeoutError:
        raise Problem("request_timeout", headers={"Connection": "close"}) from None
    except web.RequestPayloadError as error:
        raise Problem("malformed_http", reason=shown(str(error))) from None
    return b"".join(parts)


# ---- from bytes


def decode(body: bytes, kind: type[S]) -> S:
    """A body as the struct it should be.

    Raises:
        Problem: not JSON, not of this form, or with a field twice.
    """
    try:
        asked = cast(S, _decoders[kind].decode(body))
        _check_pairs(body, asked)
    except msgspec.ValidationError as error:
        raise misplaced(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem("malformed_json", reason=_reason(error)) from None
    return asked


def decode_sent(request: web.Request, body: bytes, kind: type[S]) -> S:
    """The same, where a front process may have looked at the body before. Raises Problem.

    What it found well-formed is decoded again, which is quick, so that by either way the
    request is the same; only that no field stands twice is not looked at again.
    """
    said = passed.said_of_body(request)
    if said == passed.WRONG:
        raise passed.told(body)
    if said == passed.CHECKED:
        return cast(S, _decoders[kind].decode(body))
    return decode(body, kind)


def decode_accounts(body: bytes) -> list[AskedAccount]:
    """One account, or many under `accounts`. Raises Problem."""
    try:
        members = _members_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise misplaced(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem("malformed_json", reason=_reason(error)) from None
    if "accounts" in members:
        return decode(body, AccountsRequest).accounts
    return [decode(body, AskedAccount)]


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else shown(str(error))


def _check_pairs(body: bytes, asked: Struct) -> None:
    """Refuse a field that stands twice in one object; the decoder keeps the last silently.

    Most bodies are cleared by counting colons. Without a backslash every string stands in
    the body just as it was decoded, so writing the struct again gives the same colons,
    those in strings included, less at least one for every pair the decoder dropped. With
    `omit_defaults` and no default that the struct would add, none can come in anew, so
    equal counts mean that nothing was dropped. A body that fails this (a field given with
    its default, an escape) is read once more by a parser that sees the pairs; so is one
    with terms, since a moment may be written with other colons than it came with.
    """
    if (
        b"\\" not in body
        and b'"terms"' not in body
        and asked.__struct_config__.omit_defaults
        and body.count(b":") == _encoder.encode(asked).count(b":")
    ):
        return
    try:
        json.loads(
            body.decode(), object_pairs_hook=_distinct, parse_int=_unread, parse_float=_unread
        )
    except RecursionError:
        raise Problem("malformed_json", reason="nested too deeply") from None


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    names: set[str] = set()
    for name, value in pairs:
        if name in names:
            raise Problem("duplicate_field", field=shown(name))
        if isinstance(value, str) and "\0" in value:
            raise Problem("malformed_request", field=shown(name), reason="U+0000 in a text")
        names.add(name)


def _unread(_: str) -> int:
    return 0  # Only the pairs are looked at.


def misplaced(message: str) -> Problem:
    """What a validation message says, as a problem with field and position."""
    found = _PLACE.fullmatch(message)
    reason, place = found.groups() if found else (message, "$")
    unknown = _FIELD.search(reason)
    if unknown:
        place = f"{place}.{unknown[1]}"
    facts: dict[str, Any] = {"reason": shown(reason), "field": shown(place)}
    facts["mistake"] = next((what for sign, what in _MISTAKES if sign in reason), "malformed")
    inside = _TRANSFER.fullmatch(place)
    if inside:
        facts["position"] = int(inside[1])
        facts["field"] = shown(inside[2] or place)
    return Problem("malformed_request", **facts)


# ---- from the query


@cache
def _nothing_asked(kind: type[Struct]) -> Struct:
    try:
        return msgspec.convert({}, kind)
    except msgspec.ValidationError as error:  # One that has to be there.
        raise misplaced(str(error)) from None


@cache
def _must_ask(kind: type[Struct]) -> bool:
    """Whether a parameter must be there."""
    return any(field.required for field in msgspec.structs.fields(kind))


def read_query(request: web.Request, kind: type[S]) -> S:
    """The query as the struct of a route; a parameter that is not in it is refused.

    Raises:
        Problem: unknown, given twice, or of a wrong form.
    """
    if not request.rel_url.raw_query_string and not _must_ask(kind):
        return cast(S, _nothing_asked(kind))
    given = request.query
    if len(given) != len(set(given)):
        raise Problem("malformed_request", field="?", reason="a parameter comes twice")
    for name, value in given.items():
        if "\0" in value:
            raise Problem("malformed_request", field=shown(name), reason="U+0000 in a text")
    try:
        return msgspec.convert(dict(given), kind, strict=False)
    except msgspec.ValidationError as error:
        problem = misplaced(str(error))
        problem.facts["field"] = problem.facts["field"].removeprefix("$.")
        raise problem from None


# ---- from headers


def idempotency_id(request: web.Request, given: UUID | UnsetType, poster: str) -> UUID:
    """The id of what is posted: from the body, or made from the Idempotency-Key header.

    A header that is no UUID stands for uuid5(IDEMPOTENCY_NAMESPACE, "<poster>/<text>").

    Raises:
        Problem: neither is there, or they differ.
    """
    header = request.headers.get("Idempotency-Key")
    if header is None:
        if given is UNSET:
            raise Problem("malformed_request", field="id", reason="no id, no Idempotency-Key")
        return given
    named = _id_of(header, poster)
    if given is not UNSET and given != named:
        raise Problem("malformed_request", field="Idempotency-Key", reason="differs from id")
    return named


IDEMPOTENCY_NAMESPACE: Final = UUID("6f0c2b52-7d0e-5b0c-9a35-3d1c1f1b7e11")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KEY: Final = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


def _id_of(header: str, poster: str) -> UUID:
    text = header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header
    if _UUID.fullmatch(text):
        return UUID(text)
    if not _KEY.fullmatch(text):
        raise Problem(
            "malformed_request", field="Idempotency-Key", reason="1 to 255 ASCII characters"
        )
    return uuid5_of(poster, text)


def uuid5_of(poster: str, text: str) -> UUID:
    """The id that an Idempotency-Key which is no UUID stands for."""
    return uuid5(IDEMPOTENCY_NAMESPACE, f"{poster}/{text}")
