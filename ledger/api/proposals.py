"""Proposals: payments between members, and what is said of batches that wait for others."""

import asyncio
from collections.abc import Mapping
from heapq import nsmallest
from typing import Annotated, Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, field

from ledger.api.answers.base import Answer
from ledger.api.answers.dry_run import DryRun
from ledger.api.auth import READERS
from ledger.api.batches import refused_batch
from ledger.api.posting import answer_outcome, newest_checkpoint, post
from ledger.api.problems import Problem
from ledger.api.queries import PAGE, Limit, NoQuery, PostQuery, WriteQuery
from ledger.api.receipts import batch_receipt, outcome_answers, refusal_problem, refused
from ledger.api.service import Call, answer
from ledger.api.waiting import (
    DecisionAnswer,
    ProposalsPage,
    proposal_answer,
)
from ledger.api.wire import (
    DecisionRequest,
    PaymentRequest,
    PolicyRequest,
    WhitelistRequest,
    WorkflowRequest,
    idempotency_id,
)
from ledger.core.amounts import show_amount
from ledger.core.answered import ProposalView, Receipt, RefusedReceipt
from ledger.core.asked import (
    AskedBatch,
    AskedDecision,
    AskedPolicy,
    AskedTransfer,
    AskedWorkflow,
    Text,
)
from ledger.core.book import Book, Posted
from ledger.core.changes import act_of
from ledger.core.model import Decision, Role
from ledger.core.proposals import is_made_by
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import ApprovalRule, Workflow

READ_AT_ONCE: Final = 500  # Transfers of a proposal; after more, others get their turn.

# ---- rules as data


class RuleAnswer(Answer, frozen=True, kw_only=True):
    """Which transfers somebody else must approve, and how; `amount_from` in the `currency`."""

    approvals: int
    expires_after: int
    kinds: list[str] = field(default_factory=list)
    currency: str | UnsetType = UNSET
    amount_from: str | UnsetType = UNSET
    accounts: list[str] = field(default_factory=list)
    makers: list[Role] = field(default_factory=list)
    hold: bool = False


class PolicyAnswer(Struct, frozen=True, kw_only=True):
    """A rule of approval."""

    code: str
    rule: RuleAnswer


class PoliciesAnswer(Struct, frozen=True, kw_only=True):
    """The rules of approval in the order of their codes."""

    policies: list[PolicyAnswer]


class WorkflowAnswer(Struct, frozen=True, kw_only=True):
    """A workflow of payments."""

    code: str
    rule: Workflow


class WorkflowsAnswer(Struct, frozen=True, kw_only=True):
    """The workflows in the order of their codes, the shipped ones among them."""

    workflows: list[WorkflowAnswer]


class WhitelistedAnswer(Struct, frozen=True, kw_only=True):
    """An account accepts at once what a partner starts."""

    account: str
    partner: str


class WhitelistPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who accepts at once, in the order in which accounts were opened."""

    whitelist: list[WhitelistedAnswer]
    next: str | UnsetType = UNSET


class WhitelistQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after what an answer gave as `next`; or only those of one account."""

    after: Annotated[str, Meta(pattern=r"^[0-9]{1,15}-[0-9]{1,15}\Z")] = "0-0"
    account: Text | UnsetType = UNSET
    limit: Limit = PAGE


class SetAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That it is so from now on, or with `dry_run` that it could be."""

    code: str | UnsetType = UNSET
    dry_run: bool = False


async def post_policy(call: Call) -> web.Response:
    """Set a rule of approval, or without a rule remove it."""
    asked = await call.asked(PolicyRequest)
    dry_run = call.query(WriteQuery).dry_run
    rule: ApprovalRule | UnsetType = UNSET
    if asked.rule is not UNSET:
        rule = asked.rule.rule(call.desk.facts(call.ledger).scales)
    policy = AskedPolicy(reason=asked.reason, rule=rule, act=act_of(asked.act))
    refusal = await call.service.undisturbed(
        call.desk.set_policy(call.ledger, asked.code, policy, call.caller, dry_run=dry_run)
    )
    return _set(call, refusal, asked.code, dry_run)


async def get_policies(call: Call) -> web.Response:
    """The rules of approval."""
    call.query(NoQuery)
    rules = await call.desk.read(call.ledger, lambda book: dict(book.policies.rules))
    scales = call.desk.facts(call.ledger).scales
    found = [
        PolicyAnswer(code=code, rule=_rule(rule, scales))
        for code, rule in sorted(rules.items())
    ]
    return answer(PoliciesAnswer(policies=found))


def _rule(rule: ApprovalRule, scales: Mapping[str, int]) -> RuleAnswer:
    """A rule as people write it; of none but one currency an amount could be shown."""
    least: str | UnsetType = UNSET
    if rule.currency is not UNSET and rule.amount_from > 1:
        least = show_amount(rule.amount_from, scales.get(rule.currency, 0))
    return RuleAnswer(
        approvals=rule.approvals,
        expires_after=rule.expires_after,
        kinds=rule.kinds,
        currency=rule.currency,
        amount_from=least,
        accounts=rule.accounts,
        makers=rule.makers,
        hold=rule.hold,
    )


async def post_workflow(call: Call) -> web.Response:
    """Set a workflow of payments, or without a rule remove it."""
    asked = await call.asked(WorkflowRequest)
    dry_run = call.query(WriteQuery).dry_run
    workflow = AskedWorkflow(reason=asked.reason, rule=asked.rule)
    refusal = await call.service.undisturbed(
        call.desk.set_workflow(call.ledger, asked.code, workflow, call.caller, dry_run=dry_run)
    )
    return _set(call, refusal, asked.code, dry_run)


async def get_workflows(call: Call) -> web.Response:
    """The workflows of payments."""
    call.query(NoQuery)
    rules = await call.desk.read(call.ledger, lambda book: book.workflows.all())
    found = [WorkflowAnswer(code=code, rule=rule) for code, rule in rules.items()]
    return answer(WorkflowsAnswer(workflows=found))


async def post_whitelist(call: Call) -> web.Response:
    """Accept at once what a partner starts, or no more. A member does so for its accounts."""
    asked = await call.asked(WhitelistRequest)
    dry_run = call.query(WriteQuery).dry_run
    call.check_reach(asked.account)
    refusal = await call.service.undisturbed(
        call.desk.set_whitelist(
            call.ledger,
            asked.account,
            asked.partner,
            asked.on,
            call.caller,
            dry_run=dry_run,
        )
    )
    return _set(call, refusal, UNSET, dry_run)


async def get_whitelist(call: Call) -> web.Response:
    """Who accepts whose payments at once. A poster or member sees that of its accounts."""
    query = call.query(WhitelistQuery)
    number, partner = query.after.split("-")
    after = int(number), int(partner)

    def look(book: Book) -> list[tuple[int, int]]:
        only = 0 if query.account is UNSET else book.numbers.get(query.account, -1)
        pairs = (
            pair
            for pair in book.workflows.whitelist
            if pair > after
            and only in (0, pair[0])
            and (call.reach.all or book.codes[pair[0]] in call.reach)
        )
        return nsmallest(query.limit + 1, pairs)

    found = await call.desk.read(call.ledger, look)
    page, faces = found[: query.limit], call.faces()
    return answer(
        WhitelistPage(
            whitelist=[
                WhitelistedAnswer(account=faces[one].code, partner=faces[other].code)
                for one, other in page
            ],
            next="{}-{}".format(*page[-1]) if found != page else UNSET,
        )
    )


def _set(
    call: Call, refusal: Refusal | None, code: str | UnsetType, dry_run: bool
) -> web.Response:
    if refusal is not None:
        raise refusal_problem(call, refusal)
    return answer(SetAnswer(code=code, dry_run=dry_run))


# ---- payments


async def post_payment(call: Call) -> web.Response:
    """Start a payment by a workflow: it is posted, or waits until the other party accepts.

    With dry_run its levies, the balances after it or the refusal, which promises nothing.
    """
    asked = await call.asked(PaymentRequest)
    query = call.query(PostQuery)
    rule = await call.desk.read(call.ledger, lambda book: book.workflows.get(asked.workflow))
    if rule is None:
        raise Problem(RefusalCode.WORKFLOW_NOT_FOUND)
    if rule.starts == "third":
        if call.caller.role is not Role.OPERATOR:
            raise Problem("role_not_allowed")
    else:
        call.check_reach(asked.payer if rule.starts == "payer" else asked.payee)
    batch = AskedBatch(
        id=idempotency_id(call.request, asked.id, call.caller.poster),
        transfers=[_transfer(asked)],
    )
    outcome = await post(call, batch, query.dry_run, asked.workflow)
    return await answer_outcome(call, batch, outcome, query)


def _transfer(asked: PaymentRequest) -> AskedTransfer:
    return AskedTransfer(
        debit_account=asked.payer,
        credit_account=asked.payee,
        amount=asked.amount,
        currency=asked.currency,
        kind=asked.kind,
        reference=asked.reference,
        description=asked.description,
        entered_by=asked.entered_by,
    )


# ---- reading


class ProposalsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a leaf index."""

    after: Annotated[int, Meta(ge=-1, le=2**53 - 1)] = -1
    limit: Limit = PAGE


