"""Limits of accounts, how they stand towards them, and what became of limits and statuses."""

from datetime import date
from typing import Annotated, Final, TypedDict

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import replace

from ledger.api.answers.base import Answer, show_time
from ledger.api.answers.books import AccountAnswer, AccountsPage, account_answer
from ledger.api.answers.dry_run import DryRun
from ledger.api.auth import SECRETS
from ledger.api.limit_time import time_at_limit
from ledger.api.problems import Problem
from ledger.api.queries import PAGE, Limit, WriteQuery
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer, zone_of
from ledger.api.wire import decode
from ledger.core.amounts import show_amount
from ledger.core.answered import Standing
from ledger.core.asked import AskedLimits, SoftBounds
from ledger.core.dates import LAST_DATE, day_at, moment_of
from ledger.core.days import A_DAY
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    LimitChanged,
    LimitEarned,
    LimitPlanned,
    LimitUnplanned,
    PaymentLimits,
    StatusChanged,
)
from ledger.core.lines import Act
from ledger.core.model import DATE_MIN, NO_LOWER, NO_UPPER, Account, Status
from ledger.core.payments import LIMITS
from ledger.core.ports import TransferRow
from ledger.core.refusals import Refusal
from ledger.journal.canonical import decode_leaf

SCAN: Final = 500  # Leaves looked at for a page of which few may belong to it.
CHANGES: Final = (LimitChanged, LimitPlanned, LimitUnplanned, LimitEarned, PaymentLimits)


class HistoryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a leaf of the journal, in its order."""

    after: Annotated[int, Meta(ge=-1, le=2**53 - 1)] = -1
    limit: Limit = PAGE


class StandingQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days of the ledger's time zone, both included; without `to`, up to now."""

    first: date | UnsetType = field(name="from", default=UNSET)
    last: date | UnsetType = field(name="to", default=UNSET)


class ActAnswer(Answer, frozen=True, kw_only=True):
    """The decision that a change cites; the hash is SHA-256 of its document, in hex."""

    number: str
    date: date
    hash: str


class PaymentLimitAnswer(Answer, frozen=True, kw_only=True):
    """What may be paid in one transfer, day, week, month or year, and what is left of it."""

    limit: str
    left: str


class EarnedAnswer(Answer, frozen=True, kw_only=True):
    """A credit limit of `base` and n/d of what was received, at most `cap`."""

    n: int
    d: int
    base: str
    cap: str
    received: str | UnsetType = UNSET
    kinds: list[str] | UnsetType = UNSET


class PlanAnswer(Answer, frozen=True, kw_only=True):
    """Bounds that hold from a moment on, until `ends` where it is there."""

    leaf_index: int
    begun: bool
    starts: str
    lower_bound: str
    upper_bound: str
    soft_bounds: SoftBounds
    ends: str | UnsetType = UNSET


class LimitTime(Answer, frozen=True, kw_only=True):
    """How long an account was at its lower bound or below, over some days: both, and between.

    `seconds` of them are over, since it was opened. The bound is that of the time; where a rule
    of earning moved it meanwhile, `seconds_at_limit` is absent.
    """

    first: date = field(name="from")
    last: date = field(name="to")
    seconds: int
    seconds_at_limit: int | UnsetType = UNSET


class StandingAnswer(Answer, frozen=True, kw_only=True):
    """An account and its limits.

    Since when its balance is below zero, and since when at its lower bound as it is now or
    below, without having been above it; absent where it is not. `period`: how long in all,
    over days that were asked for.
    """

    account: AccountAnswer
    business_date: date
    payment_limits: dict[str, PaymentLimitAnswer]
    plans: list[PlanAnswer]
    earned: EarnedAnswer | UnsetType = UNSET
    negative_since: str | UnsetType = UNSET
    at_limit_since: str | UnsetType = UNSET
    seconds_at_limit: int | UnsetType = UNSET
    period: LimitTime | UnsetType = UNSET


