"""Proposals: batches that wait until others agree; who may say what, and what comes of it.

What waits is known from those who asked for it: a proposal's line has its digest, and the line
is expected field by field.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.simulation.auditor.asked import (
    WAITS,
    asked_of,
    is_same,
    refusal_of,
    sums_of,
)
from tests.simulation.auditor.batches import moment_of, previewed
from tests.simulation.auditor.books import (
    Books,
    Entry,
    always,
    at_rest,
    committed,
    due,
    line,
    needs,
    shown,
)
from tests.simulation.auditor.forms import (
    SCHEDULER,
    data_of,
    digest_of,
    legs_of,
    must,
    why_in,
    why_of,
)
from tests.simulation.auditor.lines import (
    SIGNATURES,
    refused_for_it,
    shows,
    why_unsigned,
)
from tests.simulation.auditor.offers import offer_of, why_new
from tests.simulation.auditor.policies import needs_of, workflow_of
from tests.simulation.auditor.rules import keep_more
from tests.simulation.auditor.schedules import attempt_asked, whose
from tests.simulation.auditor.state import Draft, Moment, Place, Stand, Why

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.answered import (
        PostOutcome,
        ProposalReceipt,
        ProposalView,
        Receipt,
        RefusedReceipt,
    )
    from ledger.core.asked import AskedBatch, AskedDecision
    from ledger.core.book import Posted
    from ledger.core.refusals import Refusal
    from ledger.core.written import AnyBatch

ENDS = ("declined", "cancelled", "expired")
# Why something may not be said of a proposal.
SAID = ("proposal_not_open", "proposal_not_due", "decision_not_needed")
SAID += ("approver_is_maker", "approved_already")
NOT_FOUND = "workflow_not_found"
# For which nobody's last word is taken: it may be otherwise while people wait.
LATER = ("exceeds_credit_limit", "exceeds_balance_limit", "exceeds_payment_limit")
LATER += ("debit_account_frozen", "credit_account_frozen", "exceeds_reserve")
LATER += ("no_day_open", "business_date_not_open")
OPEN_MAX = 10_000  # That wait in a ledger.


@dataclass(frozen=True)
class Proposal:
    """A batch that waits: the leaf that says so, and what was said of it."""

    index: int
    approved: tuple[tuple[str, str], ...] = ()  # By which key, and for whom.
    is_accepted: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False)  # Of the leaf.

    @property
    def approvals_left(self) -> int:
        return int(self.fields.get("approvals", 0)) - len(self.approved)

    @property
    def waits_for_acceptance(self) -> bool:
        return "accepts" in self.fields and not self.is_accepted

    @property
    def is_agreed(self) -> bool:
        return self.approvals_left <= 0 and not self.waits_for_acceptance

    @property
    def sides(self) -> tuple[int, int]:
        """The account that accepts, and its partner who started it."""
        payer, payee = self.fields["payer"], self.fields["payee"]
        return (payer, payee) if self.fields["accepts"] == "payer" else (payee, payer)

    @property
    def reserved(self) -> Sequence[Mapping[str, Any]]:
        return self.fields.get("holds", [])

    def why_not(
        self, decision: str, by: str, user: str, at: int, is_trusted: bool
    ) -> str | None:
        """Why this may not be said of it at a time; `is_trusted` by a whitelist."""
        is_over = self.fields["expires"] <= at
        if decision == "expired":
            return None if is_over and not by else "proposal_not_due"
        if is_over:
            return "proposal_not_open"
        if decision == "approved":
            return self._why_not_approved(by, user)
        if decision == "accepted":
            if not self.waits_for_acceptance:
                return "decision_not_needed"
            is_time = "accept_at" in self.fields and self.fields["accept_at"] <= at
            return None if by or is_time or is_trusted else "proposal_not_due"
        return None if by else "decision_not_needed"

    def _why_not_approved(self, by: str, user: str) -> str | None:
        names = {by, user} - {""}
        if not by or self.approvals_left <= 0:
            return "decision_not_needed"
        if names & {self.fields["key"], *self.fields.get("made_by", ())}:
            return "approver_is_maker"
        before = {name for one in self.approved for name in one}
        return "approved_already" if names & before else None

    def after(self, decision: str, by: str, user: str) -> "Proposal":
        """The same, once this was said of it."""
        if decision == "approved":
            return replace(self, approved=(*self.approved, (by, user)))
        return replace(self, is_accepted=self.is_accepted or decision == "accepted")


@dataclass(frozen=True)
class Ending:
    """A proposal of which the last word was said: its batch is the next leaf."""

    proposal: Proposal
    decision: str
    by: str = ""


@needs("account_has_proposals")
def _waits(books: Books, number: int, size: int) -> bool:
    waiting = books.shelf.all_at("proposal", size).values()
    return any(number in (one.fields.get("payer"), one.fields.get("payee")) for one in waiting)


@shown("proposal")
def _proposals(book: Any) -> dict[Any, Any]:
    return {
        batch: Proposal(one.index, tuple(map(_approval, one.approved)), one.is_accepted)
        for batch, one in book.proposals.open.items()
    }


def _approval(one: Any) -> tuple[str, str]:
    return one.by, one.user or ""


# ---- lines


@line("proposed")
def _proposed(books: Books, entry: Entry) -> None:
    """It waits because it must, for what it must, and as long as it may."""
    fields, at = entry.fields, entry.index
    batch = UUID(fields["batch"])
    books.once("proposal", batch)
    must(batch not in books.spent, "proposed, though it is spent", batch)
    must(len(books.all_now("proposal")) < OPEN_MAX, "too much waits")
    asked = asked_for(books, fields, at)
    expected = _expected(books, asked, fields, at)
    must(fields == expected, "another proposal than there must be", fields, expected)
    proposal = Proposal(at, fields=fields)
    keep(books, proposal, 1)
    books.shelve("proposal", batch, proposal)


def asked_for(books: Books, fields: Mapping[str, Any], size: int) -> "AnyBatch":
    """What was asked for under an id, by the digest of it in a proposal's line."""
    batch, salt = UUID(fields["batch"]), fields["salt"]
    many = [one for one, _ in books.sent.get(batch, ())]
    if fields["key"] == SCHEDULER and (found := whose(books, batch, size)) is not None:
        many.append(attempt_asked(books, *found))
    same = [one for one in many if digest_of(salt, one, is_whole=True) == fields["digest"]]
    must(same, "proposed what nobody asked for", batch)
    return same[0]


