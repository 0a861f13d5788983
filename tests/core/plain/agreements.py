"""What others must agree to: rules of approval, workflows, proposals; and what is contested."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.core.plain.nouns import Batch, Leaf, Line, No, day_in_utc, moment_here

if TYPE_CHECKING:
    from tests.core.plain.ledger import Plain

WAITING_MAX, TRANSFERS_MAX = 10_000, 131_040
MONTH = 30 * 86_400
ENDED = ("declined", "cancelled", "expired")
SHIPPED: dict[str, Leaf] = {
    "bill": {"starts": "payee", "accepts": "payer", "expires_after": MONTH},
    "credit": {"starts": "payer", "accepts": "payee", "expires_after": MONTH},
    "third_party": {"starts": "third", "expires_after": MONTH},
}


@dataclass
class Proposal:
    """A batch that waits, or has just been decided."""

    line: Leaf
    said: list[Leaf] = field(default_factory=list)

    @property
    def approved(self) -> list[Leaf]:
        return [line for line in self.said if line["decision"] == "approved"]

    @property
    def is_accepted(self) -> bool:
        return any(line["decision"] == "accepted" for line in self.said)

    @property
    def wants_approval(self) -> bool:
        return len(self.approved) < int(self.line.get("approvals", 0))

    @property
    def wants_acceptance(self) -> bool:
        return "accepts" in self.line and not self.is_accepted

    @property
    def ended(self) -> str:
        """What it was decided by, if not by agreement."""
        return next((s["decision"] for s in self.said if s["decision"] in ENDED), "")

    @property
    def is_over(self) -> bool:
        return bool(self.ended) or not (self.wants_approval or self.wants_acceptance)

    def accepts_by_itself(self, now: int) -> bool:
        at = self.line.get("accept_at")
        return self.wants_acceptance and at is not None and at <= now < self.line["expires"]


@dataclass(frozen=True)
class Wanted:
    """What rules of approval ask of a batch together."""

    approvals: int
    expires_after: int
    hold: bool


class Agreements:
    """What is asked of proposals and of the rules about them, and of disputes."""

    def __init__(self, plain: "Plain") -> None:
        self.plain = plain
        self.requests: dict[UUID, Batch] = {}  # Of what waits.

    # ---- as the lines tell

    def proposals(self) -> dict[UUID, Proposal]:
        """Those that wait or are decided, but have no leaf of their batch yet."""
        found: dict[UUID, Proposal] = {}
        for line in self.plain.journal if self.plain.lines["proposed"] else ():
            match line["line"]:
                case "proposed":
                    found[line["batch"]] = Proposal(line)
                case "decided":
                    found[line["batch"]].said.append(line)
                case "batch" | "refused":
                    found.pop(line["batch"], None)
        return found

    def open(self) -> dict[UUID, Proposal]:
        return {b: each for b, each in self.proposals().items() if not each.is_over}

    def ending(self) -> Proposal | None:
        """The one that was decided by the last line."""
        return next((each for each in self.proposals().values() if each.is_over), None)

    def reserved(self) -> list[Leaf]:
        """What open proposals keep back."""
        return [one for each in self.open().values() for one in each.line.get("holds", [])]

    def policies(self) -> dict[str, Leaf]:
        """The lines of the rules of approval that are there, in the order of codes."""
        found = {}
        for line in self.plain.lines["policy"]:
            found.pop(line["code"], None)
            if "rule" in line:
                found[line["code"]] = line
        return dict(sorted(found.items()))

    def own_workflows(self) -> dict[str, Leaf | None]:
        """What was set, or removed, besides those that are shipped."""
        lines = self.plain.lines["workflow"]
        return dict(sorted({line["code"]: line.get("rule") for line in lines}.items()))

    def workflow(self, code: str) -> Leaf | None:
        return {**SHIPPED, **self.own_workflows()}.get(code)

    def whitelist(self) -> set[tuple[str, str]]:
        """Who accepts at once what whom starts."""
        found: dict[tuple[str, str], bool] = {}
        for line in self.plain.lines["whitelist"]:
            found[line["account"], line["partner"]] = line["on"]
        return {pair for pair, on in found.items() if on}

    def roles(self) -> dict[str, str]:
        """Of keys that are, or were, no operators'."""
        return {
            line["key"]: line["role"]
            for line in self.plain.lines["key"]
            if line["action"] == "grant"
            if line.get("role", "operator") != "operator"
        }

    def disputes(self) -> dict[int, Leaf]:
        """The lines of those that are open; with `overdue` the moment when that was said."""
        found: dict[int, Leaf] = {}
        for line in self.plain.journal if self.plain.lines["dispute"] else ():
            match line["line"]:
                case "dispute":
                    found[line["target"]] = line
                case "dispute_overdue":
                    late = {"overdue": line["recorded_at"]}
                    found[line["target"]] = found[line["target"]] | late
                case "dispute_ended":
                    del found[line["target"]]
        return dict(sorted(found.items()))

    def late_disputes(self) -> list[int]:
        """Those of which the clock should have said by now that they are overdue."""
        return [
            target
            for target, line in self.disputes().items()
            if "due" in line and "overdue" not in line
            if moment_here(line["due"], 1440) <= self.plain.now
        ]

    # ---- rules of approval

    def wanted(self, batch: Batch, before: int) -> Wanted | None:
        """What the rules that were set before a leaf ask; None: nothing."""
        role = self.roles().get(batch.key, "operator")
        rules = [
            line["rule"]
            for line in self.policies().values()
            if line["place"] < before
            if role in (line["rule"].get("makers") or [role])
            if any(self._is_for(line["rule"], each) for each in batch.lines)
        ]
        if not rules:
            return None
        return Wanted(
            max(rule["approvals"] for rule in rules),
            min(rule["expires_after"] for rule in rules),
            any(rule.get("hold", False) for rule in rules),
        )

    def _is_for(self, rule: Leaf, line: Line) -> bool:
        plain = self.plain
        if line.debit not in plain.accounts or line.credit not in plain.accounts:
            return False
        names = [
            code
            for pattern in rule.get("accounts", [])
            for code in (line.debit, line.credit)
            if code == pattern or (pattern[-1] == "*" and code.startswith(pattern[:-1]))
        ]
        return (
            line.amount >= rule.get("amount_from", 1)
            and line.kind in (rule.get("kinds") or [line.kind])
            and rule.get("currency") in (None, plain.currency(line.debit))
            and (not rule.get("accounts") or bool(names))
        )

    def is_what_was_agreed(self, batch: Batch, line: Leaf) -> bool:
        """Whether count, sums and the two of a payment are those of the proposal."""
        parties = line.get("payer"), line.get("payee")
        given = batch.lines[0].debit, batch.lines[0].credit
        is_between = "workflow" not in line or parties == given
        sums = {code: str(total) for code, total in self.sums(batch).items()}
        return len(batch.lines) == line["count"] and sums == line["sums"] and is_between

    def sums(self, batch: Batch) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in batch.lines:
            for code in (line.debit, line.credit):
                if code in self.plain.accounts:
                    currency = self.plain.currency(code)
                    found[currency] = found.get(currency, 0) + line.amount
                    break
        return found

    # ---- why a line cannot follow

    def against_policy(self, line: Leaf) -> Iterator[No]:
        if "rule" not in line and line["code"] not in self.policies():
            yield No("policy_not_found")

    def against_workflow(self, line: Leaf) -> Iterator[No]:
        rule = line.get("rule")
        if rule is None:
            if self.workflow(line["code"]) is None:
                yield No("workflow_not_found")
            return
        accepts, is_held = rule.get("accepts"), rule.get("hold", False)
        if accepts is None:
            is_possible = "accept_after" not in rule and not is_held
        else:
            is_possible = accepts != rule["starts"] and not (is_held and accepts == "payer")
        if not is_possible:
            yield No("workflow_not_possible")

    def against_whitelist(self, line: Leaf) -> Iterator[No]:
        pair = line["account"], line["partner"]
        if any(code not in self.plain.accounts for code in pair):
            yield No("account_not_found")
        if pair[0] == pair[1]:
            yield No("accounts_must_differ")

    def against_proposal(self, line: Leaf) -> Iterator[No]:
        waiting = self.open()
        if line["batch"] in waiting:
            yield No("proposal_pending")
        transfers = sum(each.line["count"] for each in waiting.values()) + line["count"]
        if len(waiting) + 1 > WAITING_MAX or transfers > TRANSFERS_MAX:
            yield No("proposals_full")
        parties = [line[name] for name in ("payer", "payee") if name in line]
        if "workflow" in line:
            rule = self.workflow(line["workflow"])
            if rule is None:
                yield No("workflow_not_found")
            elif rule.get("accepts") != line.get("accepts"):
                yield No("workflow_not_possible")
            if line["count"] != 1 or len(parties) != 2:
                yield No("workflow_not_possible")
        for name, code in (("payer", "debit"), ("payee", "credit")):
            party = line.get(name)
            if party is not None and party not in self.plain.accounts:
                yield No("account_not_found")
            elif party is not None and self.plain.status(party) == "closed":
                yield No(f"{code}_account_closed", party)
        if line.get("approvals", 0) == 0 and "accepts" not in line:
            yield No("decision_not_needed")
        if "accepts" in line and "workflow" not in line:
            yield No("decision_not_needed")
        if line["expires"] <= self.plain.now:
            yield No("proposal_expired")
        yield from self._against_reserving(line.get("holds", []))

    def _against_reserving(self, holds: list[Leaf]) -> Iterator[No]:
        """What of it cannot be kept back, one after the other."""
        plain, pairs = self.plain, list[Leaf]()
        for one in holds:
            debit, credit = one["debit_account"], one["credit_account"]
            if debit not in plain.accounts or credit not in plain.accounts:
                yield No("account_not_found")
        for one in holds:
            debit, credit = one["debit_account"], one["credit_account"]
            no = plain.why_never(debit, credit)
            no = no or plain.why_not(debit, credit, one["amount"], kept_back=pairs)
            if no:
                yield no
                return
            pairs.append(one)

    def against_decision(self, line: Leaf) -> Iterator[No]:
        now, one = self.plain.now, self.open().get(line["batch"])
        if one is None:
            yield No("proposal_not_open")
            return
        is_over = one.line["expires"] <= now
        names = [line[name] for name in ("by", "user") if name in line]
        match line["decision"]:
            case "expired":
                if not is_over or "by" in line:
                    yield No("proposal_not_due")
                return
            case "approved":
                if "by" not in line or not one.wants_approval:
                    yield No("decision_not_needed")
                makers = [one.line["key"], *one.line.get("made_by", [])]
                if any(name in makers for name in names):
                    yield No("approver_is_maker")
                before = [said.get(name) for said in one.approved for name in ("by", "user")]
                if any(name in before for name in names):
                    yield No("approved_already")
            case "accepted":
                if not one.wants_acceptance:
                    yield No("decision_not_needed")
                elif "by" not in line and not self._may_be_accepted(one):
                    yield No("proposal_not_due")
            case _:
                if "by" not in line:
                    yield No("decision_not_needed")
        if is_over:
            yield No("proposal_not_open")

    def _may_be_accepted(self, one: Proposal) -> bool:
        return one.accepts_by_itself(self.plain.now) or self.is_whitelisted(one.line)

    def is_whitelisted(self, line: dict[str, Any]) -> bool:
        """Whether the party that accepts has the other on its list."""
        other = "payee" if line["accepts"] == "payer" else "payer"
        return (line[line["accepts"]], line[other]) in self.whitelist()

    def against_dispute(self, line: Leaf) -> Iterator[No]:
        if line["target"] > len(self.plain.rows):
            yield No("target_not_found")
        if line["target"] in self.disputes():
            yield No("dispute_open")

    def against_ending(self, line: Leaf) -> Iterator[No]:
        there = self.disputes().get(line["target"], {"place": None})
        if line["opened"] != there["place"]:
            yield No("dispute_not_open")
        linked = line.get("linked")
        if linked is not None and not line["target"] < linked <= len(self.plain.rows):
            yield No("target_not_found")

    def against_being_late(self, line: Leaf) -> Iterator[No]:
        there = self.disputes().get(line["target"])
        if there is None:
            yield No("dispute_not_open")
        elif (
            "overdue" in there
            or "due" not in there
            or there["due"] > day_in_utc(self.plain.now)
        ):
            yield No("dispute_not_due")

    # ---- what time asks for

    def moments(self) -> list[int]:
        """When something is to be said of the open ones."""
        waiting = self.open().values()
        asked = [one for one in waiting if one.wants_acceptance and "accept_at" in one.line]
        return [one.line["expires"] for one in waiting] + [o.line["accept_at"] for o in asked]