class LimitChange(Answer, frozen=True, kw_only=True):
    """A change of an account's limits: what was set, planned, given up or made a rule.

    `bounds` begin at once, by a plan where `plan` names its leaf; `planned` ones when they
    are due; `unplanned` gives up the plan `plan`.
    """

    leaf_index: int
    recorded_at: str
    what: str
    reason: str
    by: str
    lower_bound: str | UnsetType = UNSET
    upper_bound: str | UnsetType = UNSET
    soft_bounds: SoftBounds | UnsetType = UNSET
    starts: str | UnsetType = UNSET
    ends: str | UnsetType = UNSET
    plan: int | UnsetType = UNSET
    earned: EarnedAnswer | UnsetType = UNSET
    payment_limits: dict[str, str] | UnsetType = UNSET
    act: ActAnswer | UnsetType = UNSET


class LimitsPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    changes: list[LimitChange]
    next: int | UnsetType = UNSET


class StatusChange(Answer, frozen=True, kw_only=True):
    """A change of an account's status. What an authority ordered, few may know."""

    leaf_index: int
    recorded_at: str
    status: Status
    reason: str | UnsetType = UNSET
    by: str | UnsetType = UNSET
    order: str | UnsetType = UNSET
    act: ActAnswer | UnsetType = UNSET


class StatusesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    changes: list[StatusChange]
    next: int | UnsetType = UNSET


# ---- writing