def _expected(
    books: Books, asked: "AnyBatch", fields: Mapping[str, Any], at: int
) -> dict[str, Any]:
    """The line of a proposal, all but for who asked, and chance."""
    now, key, workflow = fields["recorded_at"], fields["key"], fields.get("workflow", "")
    why = why_new(books, asked, Moment(now, books.day(now, at)), at, key, workflow)
    must(why == WAITS, "it waits, though it need not, or cannot", why)
    wanted = asked_of(books, asked, at).wanted
    names = ("recorded_at", "batch", "poster", "key", "salt", "digest")
    expected: dict[str, Any] = {name: fields[name] for name in names}
    expected |= {"line": "proposed", "count": len(wanted)}
    sums = sums_of(books, wanted, at)
    expected["sums"] = {code: total for code, total in sums.items() if code}
    makers = sorted({t.entered_by for t in asked.transfers} - {""})
    if makers:
        expected["made_by"] = makers
    if workflow:
        must(workflow_of(books, workflow, at), "by a workflow that is not there", workflow)
        payer, payee = wanted[0].debit, wanted[0].credit
        expected |= {"workflow": workflow, "payer": payer, "payee": payee}
    return expected | offer_of(books, asked, at, key, workflow).fields(now)


def keep(state: Stand, proposal: Proposal, sign: int) -> None:
    """Keep back what a proposal does, or give it back when that ends."""
    for one in proposal.reserved:
        keep_more(state, one["debit_account"], one["credit_account"], sign * one["amount"])


@line("decided")
def _decided(books: Books, entry: Entry) -> None:
    """It is said of what waits, by whoever may say it, in time."""
    fields = entry.fields
    batch, decision = UUID(fields["batch"]), fields["decision"]
    by, user = fields.get("by", ""), fields.get("user", "")
    proposal = books.get("proposal", batch)
    must(proposal, "decided, though it does not wait", batch)
    why = proposal.why_not(
        decision, by, user, fields["recorded_at"], _is_trusted(books, proposal, entry.index)
    )
    must(why is None, f"{decision}, though it may not be", why, fields)
    after = proposal.after(decision, by, user)
    if decision not in ENDS and not after.is_agreed:
        books.shelve("proposal", batch, after)
        return
    books.once("end of a proposal", batch)
    books.shelve("proposal", batch, None)
    keep(books, proposal, -1)
    books.shelve("ending", "", Ending(after, decision, by))