async def get_proposals(call: Call) -> web.Response:
    """Open proposals; a poster or member sees its own and those that touch its accounts."""
    query = call.query(ProposalsQuery)
    found: list[ProposalView] = []
    for view in await call.desk.proposals(call.ledger):
        if view.proposal.index > query.after and _is_seen(call, view):
            found.append(view)
            if len(found) > query.limit:
                break
        if view.proposal.line.count > READ_AT_ONCE:
            await asyncio.sleep(0)
    page = found[: query.limit]
    return answer(
        ProposalsPage(
            proposals=[proposal_answer(call, view, in_full=False) for view in page],
            next=page[-1].proposal.index if len(found) > len(page) else UNSET,
        )
    )


async def get_proposal(call: Call) -> web.Response:
    """One open proposal with its transfers. Once it is decided, read the batch of its id."""
    call.query(NoQuery)
    view = await call.desk.proposal(call.ledger, _id(call))
    if view is None or not _is_seen(call, view):
        raise Problem("proposal_not_found")
    return answer(proposal_answer(call, view, in_full=True))


def _id(call: Call) -> UUID:
    try:
        return msgspec.convert(call.part("id"), UUID)
    except msgspec.ValidationError:
        raise Problem("proposal_not_found") from None


def _is_seen(call: Call, view: ProposalView) -> bool:
    """Whether a proposal is this caller's, or touches an account in its reach."""
    if call.caller.role in READERS or is_made_by(view.proposal.line, call.caller):
        return True
    return any(
        code in call.reach
        for t in view.asked.transfers
        for code in (t.debit_account, t.credit_account)
    )


# ---- deciding


async def approve(call: Call) -> web.Response:
    """Approve a batch that somebody else made. With the last approval needed it is posted."""
    return await _decide(call, "approved")


async def accept(call: Call) -> web.Response:
    """Accept a payment that the other party started; it is posted."""
    return await _decide(call, "accepted")


async def decline(call: Call) -> web.Response:
    """Refuse to approve or accept. The id of the batch is spent."""
    return await _decide(call, "declined")


async def cancel(call: Call) -> web.Response:
    """Take back what one proposed oneself. The id of the batch is spent."""
    return await _decide(call, "cancelled")


_ENDS: Final = ("declined", "cancelled")


async def _decide(call: Call, decision: Decision) -> web.Response:
    asked = await call.asked(DecisionRequest)
    dry_run = call.query(WriteQuery).dry_run
    said = AskedDecision(
        batch=_id(call), decision=decision, user=asked.user, reason=asked.reason
    )
    view = await call.desk.proposal(call.ledger, said.batch)
    if view is not None:
        _check_may(call, view, decision)
    outcome = await call.service.undisturbed(
        call.desk.decide(call.ledger, said, call.caller, dry_run=dry_run)
    )
    match outcome:
        case Posted():
            outcomes = outcome_answers(outcome, call, call.faces())
            return answer(DryRun(dry_run=True, outcomes=outcomes))
        case ProposalView() if dry_run:
            return answer(DryRun(dry_run=True))
        case ProposalView():
            found = DecisionAnswer(
                proposal=proposal_answer(call, outcome, in_full=False),
                checkpoint=newest_checkpoint(call),
            )
            return answer(found, 202)
        case Receipt():
            found = DecisionAnswer(
                receipt=batch_receipt(call, outcome), checkpoint=newest_checkpoint(call)
            )
            return answer(found, replayed=outcome.replayed)
        case RefusedReceipt() if decision in _ENDS:
            found = DecisionAnswer(
                refused=refused_batch(call, outcome.leaf_index, outcome.leaf),
                checkpoint=newest_checkpoint(call),
            )
            return answer(found, replayed=outcome.replayed)
    if view is None:
        assert isinstance(outcome, Refusal), "nothing else is known of what does not wait"
        raise refusal_problem(call, outcome)
    raise refused(call, view.asked, outcome)


def _check_may(call: Call, view: ProposalView, decision: Decision) -> None:
    """Raise Problem unless this caller may say this of a proposal."""
    if not _is_seen(call, view):
        raise Problem(RefusalCode.PROPOSAL_NOT_OPEN)
    role, line = call.caller.role, view.proposal.line
    if role is Role.OPERATOR or decision == "approved":
        return
    if decision == "cancelled":
        if not is_made_by(view.proposal.line, call.caller):
            raise Problem("role_not_allowed")
        return
    if decision == "declined" and role is Role.APPROVER:
        if not line.approvals:
            raise Problem(RefusalCode.DECISION_NOT_NEEDED)
        return
    if line.accepts is UNSET:
        raise Problem(RefusalCode.DECISION_NOT_NEEDED)
    (transfer,) = view.asked.transfers
    accepting = transfer.debit_account if line.accepts == "payer" else transfer.credit_account
    is_own = accepting not in call.reach and is_made_by(line, call.caller)
    if decision == "declined" and is_own:
        raise Problem("cancel_instead")
    call.check_reach(accepting)