async def post_limits(call: Call) -> web.Response:
    """Change the limits of one account or many, all or none."""
    body = await call.large_body()
    dry_run = call.query(WriteQuery).dry_run
    asked = decode(body, AskedLimits)
    bounds = asked.lower_bound, asked.upper_bound, asked.soft_bounds
    has_bounds = any(bound is not UNSET for bound in bounds)
    others = asked.earned, asked.payments, asked.unplan
    if not has_bounds and all(other is UNSET for other in others):
        raise Problem("malformed_request", field="reason", reason="nothing is to be changed")
    wrong = {
        "starts": asked.starts is not UNSET and not has_bounds,
        "ends": asked.ends is not UNSET and not has_bounds,
        "earned": asked.earned is not UNSET and has_bounds,
    }
    for name in (name for name, is_wrong in wrong.items() if is_wrong):
        raise Problem("malformed_request", field=name, reason="does not go with the others")
    work = call.desk.change_limits(call.ledger, asked, call.caller, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    currencies = call.desk.facts(call.ledger).currencies
    accounts = [account_answer(each, currencies[each.currency].scale) for each in outcome]
    if dry_run:
        return answer(DryRun(dry_run=True, accounts=accounts))
    return answer(AccountsPage(accounts=accounts))


# ---- how an account stands


async def get_standing(call: Call) -> web.Response:
    """An account with its limits and what is left of them.

    With `from`, also how long it was at its limit from that day on, up to now or the end of
    the day `to`: days of the ledger's time zone, the limit as it was at the time.
    """
    query = call.query(StandingQuery)
    code = call.part("code")
    call.check_reach(code)
    standing = await call.desk.standing(call.ledger, code)
    if standing is None:
        raise Problem("account_not_found")
    account = standing.account
    scale = call.desk.facts(call.ledger).currencies[account.currency].scale
    lower = account.lower if account.sign > 0 else -account.upper
    below = await _since(call, account, -1)
    at_limit = await _since(call, account, lower) if lower > NO_LOWER else None
    return answer(
        StandingAnswer(
            account=account_answer(account, scale),
            business_date=standing.today,
            payment_limits=_payments(standing, scale),
            plans=[
                PlanAnswer(
                    leaf_index=index,
                    begun=begun,
                    starts=show_time(plan.starts),
                    ends=UNSET if plan.ends is UNSET else show_time(plan.ends),
                    **_bounds(account, plan, scale),
                )
                for index, plan, begun in standing.plans
            ],
            earned=_earned(standing, scale),
            negative_since=UNSET if below is None else show_time(below),
            at_limit_since=UNSET if at_limit is None else show_time(at_limit),
            seconds_at_limit=UNSET
            if at_limit is None
            else max(0, standing.now - at_limit) // 1_000_000,
            period=await _period(call, standing, query),
        )
    )


async def _period(
    call: Call, standing: Standing, query: StandingQuery
) -> LimitTime | UnsetType:
    """How long an account was at its limit, where that is asked."""
    first, last = query.first, query.last
    if first is UNSET:
        if last is not UNSET:
            raise Problem("malformed_request", field="from", reason="to without from")
        return UNSET
    zone = zone_of(call.desk.facts(call.ledger))
    today = day_at(standing.now, zone)
    last = today if last is UNSET else last
    if not DATE_MIN <= first <= last <= LAST_DATE or first > today:
        reason = f"from {DATE_MIN} to {LAST_DATE}, not to come, and from not after to"
        raise Problem("malformed_request", field="from", reason=reason)
    ends = min(moment_of(last + A_DAY, 0, zone), standing.now)
    there, at_limit = await time_at_limit(
        call, standing.account, moment_of(first, 0, zone), ends
    )
    return LimitTime(
        first=first,
        last=last,
        seconds=there // 1_000_000,
        seconds_at_limit=UNSET if at_limit is None else at_limit // 1_000_000,
    )


async def _since(call: Call, account: Account, level: int) -> int | None:
    """Since when the balance as shown is not above a level, in microseconds; None: it is."""
    if account.sign * account.balance > level:
        return None
    ledger_id = await call.service.ledger_id(call.ledger)
    row = await call.reads.stood_since(
        ledger_id, account.number, sign=account.sign, level=level
    )
    return None if row is None else await _recorded_at(call, ledger_id, row)


async def _recorded_at(call: Call, ledger_id: int, row: TransferRow) -> int:
    batches = await call.reads.batches_by_number(ledger_id, [row.batch_number])
    leaf = decode_leaf(batches[row.batch_number].line)
    assert isinstance(leaf, BatchPosted), "rows belong to posted batches"
    return leaf.recorded_at


def _payments(standing: Standing, scale: int) -> dict[str, PaymentLimitAnswer]:
    if standing.payments is None:
        return {}
    return {
        name: PaymentLimitAnswer(
            limit=show_amount(getattr(standing.payments, name), scale),
            left=show_amount(left, scale),
        )
        for name, left in standing.left.items()
    }


def _earned(standing: Standing, scale: int) -> EarnedAnswer | UnsetType:
    if standing.earned is None:
        return UNSET
    line = LimitEarned(recorded_at=0, account=1, reason="", by="", rule=standing.earned)
    return _rule(line, scale, received=standing.received)


def _rule(
    line: LimitEarned, scale: int, received: int | None = None
) -> EarnedAnswer | UnsetType:
    rule = line.rule
    if rule is UNSET:
        return UNSET
    return EarnedAnswer(
        n=rule.n,
        d=rule.d,
        base=show_amount(rule.base, scale),
        cap=show_amount(rule.cap, scale),
        received=UNSET if received is None else show_amount(received, scale),
        kinds=rule.kinds,
    )


class _Shown(TypedDict):
    lower_bound: str
    upper_bound: str
    soft_bounds: SoftBounds


def _bounds(account: Account, line: LimitChanged | LimitPlanned, scale: int) -> _Shown:
    """The bounds of a line as the account's nature shows them."""
    as_if = replace(
        account,
        lower=NO_LOWER if line.lower is UNSET else line.lower,
        upper=NO_UPPER if line.upper is UNSET else line.upper,
        soft=None if line.soft is UNSET else line.soft,
    )
    shown = account_answer(as_if, scale)
    return {
        "lower_bound": shown.lower_bound,
        "upper_bound": shown.upper_bound,
        "soft_bounds": shown.soft_bounds,
    }


# ---- what became of it


async def get_limits(call: Call) -> web.Response:
    """The history of an account's limits: what, when, by whom, why, by which decision."""
    account, scale, found, following = await _history(call, CHANGES)
    changes = [_limit_change(account, scale, index, line) for index, line in found]
    return answer(LimitsPage(changes=changes, next=following))


async def get_statuses(call: Call) -> web.Response:
    """The history of an account's status. Orders are seen by compliance and auditors only."""
    _, _, found, following = await _history(call, (StatusChanged,))
    is_told = call.caller.role in SECRETS
    changes = [_status_change(index, line, is_told) for index, line in found]
    return answer(StatusesPage(changes=changes, next=following))


async def _history(
    call: Call, kinds: tuple[type[AnyLeaf], ...]
) -> tuple[Account, int, list[tuple[int, AnyLeaf]], int | UnsetType]:
    """An account, its scale, leaves of these kinds about it, and after which there are more."""
    query = call.query(HistoryQuery)
    code = call.part("code")
    call.check_reach(code)
    standing = await call.desk.standing(call.ledger, code)
    if standing is None:
        raise Problem("account_not_found")
    account = standing.account
    scale = call.desk.facts(call.ledger).currencies[account.currency].scale
    ledger_id = await call.service.ledger_id(call.ledger)
    found: list[tuple[int, AnyLeaf]] = []
    after = query.after
    while len(found) <= query.limit:
        leaves = await call.reads.changes_of(ledger_id, account.number, after=after, limit=SCAN)
        lines = ((index, decode_leaf(line)) for index, line in leaves)
        found += [(index, line) for index, line in lines if isinstance(line, kinds)]
        if len(leaves) < SCAN:
            break
        after = leaves[-1][0]
    page = found[: query.limit]
    return account, scale, page, page[-1][0] if found != page else UNSET


def _limit_change(account: Account, scale: int, index: int, line: AnyLeaf) -> LimitChange:
    assert isinstance(line, CHANGES)
    common = LimitChange(
        leaf_index=index,
        recorded_at=show_time(line.recorded_at),
        what="",
        reason=line.reason,
        by=line.by,
        act=UNSET if isinstance(line, LimitUnplanned) else act_answer(line.act),
    )
    match line:
        case LimitChanged():
            shown = _bounds(account, line, scale)
            return replace(common, what="bounds", plan=line.plan, **shown)
        case LimitPlanned():
            ends = UNSET if line.ends is UNSET else show_time(line.ends)
            shown = _bounds(account, line, scale)
            starts = show_time(line.starts)
            return replace(common, what="planned", starts=starts, ends=ends, **shown)
        case LimitUnplanned():
            return replace(common, what="unplanned", plan=line.plan)
        case LimitEarned():
            return replace(common, what="earned", earned=_rule(line, scale))
    limits = {
        name: show_amount(limit, scale)
        for name in LIMITS
        if (limit := getattr(line, name)) is not UNSET
    }
    return replace(common, what="payments", payment_limits=limits)


def _status_change(index: int, line: AnyLeaf, is_told: bool) -> StatusChange:
    assert isinstance(line, StatusChanged)
    is_shown = is_told or line.order is UNSET
    return StatusChange(
        leaf_index=index,
        recorded_at=show_time(line.recorded_at),
        status=line.status,
        reason=line.reason if is_shown else UNSET,
        by=line.by if is_shown else UNSET,
        order=line.order if is_shown else UNSET,
        act=act_answer(line.act) if is_shown else UNSET,
    )


def act_answer(act: Act | UnsetType) -> ActAnswer | UnsetType:
    """A decision as people read it."""
    if act is UNSET:
        return UNSET
    return ActAnswer(number=act.number, date=act.date, hash=act.hash.hex())
