"""What people ask, and who: accounts by their codes, amounts as decimal text.

The structs are what the JSON door reads; door.py and changes.py turn them into lines, by
account number and minor units, against the book as it stands. What sets rules is asked in
rules.py and scheduling.py.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.amounts import AMOUNT_MAX, Amount, Scale, parse_amounts
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import CLOSE_AFTER_MAX
from ledger.core.lines import Act, Rate, Transfer
from ledger.core.model import (
    BATCH_MAX,
    CURRENCIES_SUMMED_MAX,
    DATE_MIN,
    NONE_SET,
    AccountCode,
    Action,
    BatchCount,
    Count,
    CurrencyCode,
    CurrencyKind,
    DaysBy,
    Decision,
    Late,
    LedgerCode,
    Mode,
    Nature,
    OpaqueId,
    Reference,
    Role,
    SequenceNumber,
    Side,
    Status,
    Word,
)
from ledger.core.rule_leaves import ApprovalRule, Workflow
from ledger.core.terms import misplaced_term

DESCRIPTION_MAX = 500  # Characters.
LATEST = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=AMOUNT_MAX)  # In a line.

Text = Annotated[str, Meta(max_length=64)]
Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX)]


# ---- batches


class AskedTerms(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """What a transfer asks for besides being posted as it stands.

    `action` is absent (post it now), `hold` (keep it back until `expires`), or is about the
    transfer of the sequence `target`: `post` all or some of a hold (with `release` the rest
    is given back), `void` a hold, `reverse` a posted transfer, `clear` one in suspense.
    Transfers that follow each other with the same `entry` number stand or fall together.
    `up_to` posts as much as the bounds of that side allow, and `rest` is the account that
    takes what is left. `suspense` is the account that stands in where the other refuses.
    `rate` says that the amount is n/d of the one before it in the entry, rounded down, and
    `residue` that it is what bought nothing of that one, and goes back or elsewhere.
    `adjusting` is for the last day of a year, when that is closed: its thirteenth month.
    """

    action: Action | UnsetType = UNSET
    target: SequenceNumber | UnsetType = UNSET
    expires: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    release: bool = False
    entry: BatchCount | UnsetType = UNSET
    up_to: Side | UnsetType = UNSET
    rest: Text | UnsetType = UNSET
    suspense: Text | UnsetType = UNSET
    rate: Rate | UnsetType = UNSET
    residue: bool = False
    adjusting: bool = False


class AskedTransfer(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """One transfer of a batch, as people write it."""

    debit_account: Text
    credit_account: Text
    amount: Text
    currency: Text
    kind: Text
    reference: Text = ""
    description: Description = ""
    business_date: date | UnsetType = UNSET
    value_date: date | UnsetType = UNSET
    entered_by: Text = ""
    approved_by: Text = ""
    terms: AskedTerms | UnsetType = UNSET


class AskedBatch(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A batch, as people write it. The id is the sender's own and makes repeats safe."""

    id: UUID
    transfers: Annotated[list[AskedTransfer], Meta(min_length=1, max_length=BATCH_MAX)]
    mode: Mode = Mode.ATOMIC
    source: OpaqueId | UnsetType = UNSET
    branch: OpaqueId | UnsetType = UNSET
    count: Annotated[int, Meta(ge=1, le=BATCH_MAX)] | UnsetType = UNSET
    control_sums: (
        Annotated[dict[CurrencyCode, Text], Meta(max_length=CURRENCIES_SUMMED_MAX)] | UnsetType
    ) = UNSET
    late: Late | UnsetType = UNSET

    def without_descriptions(self) -> "AskedBatch":
        """The same request with its free text left out, for a digest that outlives erasure."""
        if not any(t.description for t in self.transfers):
            return self
        return replace(self, transfers=[replace(t, description="") for t in self.transfers])


# ---- who asks, and what else


BoundText = Annotated[str, Meta(max_length=24)]  # A signed decimal, or "none".
# A quarter of an hour after midnight; midnight itself is no cut-off.
CutOffText = Annotated[
    str, Meta(pattern=r"^(00:(15|30|45)|(0[1-9]|1[0-9]|2[0-3]):(00|15|30|45))\Z")
]
PeriodMark = Literal["preliminary", "reopened", "final"]
SoftBounds = Literal["none", "lower", "upper", "both"]  # Of the balance as it is shown.


class Caller(Struct, frozen=True, kw_only=True):
    """Whose key came with a request.

    `ledger` is the code of the only ledger the key opens, or "" for all. `accounts` are
    the codes a poster may debit; one that ends in * stands for all that begin so. A member
    may name a `holder` besides, and then all of its accounts are meant, also later ones.
    """

    key: str
    role: Role
    ledger: str = ""
    poster: str = ""
    accounts: tuple[str, ...] = ()
    holder: bytes = b""

    @property
    def posts_as(self) -> str:
        """Whose batches these are: the poster's, or where the key names none the key's own."""
        return self.poster or self.key