def _is_trusted(books: Books, proposal: Proposal, size: int) -> bool:
    if "accepts" not in proposal.fields:
        return False
    return bool(books.shelf.at("whitelist", proposal.sides, size))


# ---- what a batch needs, and what follows on what


@always
def _follows(books: Books, entry: Entry) -> None:
    """On the last word follows the batch; without it, no batch of which it was needed."""
    fields, at = entry.fields, entry.index
    ending: Ending | None = books.shelf.at("ending", "", at)
    is_batch = fields["line"] in ("batch", "refused")
    if ending is not None:
        proposal = ending.proposal
        batch = proposal.fields["batch"]
        must(is_batch and fields["batch"] == batch, "another leaf than the batch decided")
        must(fields.get("proposed") == proposal.index, "of another proposal", fields)
        asked = asked_for(books, proposal.fields, proposal.index)
        if fields["line"] == "batch":
            _check_posted(books, entry, ending, asked)
        else:
            _check_refused(books, entry, ending, asked)
        books.shelf.put(("ending", ""), None, at + 1)
    elif is_batch:
        is_open = books.shelf.at("proposal", UUID(fields["batch"]), at)
        must(not is_open, "a batch whose proposal waits", fields["batch"])
        must("proposed" not in fields, "a batch of no proposal", fields["batch"])
        if fields["line"] == "batch":
            needs = needs_of(books, entry.wanted, fields["key"], at)
            must(not needs.approvals, "posted without its approvals", fields["batch"])


def _check_posted(books: Books, entry: Entry, ending: Ending, asked: "AnyBatch") -> None:
    """What was posted is what was proposed, and all who had to agree did."""
    fields, proposal = entry.fields, ending.proposal
    must(ending.decision not in ENDS, "posted, though it came to nothing", ending)
    names = ("poster", "key", "count")
    same = all(fields[name] == proposal.fields[name] for name in names)
    entry.approver = next((user or by for by, user in reversed(proposal.approved)), "")
    same = same and is_same(books, entry, asked, fields["poster"])
    must(same, "posted what was not proposed", fields["batch"])
    needs = needs_of(books, entry.wanted, fields["key"], entry.index, before=proposal.index)
    must(needs.approvals <= len(proposal.approved), "posted without its approvals", needs)


def _check_refused(books: Books, entry: Entry, ending: Ending, asked: "AnyBatch") -> None:
    """Refused as it was decided; or though all agreed, as it could not be posted."""
    fields, proposal = entry.fields, ending.proposal
    must(fields["digest"] == digest_of(fields["salt"], asked), "refused something else")
    must(fields["poster"] == proposal.fields["poster"], "another poster's", fields)
    expected: Why | None = Why(None, f"proposal_{ending.decision}")
    if ending.decision not in ENDS:
        expected = _why_after_all(books, asked, moment_of(entry), entry.index, proposal)
    told = why_in(fields)
    must(told == expected, "refused for another reason", told, expected)
    must(not ending.by or told.code not in LATER, "ended for what may pass", told)


def _why_after_all(
    books: Books, asked: "AnyBatch", moment: Moment, size: int, proposal: Proposal
) -> Why | None:
    """Why a batch is refused to which all agreed."""
    wanted, fields = asked_of(books, asked, size).wanted, proposal.fields
    sums = {code: total for code, total in sums_of(books, wanted, size).items() if code}
    sides = (fields.get("payer"), fields.get("payee"))
    is_other = sums != fields["sums"]
    if "workflow" in fields:
        is_other = is_other or (wanted[0].debit, wanted[0].credit) != sides
    needs = needs_of(books, wanted, fields["key"], size, before=proposal.index)
    is_short = needs.approvals > len(proposal.approved)
    code = "control_sums_differ" if is_other else WAITS.code if is_short else ""
    return refusal_of(books, asked, moment, size, agreement=code)


@committed
def _is_whole(books: Books) -> None:
    must(books.get("ending", "") is None, "decided, and nothing said of its batch")


@due
def _over(books: Books, at: int) -> None:
    """What waits has not ended."""
    for batch, one in books.all_now("proposal").items():
        must(one.fields["expires"] > at, "waits after its end", batch)


