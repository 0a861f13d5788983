"""Who must agree: rules of approval, workflows of payments, and whitelists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tests.simulation.auditor.books import Books, Entry, line, shown
from tests.simulation.auditor.forms import must
from tests.simulation.auditor.state import Place, Wanted

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.refusals import Refusal

A_MONTH_S = 30 * 86_400
# Those of every ledger, until it sets others in their place or removes them.
SHIPPED: Mapping[str, Mapping[str, Any]] = {
    "bill": {"starts": "payee", "accepts": "payer", "expires_after": A_MONTH_S},
    "credit": {"starts": "payer", "accepts": "payee", "expires_after": A_MONTH_S},
    "third_party": {"starts": "third", "expires_after": A_MONTH_S},
}
REMOVED: Mapping[str, Any] = {}  # What stands in place of a workflow that was removed.


# ---- rules of approval


@line("policy")
def _policy(books: Books, entry: Entry) -> None:
    code, rule = entry.fields["code"], entry.fields.get("rule")
    there = books.get("policy", code)
    must(rule or there, "no such rule to remove", code)
    must(not there or there["rule"] != rule, "a line that changes nothing", code)
    books.shelve("policy", code, rule and {"rule": rule, "since": entry.index})


@shown("policy")
def _policies(book: Any) -> dict[Any, Any]:
    return {
        code: {"rule": msgspec.to_builtins(rule), "since": book.policies.since[code]}
        for code, rule in book.policies.rules.items()
    }


@shown("role")
def _roles(book: Any) -> dict[Any, Any]:
    return {key: str(role) for key, role in book.policies.roles.items()}


@dataclass(frozen=True)
class Needs:
    """What the rules for a batch ask together; `seconds` until it is given up."""

    approvals: int = 0
    seconds: int | None = None
    hold: bool = False


def needs_of(
    books: Books, wanted: Sequence[Wanted], key: str, size: int, *, before: int | None = None
) -> Needs:
    """What is asked of transfers that came with a key, by rules set before a leaf."""
    role = books.shelf.at("role", key, size) or "operator"
    rules = [
        one["rule"]
        for one in books.shelf.all_at("policy", size).values()
        if (before is None or one["since"] < before)
        and role in one["rule"].get("makers", [role])
        and any(_is_for(books, one["rule"], t, size) for t in wanted)
    ]
    return Needs(
        approvals=max((rule["approvals"] for rule in rules), default=0),
        seconds=min((rule["expires_after"] for rule in rules), default=None),
        hold=any(rule.get("hold", False) for rule in rules),
    )


def _is_for(books: Books, rule: Mapping[str, Any], t: Wanted, size: int) -> bool:
    """Whether a rule is for a transfer: all of what it says."""
    payer, payee = books.at(t.debit, size), books.at(t.credit, size)
    if payer is None or payee is None:
        return False
    patterns = rule.get("accounts")
    return (
        t.amount >= rule.get("amount_from", 1)
        and t.kind in rule.get("kinds", [t.kind])
        and payer.currency == rule.get("currency", payer.currency)
        and (patterns is None or any(_names(one, payer, payee) for one in patterns))
    )


def _names(pattern: str, payer: Place, payee: Place) -> bool:
    if pattern.endswith("*"):
        return any(one.code.startswith(pattern[:-1]) for one in (payer, payee))
    return pattern in (payer.code, payee.code)


# ---- workflows of payments


@line("workflow")
def _workflow(books: Books, entry: Entry) -> None:
    code, rule = entry.fields["code"], entry.fields.get("rule")
    there = workflow_of(books, code, entry.index)
    must(rule or there, "no such workflow to remove", code)
    must(rule != there, "a line that changes nothing", code)
    if rule is not None:
        accepts = rule.get("accepts")
        must(accepts != rule["starts"], "who starts a payment accepts it", rule)
        is_payees = not rule.get("hold") or accepts == "payee"
        must(is_payees, "held for a payer who accepts, or for nobody", rule)
        must(accepts or "accept_after" not in rule, "accepted by nobody after a time", rule)
        is_in_time = rule.get("accept_after", 0) < rule["expires_after"]
        must(is_in_time, "accepted by itself when it is over", rule)
    books.shelve("workflow", code, REMOVED if rule is None else rule)


@shown("workflow")
def _workflows(book: Any) -> dict[Any, Any]:
    return {
        code: REMOVED if rule is None else msgspec.to_builtins(rule)
        for code, rule in book.workflows.own.items()
    }


def workflow_of(books: Books, code: str, size: int) -> Mapping[str, Any] | None:
    """A workflow as it was after `size` leaves."""
    own = books.shelf.at("workflow", code, size)
    return SHIPPED.get(code) if own is None else own or None


# ---- whitelists


@line("whitelist")
def _whitelist(books: Books, entry: Entry) -> None:
    fields = entry.fields
    pair = fields["account"], fields["partner"]
    must(pair[0] != pair[1], "an account trusts itself", pair)
    must(all(map(books.now, pair)), "no such account", pair)
    must(bool(books.get("whitelist", pair)) is not fields["on"], "nothing is new", pair)
    books.shelve("whitelist", pair, True if fields["on"] else None)


@shown("whitelist")
def _whitelists(book: Any) -> dict[Any, Any]:
    return dict.fromkeys(book.workflows.whitelist, True)


# ---- what was told of setting them


def rule_told(
    books: Books,
    kind: str,
    code: str,
    rule: Mapping[str, Any] | None,
    refusal: "Refusal | None",
    signed: int,
) -> None:
    """A rule or workflow was set so, or removed, or there is a reason why not."""
    books.read()
    stood = [(0, SHIPPED.get(code) if kind == "workflow" else None)]
    stood += [
        (size, one and one.get("rule", one)) for size, one in books.shelf.stood(kind, code)
    ]
    if refusal is None:
        is_so = any((one or None) == rule and size <= signed for size, one in stood)
        must(is_so, f"a {kind} that was never so", code, rule)
    elif refusal.code == f"{kind}_not_found":
        is_so = rule is None and any(not one for _, one in stood)
        must(is_so, f"a {kind} that was always there is not found", code)
    else:
        accepts = rule and rule.get("accepts")
        is_odd = (
            kind == "workflow"
            and rule is not None
            and (
                accepts == rule["starts"]
                or (bool(rule.get("hold")) and accepts != "payee")
                or ("accept_after" in rule and not accepts)
                or rule.get("accept_after", 0) >= rule["expires_after"]
            )
        )
        must(is_odd and refusal.code == "workflow_not_possible", "refused without reason", rule)


def whitelist_told(
    books: Books, pair: tuple[str, str], on: bool, refusal: "Refusal | None", signed: int
) -> None:
    """Whom an account trusts was said so, or there is a reason why not."""
    books.read()
    numbers = tuple(books.numbers.get(code, 0) for code in pair)
    stood = [(0, None), *books.shelf.stood("whitelist", numbers)]
    match refusal and refusal.code:
        case None:
            is_so = any(bool(one) is on and size <= signed for size, one in stood)
            must(is_so, "a whitelist that was never so", pair, on)
        case "accounts_must_differ":
            must(pair[0] == pair[1], "two are taken for one", pair)
        case code:
            must(code == "account_not_found", "refused without reason", code)