class AskedLedger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new ledger. Its origin is made of the service's and its code."""

    code: LedgerCode
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)]
    unique_references: bool = False


class AskedCurrency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: CurrencyCode
    kind: CurrencyKind
    scale: Scale


class AskedAccount(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """A new account. Bounds are decimals of its own nature's balance, or "none".

    With `holder_of` it belongs to whom that account does, else to somebody new.
    """

    code: AccountCode
    currency: CurrencyCode
    nature: Nature = Nature.CREDIT
    kind: Word = "member"
    lower_bound: BoundText = "0"
    upper_bound: BoundText = "none"
    confirm_personal_code: bool = False
    holder_of: AccountCode | UnsetType = UNSET


class AskedAct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision a change cites: its number, its date, and SHA-256 of its document in hex."""

    number: Reference
    date: date
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class AskedChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of an account. What is not there stays as it is; the reason is a code.

    A soft bound may be passed, and what passes it is flagged. With `starts` or `ends` the
    bounds hold from the beginning of a day, and to the end of another. `order` is that of
    an authority. With `remaining_to` a closing account's balance goes to another first.
    """

    reason: Word
    status: Status | UnsetType = UNSET
    lower_bound: BoundText | UnsetType = UNSET
    upper_bound: BoundText | UnsetType = UNSET
    soft_bounds: SoftBounds | UnsetType = UNSET
    starts: date | UnsetType = UNSET
    ends: date | UnsetType = UNSET
    act: AskedAct | UnsetType = UNSET
    order: Reference | UnsetType = UNSET
    remaining_to: AccountCode | UnsetType = UNSET


class AskedEarned(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A credit limit of `base`, and n/d of what is received from now on, at most `cap`.

    With `kinds` only transfers of these kinds count.
    """

    n: Amount
    d: Amount
    cap: BoundText
    base: BoundText = "0"
    kinds: Annotated[list[Word], Meta(min_length=1, max_length=16)] | UnsetType = UNSET


class AskedPayments(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """At most so much in one transfer, a day, an ISO week, a month, a year; or no limit."""

    transfer: BoundText | UnsetType = UNSET
    day: BoundText | UnsetType = UNSET
    week: BoundText | UnsetType = UNSET
    month: BoundText | UnsetType = UNSET
    year: BoundText | UnsetType = UNSET


class AskedLimits(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Limits of one account or many, all or none. What is not there stays as it is.

    `earned` is a rule that the credit limit follows, or "none" to end it; `payments` are
    all payment limits, none of them to lift them; `unplan` gives up the plan of that leaf.
    """

    accounts: Annotated[list[AccountCode], Meta(min_length=1, max_length=BATCH_MAX)]
    reason: Word
    lower_bound: BoundText | UnsetType = UNSET
    upper_bound: BoundText | UnsetType = UNSET
    soft_bounds: SoftBounds | UnsetType = UNSET
    starts: date | UnsetType = UNSET
    ends: date | UnsetType = UNSET
    earned: AskedEarned | Literal["none"] | UnsetType = UNSET
    payments: AskedPayments | UnsetType = UNSET
    unplan: Count | UnsetType = UNSET
    act: AskedAct | UnsetType = UNSET


class AskedDays(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How a ledger keeps its days from now on; what is not there is not so any more.

    `cut_off` is the time of day, in the ledger's zone, when the next day begins; absent:
    midnight. `value_days_back` is how many days before the business date interest may run
    from; absent: any. `close_after_minutes` is how long after a day is over the clock closes
    it; absent: somebody does.
    """

    days: DaysBy
    cut_off: CutOffText | UnsetType = UNSET
    value_days_back: Annotated[int, Meta(ge=0, le=3660)] | UnsetType = UNSET
    close_after_minutes: Annotated[int, Meta(ge=0, le=CLOSE_AFTER_MAX)] | UnsetType = UNSET


class AskedMark(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How a period is marked. To reopen it, the act that decided so is cited."""

    mark: PeriodMark
    act: AskedAct | UnsetType = UNSET


class AskedKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new API key of a ledger. A `holder` is that of accounts, in hexadecimal."""

    role: Role
    poster: OpaqueId = ""
    accounts: list[Annotated[str, Meta(min_length=1, max_length=65)]] = []
    holder: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")] | UnsetType = UNSET


class AskedRun(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A run for the period that ends on a day: all of it, or so many parts.

    A run in parts goes on `after` what the answer before gave as `next`.
    """

    period_end: date
    parts_max: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType = UNSET
    after: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET


class AskedPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of approval, or without one its end."""

    reason: Word
    rule: ApprovalRule | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class AskedWorkflow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workflow of payments, or without one its end."""

    reason: Word
    rule: Workflow | UnsetType = UNSET


class AskedDecision(Struct, frozen=True, kw_only=True):
    """What somebody says of a proposal. `user` is the person behind the key."""

    batch: UUID
    decision: Decision
    user: OpaqueId | UnsetType = UNSET
    reason: Word | UnsetType = UNSET


# ---- the codes, dates and amounts of a batch


_CODES = {
    "kind": r"[a-z][a-z0-9_]{0,31}",
    "reference": r"[A-Za-z0-9][A-Za-z0-9./_:#+-]{0,34}",
    "entered_by": r"[A-Za-z0-9._:-]{1,64}",
    "approved_by": r"[A-Za-z0-9._:-]{1,64}",
}
_OPTIONAL = {"reference", "entered_by", "approved_by"}
_MANY = {name: re.compile(rf"{one}(?:\n{one})*", re.ASCII) for name, one in _CODES.items()}
_ONE = {name: re.compile(one, re.ASCII) for name, one in _CODES.items()}


def check_codes(transfers: Sequence[AskedTransfer] | Sequence[Transfer]) -> None:
    """Check the codes of many transfers (asked or lines), their dates and terms at once.

    One match over the distinct values joined costs a tenth of a match each; one transfer
    alone, the most common request, goes the short way.

    Raises:
        MalformedRequest: with the field and the position of the first that is no code.
    """
    if len(transfers) == 1 and _is_plain(transfers[0]):
        return
    _check_distinct("kind", {t.kind for t in transfers}, transfers)
    _check_distinct("reference", {t.reference for t in transfers}, transfers)
    _check_distinct("entered_by", {t.entered_by for t in transfers}, transfers)
    _check_distinct("approved_by", {t.approved_by for t in transfers}, transfers)
    days = {t.business_date for t in transfers} | {t.value_date for t in transfers}
    if any(day is not UNSET and day < DATE_MIN for day in days):
        raise MalformedRequest("a date before 1970", field="business_date, value_date")
    _check_terms(transfers)


def _check_terms(transfers: Sequence[AskedTransfer] | Sequence[Transfer]) -> None:
    if {t.terms for t in transfers} == NONE_SET:
        return
    for position, terms in enumerate([t.terms for t in transfers]):
        wrong = "" if terms is UNSET else misplaced_term(terms)
        if wrong:
            fact = f"{wrong} does not go with the other terms, or is missing"
            raise MalformedRequest(fact, field="terms", position=position)
        if isinstance(terms, AskedTerms) and _ends_too_late(terms):
            fact = "expires is later than a line can say"
            raise MalformedRequest(fact, field="terms", position=position)


def _ends_too_late(terms: AskedTerms) -> bool:
    """Whether an end is after 2255, where microseconds pass 2^53."""
    return terms.expires is not UNSET and terms.expires > LATEST


def _is_plain(t: AskedTransfer | Transfer) -> bool:
    """Whether a transfer has nothing to check but a good kind and perhaps reference."""
    return (
        _ONE["kind"].fullmatch(t.kind) is not None
        and (not t.reference or _ONE["reference"].fullmatch(t.reference) is not None)
        and not (t.entered_by or t.approved_by)
        and t.business_date is UNSET
        and t.value_date is UNSET
        and t.terms is UNSET
    )


def _check_distinct(
    name: str, values: set[str], transfers: Sequence[AskedTransfer] | Sequence[Transfer]
) -> None:
    if name in _OPTIONAL:
        values.discard("")
    joined = "\n".join(values)
    if not values or (_MANY[name].fullmatch(joined) and joined.count("\n") == len(values) - 1):
        return
    for position, transfer in enumerate(transfers):
        value = getattr(transfer, name)
        if value in values and not _ONE[name].fullmatch(value):
            raise MalformedRequest(f"not a code: {_CODES[name]}", field=name, position=position)
    raise AssertionError(f"a {name} was refused together but not alone")


def parse_all(transfers: Sequence[AskedTransfer], scales: dict[str, int]) -> list[int]:
    """The amounts of all transfers in minor units, by the scale of each one's currency.

    Raises:
        MalformedAmount: with the position of the first that is none.
    """
    currencies = {t.currency for t in transfers}
    if len(currencies) == 1:
        return parse_amounts([t.amount for t in transfers], scales[currencies.pop()])
    amounts = [0] * len(transfers)
    for currency in sorted(currencies):
        at = [i for i, t in enumerate(transfers) if t.currency == currency]
        for i, amount in zip(at, _parse_some(transfers, at, scales[currency]), strict=True):
            amounts[i] = amount
    return amounts


def _parse_some(transfers: Sequence[AskedTransfer], at: list[int], scale: int) -> list[int]:
    try:
        return parse_amounts([transfers[i].amount for i in at], scale)
    except MalformedRequest as fault:
        place = at[fault.position or 0]
        raise type(fault)(*fault.facts, field="amount", position=place) from None