@at_rest
def _accepted(books: Books, at: int) -> None:
    """Nor has the time come at which it is accepted by itself."""
    for batch, one in books.all_now("proposal").items():
        is_time = one.waits_for_acceptance and one.fields.get("accept_at", at + 1) <= at
        must(not is_time, "waits, though it is accepted by itself", batch)


# ---- what was told


def proposed(
    books: Books, asked: "AnyBatch", poster: str, receipt: "ProposalReceipt", signed: int
) -> None:
    """It waits, or waited, as it was asked for."""
    fields = books.answered(receipt.leaf_index, signed).fields
    found = (fields["line"], fields.get("batch"), fields.get("poster"))
    must(found == ("proposed", str(asked.id), poster), "a receipt of another leaf", found)
    digest = digest_of(fields["salt"], asked, is_whole=True)
    must(fields["digest"] == digest, "a receipt for something else", asked)


def not_proposed(
    books: Books,
    asked: "AnyBatch",
    poster: str,
    workflow: str,
    refusal: "Refusal",
    since: int,
) -> None:
    """It was not let wait, for what was so since it was asked.

    Args:
        since: how many leaves there were then.
    """
    books.read()
    sizes = books.sizes(since)
    match refusal.code:
        case "workflow_not_found":
            ever = [workflow_of(books, workflow, size) for size in sizes]
            must(None in ever, "a workflow that is there is not found", workflow)
        case "proposal_pending":
            waiting = [
                one for size in sizes for one in books.shelf.all_at("proposal", size).values()
            ]
            is_like = any(_is_like(books, one, asked, poster) for one in waiting)
            must(is_like, "nothing like it waits", asked)
        case code:
            must(False, "not let wait without reason", code)


def _is_like(books: Books, one: Proposal, asked: "AnyBatch", poster: str) -> bool:
    """Whether a proposal is the same under another id, or has a reference of it."""
    there = asked_for(books, one.fields, one.index)
    if _references(there) & _references(asked):
        return True
    digest = digest_of(one.fields["salt"], asked, is_whole=True, batch=one.fields["batch"])
    return one.fields["poster"] == poster and one.fields["digest"] == digest


def _is_shown(books: Books, fields: Mapping[str, Any], size: int, shown: "AskedBatch") -> bool:
    """Whether a request is the one that waits; lines are told in words."""
    if digest_of(fields["salt"], shown, is_whole=True) == fields["digest"]:
        return True
    data = data_of(asked_for(books, fields, size))
    return bool(data) and shows(books, data, shown)


def _references(asked: "AnyBatch") -> set[tuple[str, str]]:
    source = asked.source if isinstance(asked.source, str) else ""
    return {(source, t.reference) for t in asked.transfers if t.reference}


def settled(
    books: Books,
    said: "AskedDecision",
    key: str,
    receipt: "Receipt | RefusedReceipt",
    signed: int,
) -> None:
    """The last word was this one, or the same before; and it led to this leaf."""
    entry = books.answered(receipt.leaf_index, signed)
    must(entry.fields.get("batch") == str(said.batch), "a receipt of another batch")
    last = books.entries[entry.index - 1].fields
    found = (last["line"], last.get("decision"), last.get("by"))
    must(found == ("decided", said.decision, key), "decided by another", found)
    told: tuple[object, ...] = (receipt.leaf_index, receipt.leaf)
    if entry.fields["line"] == "batch":
        posted: Any = receipt
        must(entry.legs == legs_of(posted.posted), "other legs than the journal's")
        told = (*told, entry.legs, list(map(why_of, posted.posted.refused)))
    books.tell(said.batch, told)


def still_waits(books: Books, said: "AskedDecision", key: str, signed: int) -> None:
    """It was said, and is not enough."""
    books.read()
    fields = {"line": "decided", "batch": str(said.batch), "by": key}
    fields["decision"] = said.decision
    entries = [one for one in books.entries[:signed] if fields.items() <= one.fields.items()]
    waits = [books.shelf.at("proposal", said.batch, one.index + 1) for one in entries]
    must(any(waits), "never said, or enough", fields)


