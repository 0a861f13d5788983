"""A reader of journals made after JOURNAL.md alone: json, and the page's rules for batches.

It imports nothing of ours and is as plain as the page. Tests hold the ledger to it. What
refuses a whole batch (control sums, times, references) is not in it, nor are business days.
"""

import json
from itertools import groupby
from typing import Any

NONE_LOWER, NONE_UPPER = -(2**63 - 1), 2**63 - 1
STANDING_IN = {
    "debit_account_closed": "debit",
    "debit_account_frozen": "debit",
    "exceeds_credit_limit": "debit",
    "credit_account_closed": "credit",
    "credit_account_frozen": "credit",
    "exceeds_balance_limit": "credit",
}

Line = dict[str, Any]


class Refused(Exception):
    """A reason, with the account and what is available where the page's table has them."""

    def __init__(
        self, code: str, account: int | None = None, available: int | None = None
    ) -> None:
        self.line: Line = {"code": code}
        if account:
            self.line["account"] = account
        if available is not None:
            self.line["available"] = str(available)


class Outsider:
    """The state, as the page lists it."""

    def __init__(self) -> None:
        self.currencies: list[Line] = []
        self.accounts: dict[int, Line] = {}
        self.rows: dict[int, Line] = {}
        self.holds: dict[int, Line] = {}
        self.suspense: dict[int, Line] = {}
        self.size = self.batches = self.recorded_at = 0

    def read(self, leaf: bytes, body: bytes = b"") -> list[Line]:
        """Take a leaf; for a batch, return its outcomes."""
        line = json.loads(leaf)
        self.recorded_at, outcomes = line["recorded_at"], []
        account = self.accounts.get(line.get("account", 0), {})
        match line["line"]:
            case "currency":
                self.currencies.append(line)
            case "account":
                self.accounts[line["number"]] = line | {"status": "open", "balance": 0}
            case "limit":
                for bound in ("lower", "upper", "soft"):
                    account.pop(bound, None)
                    if bound in line:
                        account[bound] = line[bound]
            case "status":
                account["status"] = line["status"]
            case "expired":
                assert len(set(line["holds"])) == len(line["holds"])
                for number in line["holds"]:
                    assert self.holds.pop(number)["expires"] <= self.recorded_at
            case "batch":
                outcomes = self.batch(line, [json.loads(x) for x in body.splitlines()])
        self.size += 1
        return outcomes

    def state(self) -> list[bytes]:
        """The lines of a snapshot."""
        head = {
            "line": "state",
            "rules": 1,
            "size": self.size,
            "accounts": len(self.accounts),
            "batches": self.batches,
            "transfers": len(self.rows),
            "recorded_at": self.recorded_at,
        }
        lines: list[Line] = [head]
        for line in self.currencies:
            lines.append({name: line[name] for name in ("code", "kind", "scale")})
            lines[-1]["line"] = "state_currency"
        for line in self.accounts.values():
            lines.append({k: v for k, v in line.items() if k not in ("by", "recorded_at")})
            lines[-1] |= {"line": "state_account", "balance": str(line["balance"])}
        for kind, part in (("state_hold", self.holds), ("state_suspended", self.suspense)):
            lines += [{**part[n], "line": kind, "sequence": n} for n in sorted(part)]
        return [canonical(line) for line in lines]

    # ---- a batch

    def batch(self, leaf: Line, body: list[Line]) -> list[Line]:
        manifest, *self.lines = body
        self.first = len(self.rows) + 1
        outcomes: list[Line] = []

        def entry(position: int) -> tuple[int, int]:
            number = self.lines[position].get("terms", {}).get("entry", 0)
            return (number, 0) if number else (0, position + 1)

        for _, group in groupby(range(len(self.lines)), entry):
            before, done = json.dumps(self.changing()), []
            for position in (together := list(group)):
                try:
                    done.append({"position": position, **self.transfer(position)})
                except Refused as refused:
                    assert manifest["mode"] == "each"
                    self.go_back(before)
                    done = [{"position": p, "code": "entry_refused"} for p in together]
                    done[position - together[0]] = {"position": position, **refused.line}
                    break
            outcomes += done
        assert leaf["posted"] == len(self.rows) - self.first + 1
        self.batches += 1
        plain = all(
            set(line) == {"position", "sequence"} and len(outcomes) == len(self.lines)
            for line in outcomes
        )
        return [] if plain else outcomes

    def changing(self) -> list[object]:
        return [self.accounts, self.rows, self.holds, self.suspense]

    def go_back(self, before: str) -> None:
        parts = [{int(n): line for n, line in part.items()} for part in json.loads(before)]
        self.accounts, self.rows, self.holds, self.suspense = parts

    # ---- one transfer

    def transfer(self, position: int) -> Line:
        line = self.lines[position]
        d, c, amount = line["debit_account"], line["credit_account"], line["amount"]
        terms: Line = line.get("terms", {})
        if d not in self.accounts:
            raise Refused("debit_account_not_found")
        if c not in self.accounts:
            raise Refused("credit_account_not_found")
        if d == c:
            raise Refused("accounts_must_differ", c)
        if self.currency(d) != self.currency(c):
            raise Refused("accounts_of_different_currencies", c)
        self.check_terms(position, terms, d, c, amount)
        target = terms.get("target", 0)
        match terms.get("action"):
            case "hold":
                m = self.allowed(terms, d, c, amount)
                self.standing(d, c, max(m, 1))
                outcome = self.outcome(m, amount, self.flags(d, c, m))
                outcome["sequence"] = self.row(d, c, m, "held")
                self.holds[outcome["sequence"]] = {
                    "debit_account": d,
                    "credit_account": c,
                    "amount": m,
                    "left": m,
                    "expires": terms["expires"],
                }
                return outcome
            case "post":
                self.shut(d, c)
                self.holds[target]["left"] -= amount
                if terms.get("release") or not self.holds[target]["left"]:
                    del self.holds[target]
                return {"sequence": self.row(d, c, amount)}
            case "void":
                left = self.holds.pop(target)["left"]
                outcome = self.outcome(left, amount, [])
                return outcome | {"sequence": self.row(d, c, left, "released")}
        return self.move(terms, d, c, amount)

    def check_terms(self, position: int, terms: Line, d: int, c: int, amount: int) -> None:
        action, target = terms.get("action"), terms.get("target", 0)
        for other in (terms[name] for name in ("rest", "suspense") if name in terms):
            wrong = other not in self.accounts or other in (d, c)
            if wrong or self.currency(other) != self.currency(d):
                raise Refused(
                    "terms_account_not_usable", other if other in self.accounts else None
                )
        if action in ("post", "void") and target not in self.holds:
            raise Refused("hold_not_open")
        if action in ("hold", "post", "void"):
            hold = self.holds.get(target, terms)
            if hold["expires"] <= self.recorded_at:
                raise Refused("hold_expired")
        if action in ("post", "void"):
            if (hold["debit_account"], hold["credit_account"]) != (d, c):
                raise Refused("target_differs")
            if action == "void" and amount != hold["amount"]:
                raise Refused("target_differs", d, hold["amount"])
            if action == "post" and amount > hold["left"]:
                raise Refused("exceeds_target", d, hold["left"])
        if action == "reverse":
            if target >= self.first:
                raise Refused("target_not_found")
            row = self.rows[target]
            if row["phase"] != "posted" or row["link"] or target in self.suspense:
                raise Refused("target_not_reversible")
            if (row["credit"], row["debit"]) != (d, c):
                raise Refused("target_differs")
            if amount > row["amount"] - row["taken"]:
                raise Refused("exceeds_target", d, row["amount"] - row["taken"])
        if action == "clear":
            if target not in self.suspense:
                raise Refused("target_not_in_suspense")
            item = self.suspense[target]
            if item["account"] != (c if item["side"] == "debit" else d):
                raise Refused("target_differs", item["account"])
            if amount > item["left"]:
                raise Refused("exceeds_target", d, item["left"])
        if "rate" in terms:
            before = self.lines[position - 1] if position else {}
            if before.get("terms", {}).get("entry") != terms["entry"]:
                raise Refused("rate_differs")
            if self.currency(before["debit_account"]) == self.currency(d):
                raise Refused("rate_differs")
            bought = before["amount"] * terms["rate"]["n"] // terms["rate"]["d"]
            if bought != amount:
                raise Refused("rate_differs", *((d, bought) if bought < 2**53 else ()))

    def move(self, terms: Line, d: int, c: int, amount: int) -> Line:
        side, target = terms.get("up_to"), terms.get("target", 0)
        m = self.allowed(terms, d, c, amount)
        r = amount - m if "rest" in terms else 0
        suspense = None
        if m or not r:
            try:
                self.standing(d, c, max(m, 1))
            except Refused as refused:
                if "suspense" not in terms or not m:
                    raise
                suspense = STANDING_IN[refused.line["code"]]
                if suspense == "debit":
                    d = terms["suspense"]
                else:
                    c = terms["suspense"]
                self.standing(d, c, m)
        flags = set(self.flags(d, c, m) if m else ())
        sequence = len(self.rows) + 1
        if suspense:
            self.suspense[sequence] = {
                "account": d if suspense == "debit" else c,
                "side": suspense,
                "left": m,
                "since": self.recorded_at,
            }
        if m:
            self.row(d, c, m)
        if r:
            x, y = (terms["rest"], c) if side == "debit" else (d, terms["rest"])
            self.standing(x, y, r)
            flags |= set(self.flags(x, y, r))
            self.row(x, y, r)
        outcome = self.outcome(m, amount, sorted(flags, reverse=True))
        outcome["sequence"] = sequence
        if suspense:
            outcome["suspense"] = suspense
        if r:
            beside = {"amount": r, "debit_account": x, "credit_account": y, "kind": "rest"}
            outcome["beside"] = [beside]
        if target:
            self.rows[target]["taken"] += m + r
            for row in range(sequence, len(self.rows) + 1):
                self.rows[row]["link"] = True
            if terms["action"] == "clear":
                self.suspense[target]["left"] -= m + r
                if not self.suspense[target]["left"]:
                    del self.suspense[target]
        return outcome

    def outcome(self, m: int, amount: int, flags: list[str]) -> Line:
        outcome: Line = {} if m == amount else {"amount": m}
        return outcome | ({"flags": flags} if flags else {})

    def row(self, d: int, c: int, amount: int, phase: str = "posted") -> int:
        sequence = len(self.rows) + 1
        self.rows[sequence] = {
            "debit": d,
            "credit": c,
            "amount": amount,
            "phase": phase,
            "taken": 0,
            "link": False,
        }
        if phase == "posted":
            self.accounts[d]["balance"] -= amount
            self.accounts[c]["balance"] += amount
        return sequence

    # ---- standing

    def currency(self, number: int) -> str:
        return str(self.accounts[number]["currency"])

    def pending(self, side: str, number: int) -> int:
        return sum(h["left"] for h in self.holds.values() if h[side] == number)

    def hard_floor(self, number: int) -> int:
        lower: int = self.accounts[number].get("lower", NONE_LOWER)
        return lower + self.pending("debit_account", number)

    def hard_ceiling(self, number: int) -> int:
        upper: int = self.accounts[number].get("upper", NONE_UPPER)
        return upper - self.pending("credit_account", number)

    def floor(self, number: int) -> int:
        if self.accounts[number].get("soft") in ("debit", "both"):
            return NONE_LOWER + self.pending("debit_account", number)
        return self.hard_floor(number)

    def ceiling(self, number: int) -> int:
        if self.accounts[number].get("soft") in ("credit", "both"):
            return NONE_UPPER - self.pending("credit_account", number)
        return self.hard_ceiling(number)

    def shut(self, d: int, c: int) -> None:
        pays, paid = self.accounts[d]["status"], self.accounts[c]["status"]
        if pays == "closed":
            raise Refused("debit_account_closed", d)
        if paid == "closed":
            raise Refused("credit_account_closed", c)
        if pays in ("frozen", "frozen_debits"):
            raise Refused("debit_account_frozen", d)
        if paid in ("frozen", "frozen_credits"):
            raise Refused("credit_account_frozen", c)

    def standing(self, d: int, c: int, amount: int) -> None:
        self.shut(d, c)
        x, y = self.accounts[d]["balance"], self.accounts[c]["balance"]
        if x - amount < self.floor(d):
            raise Refused("exceeds_credit_limit", d, max(0, x - self.floor(d)))
        if y + amount > self.ceiling(c):
            raise Refused("exceeds_balance_limit", c, max(0, self.ceiling(c) - y))

    def allowed(self, terms: Line, d: int, c: int, amount: int) -> int:
        side, m = terms.get("up_to"), amount
        if side in ("debit", "both"):
            can = self.accounts[d]["status"] in ("open", "frozen_credits")
            m = min(m, self.accounts[d]["balance"] - self.floor(d) if can else 0)
        if side in ("credit", "both"):
            can = self.accounts[c]["status"] in ("open", "frozen_debits")
            m = min(m, self.ceiling(c) - self.accounts[c]["balance"] if can else 0)
        return max(0, m)

    def flags(self, d: int, c: int, m: int) -> list[str]:
        debited, credited = self.accounts[d], self.accounts[c]
        flags = []
        is_soft = debited.get("soft") in ("debit", "both")
        if is_soft and debited["balance"] - m < self.hard_floor(d):
            flags.append("credit_limit_passed")
        is_soft = credited.get("soft") in ("credit", "both")
        if is_soft and credited["balance"] + m > self.hard_ceiling(c):
            flags.append("balance_limit_passed")
        return flags


def canonical(line: Line) -> bytes:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