def not_said(
    books: Books,
    said: "AskedDecision",
    key: str,
    refusal: "Refusal",
    since: int,
    times: set[int],
) -> None:
    """It could not be said at some moment since it was asked, for the reason given."""
    books.read()
    user = said.user if isinstance(said.user, str) else ""
    found = set()
    for size in books.sizes(since):
        one: Proposal | None = books.shelf.at("proposal", said.batch, size)
        recorded_at = books.entries[size - 1].fields["recorded_at"]
        for at in {max(time, recorded_at) for time in times}:
            if one is None:
                found.add("proposal_not_open")
            else:
                is_trusted = _is_trusted(books, one, size)
                found.add(one.why_not(said.decision, key, user, at, is_trusted) or "")
    must(refusal.code in found, "refused without reason", refusal.code, found)


def put_off(
    books: Books,
    said: "AskedDecision",
    refusal: "Refusal",
    since: int,
    times: set[int],
) -> None:
    """It would have been the last word, and the batch could not be posted just then."""
    must(refusal.code in LATER, "not said, for what never passes", refusal)
    must(said.decision in ("approved", "accepted"), "put off, though it ends it", said)
    tried(books, said, refusal, since, times)


def looked(
    books: Books,
    asked: "AnyBatch",
    outcome: "PostOutcome",
    since: int,
    times: set[int],
    key: str,
    workflow: str = "",
    poster: str = "",
) -> None:
    """A dry run says what a batch would wait for, and what would come of it after that.

    Where a party must accept, what it has is not asked: the other could find it out.

    Args:
        poster: whose it is, where the key is somebody's.
    """
    books.read()
    poster = poster or key
    told: Any = outcome
    line, then = getattr(told, "line", None), getattr(told, "outcome", told)
    why = why_of(then)
    if line is None and why is not None and why.code in ("proposal_pending", NOT_FOUND):
        not_proposed(books, asked, poster, workflow, then, since)
        return
    if why is not None and why.code in SIGNATURES:
        refused_for_it(books, asked, poster, then, since)
        return
    whys = {why_unsigned(books, asked, poster, size) for size in books.sizes(since)}
    must(None in whys, "a dry run of what is not signed as it must be", whys)
    found: list[object] = []
    for size in books.sizes(since):
        recorded_at = books.entries[size - 1].fields["recorded_at"]
        for at in sorted({max(time, recorded_at) for time in times}):
            found.append(
                why_new(books, asked, Moment(at, books.day(at, size)), size, key, workflow)
            )
            if line is not None and found[-1] == WAITS:
                offer = offer_of(books, asked, size, key, workflow)
                found[-1] = (offer.approvals, offer.accepts, bool(offer.holds))
    if line is not None:
        waits = (line.approvals, line.accepts or "", bool(line.holds))
        must(waits in found, "a dry run that would wait otherwise", waits, found)
    elif why is not None and why in found:
        return
    if line is None or not line.accepts:
        previewed(books, asked, then, since, times, key=None if line or workflow else key)
    elif why is not None:
        other = line.payer if line.accepts == "payer" else line.payee
        must(why.account != other or not why.available, "a dry run tells a balance", why)


def tried(
    books: Books,
    said: "AskedDecision",
    outcome: "Posted | Refusal",
    since: int,
    times: set[int],
) -> None:
    """A dry run of what would end it says what its batch would do, with what it kept back."""
    books.read()
    sizes = books.sizes(since)
    stood = {size: books.shelf.at("proposal", said.batch, size) for size in sizes}
    one: Proposal = next(filter(None, stood.values()))
    asked = asked_for(books, one.fields, one.index)

    def freed(size: int) -> Iterable[Place]:
        draft = Draft(books.shelf, size, size)
        if stood[size] is not None:
            keep(draft, stood[size], -1)
        return [one for one in draft.changed.values() if isinstance(one, Place)]

    previewed(books, asked, outcome, since, times, key=None, but=freed)


def listed(books: Books, views: "Sequence[ProposalView]", signed: int, since: int) -> None:
    """All that waited at some moment since it was asked, the oldest first, as asked for."""
    books.read()
    found = {one.asked.id: one.proposal.index for one in views}
    must(max(found.values(), default=0) < signed, "seen before it was signed", found)
    for one in views:
        fields = books.entries[one.proposal.index].fields
        is_it = _is_shown(books, fields, one.proposal.index, one.asked)
        must(is_it, "another request than waits", one.asked)
    ever = [
        {batch: one.index for batch, one in books.shelf.all_at("proposal", size).items()}
        for size in books.sizes(since)
    ]
    must(found in ever and list(found.values()) == sorted(found.values()), "others wait", found)
