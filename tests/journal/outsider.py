"""A reader of journals made after JOURNAL.md alone: json, and the page's rules for batches.

It imports nothing of ours and is as plain as the page. Tests hold the ledger to it. What
refuses a whole batch (control sums, times, references, no open day) is not in it.
"""

import json
from base64 import b64decode, b64encode
from datetime import date
from fractions import Fraction
from hashlib import sha256
from itertools import groupby
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

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
        self.settings: Line = {}
        self.open: set[str] = set()
        self.closed_through = self.opened_through = ""
        self.totals: dict[tuple[str, str, str, str], list[int]] = {}
        self.periods: dict[tuple[int, int], str] = {}
        self.disputes: dict[int, Line] = {}
        self.poster_keys: dict[str, dict[str, Line]] = {}
        self.size = self.batches = self.recorded_at = 0

    def read(self, leaf: bytes, body: bytes = b"") -> list[Line]:
        """Take a leaf; for a batch, return its outcomes."""
        line = json.loads(leaf)
        self.recorded_at, outcomes = line["recorded_at"], []
        account = self.accounts.get(line.get("account", 0), {})
        match line["line"]:
            case "poster_key":
                spans = self.poster_keys.setdefault(line["poster"], {})
                if line["action"] == "register":
                    spans[line["public_key"]] = {"since": self.size}
                else:
                    spans[line["public_key"]]["until"] = self.size
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
            case "settings":
                if line["days"] == "command" and not self.by_command():
                    self.open |= {day for day, *_ in self.totals if day > self.closed_through}
                    self.opened_through = max(self.opened_through, *self.open, "")
                self.settings = line
            case "day_opened":
                self.open.add(line["date"])
                self.opened_through = line["date"]
            case "day_closed":
                self.close(line)
            case "period":
                self.periods[line["year"], line["month"]] = line["mark"]
                month = f"{line['year']:04}-{line['month']:02}-"
                late = [k for k in self.totals if k[0] <= self.closed_through]
                late = [k for k in late if k[0].startswith(month)]
                if line["mark"] == "preliminary":
                    self.check_late(line, sorted({key[0] for key in late}))
                for key in late if line["mark"] != "reopened" else ():
                    del self.totals[key]
            case "dispute" | "dispute_overdue" | "dispute_ended":
                self.dispute(line)
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
        lines += self.state_of_days()
        lines += [
            {**self.disputes[n], "line": "state_dispute", "target": n}
            for n in sorted(self.disputes)
        ]
        for poster, spans in sorted(self.poster_keys.items()):
            for key in sorted(spans, key=b64decode):
                head = {"line": "state_poster_key", "poster": poster, "public_key": key}
                lines.append(head | spans[key])
        return [canonical(line) for line in lines]

    # ---- days

    def by_command(self) -> bool:
        return self.settings.get("days") == "command"

    def is_open(self, day: str) -> bool:
        if self.periods.get((int(day[:4]), int(day[5:7]))) == "reopened":
            return True
        if self.by_command():
            return day in self.open
        return self.closed_through < day <= self.leaf["business_date"]

    def next_open(self, day: str) -> str | None:
        if self.by_command():
            return min((other for other in self.open if other > day), default=None)
        last = date.fromisoformat(self.closed_through or "1970-01-01")
        following = max(day, date.fromordinal(last.toordinal() + 1).isoformat())
        return following if following <= self.leaf["business_date"] else None

    def day(self, line: Line) -> str:
        """The business day that a transfer counts for."""
        own = line.get("business_date", self.leaf["business_date"])
        day: str | None = own
        if line.get("terms", {}).get("adjusting"):
            is_closed = own <= self.closed_through and own not in self.open
            mark = self.periods.get((int(own[:4]), 13))
            fits = "business_date" in line and own[4:] == "-12-31" and is_closed
            later = [
                p for p, m in self.periods.items() if m == "final" and p > (int(own[:4]), 13)
            ]
            if not fits or mark in ("preliminary", "final") or later:
                raise Refused("business_date_not_open")
        elif not self.is_open(own):
            day = self.next_open(own) if self.manifest.get("late") == "next_open_day" else None
        if day is None:
            raise Refused("business_date_not_open")
        back = self.settings.get("value_days_back")
        if "value_date" in line and back is not None:
            days = date.fromisoformat(day) - date.fromisoformat(line["value_date"])
            if days.days > back:
                raise Refused("value_date_too_early")
        return day

    def totals_of(self, day: str) -> list[Line]:
        own = {key: total for key, total in self.totals.items() if key[0] == day}
        return [
            {
                "currency": currency,
                "kind": kind,
                "source": source,
                "count": count,
                "amount": str(amount),
            }
            for (_, currency, kind, source), (count, amount) in sorted(own.items())
        ]

    def check_totals(self, line: Line, totals: list[Line], shown: int) -> None:
        lines = b"".join(canonical(total) + b"\n" for total in totals)
        assert line["totals"] == b64encode(sha256(lines).digest()).decode()
        assert line["count"] == sum(total["count"] for total in totals)
        assert line["shown"] == totals[:shown]

    def check_late(self, line: Line, days: list[str]) -> None:
        """What a month that is closed again says of these days, all that have totals."""
        late, shown = line.get("late", []), 200
        assert ("late" in line) is bool(days)
        assert [one["date"] for one in late] == days
        for one in late:
            self.check_totals(one, self.totals_of(one["date"]), shown)
            shown -= len(one["shown"])

    def close(self, line: Line) -> None:
        if "by" not in line:
            self.check_clock(line)
        self.check_totals(line, self.totals_of(line["date"]), 200)
        self.open.discard(line["date"])
        self.closed_through = max(self.closed_through, line["date"])
        for key in [key for key in self.totals if key[0] == line["date"]]:
            del self.totals[key]

    def check_clock(self, line: Line) -> None:
        """Of a day that nobody closed: it was over, and so long ago, wherever that is."""
        minutes = self.settings.get("cut_off", 1440) + self.settings["close_after"] - 1440
        day = (date.fromisoformat(line["date"]) - date(1970, 1, 1)).days
        assert line["recorded_at"] >= (day * 1440 + minutes) * 60_000_000

    def dispute(self, line: Line) -> None:
        """A dispute, that it is overdue, or its outcome."""
        target, one = line["target"], self.disputes.get(line["target"], {})
        match line["line"]:
            case "dispute":
                assert target in self.rows
                assert not one
                names = ("by", "due", "reason")
                self.disputes[target] = {name: line[name] for name in names if name in line}
                self.disputes[target] |= {"index": self.size, "since": line["recorded_at"]}
            case "dispute_overdue":
                today = date(1970, 1, 1).toordinal() + line["recorded_at"] // 86_400_000_000
                assert date.fromisoformat(one["due"]).toordinal() <= today
                assert "overdue" not in one
                one["overdue"] = line["recorded_at"]
            case "dispute_ended":
                assert line["opened"] == one["index"]
                assert target < line.get("linked", target + 1) <= len(self.rows)
                del self.disputes[target]

    def state_of_days(self) -> list[Line]:
        days: Line = {"line": "state_days", "open": sorted(self.open)}
        if self.settings:
            days["settings"] = self.settings
        if self.closed_through:
            days["closed_through"] = self.closed_through
        if self.opened_through:
            days["opened_through"] = self.opened_through
        lines = [days]
        for (day, currency, kind, source), (count, amount) in sorted(self.totals.items()):
            total = {"date": day, "currency": currency, "kind": kind, "source": source}
            total |= {"count": count, "amount": str(amount), "line": "state_day_total"}
            lines.append(total)
        for (year, month), mark in sorted(self.periods.items()):
            period = {"year": year, "month": month, "mark": mark}
            lines.append({**period, "line": "state_period"})
        return [] if lines == [{"line": "state_days", "open": []}] else lines

    # ---- a batch

    def check_signature(self, leaf: Line) -> None:
        """By a key of the poster that counted, where there was one; else by none."""
        at = leaf.get("proposed", self.size)
        spans = self.poster_keys.get(leaf["poster"], {})
        counting = [
            b64decode(key)
            for key, span in spans.items()
            if span["since"] <= at < span.get("until", at + 1)
        ]
        assert bool(counting) is leaf["signed"]
        if not counting:
            return
        text, _, below = leaf["note"].rpartition("\n\n")
        name = self.manifest["origin"]
        assert text.splitlines()[:2] == [name, str(leaf["count"] + 1)]
        for key in counting:
            key_id = sha256(f"{name}\n\x01".encode() + key).digest()[:4]
            for line in below.splitlines():
                signature = b64decode(line.rpartition(" ")[2])
                if line.startswith(f"\u2014 {name} ") and signature[:4] == key_id:
                    public = Ed25519PublicKey.from_public_bytes(key)
                    public.verify(signature[4:], f"{text}\n".encode())
                    return
        raise AssertionError("signed by no key of the poster")

    def batch(self, leaf: Line, body: list[Line]) -> list[Line]:
        manifest, *self.lines = body
        self.leaf, self.manifest = leaf, manifest
        self.first = len(self.rows) + 1
        self.check_signature(leaf)
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
        for number in range(self.first, len(self.rows) + 1):
            row = self.rows[number]
            if row["phase"] == "posted":
                source = manifest.get("source", "")
                key = row["day"], self.currency(row["debit"]), row["kind"], source
                total = self.totals.setdefault(key, [0, 0])
                total[0] += 1
                total[1] += row["amount"]
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
        self.counts_for, self.kind = self.day(line), line["kind"]
        self.posted = "adjusted" if terms.get("adjusting") else "posted"
        self.check_terms(position, terms, d, c, amount)
        moved = line.get("business_date", self.counts_for) != self.counts_for
        outcome = self.act(position, terms, d, c, amount)
        return outcome | ({"business_date": self.counts_for} if moved else {})

    def act(self, position: int, terms: Line, d: int, c: int, amount: int) -> Line:
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
        return self.move(position, terms, d, c, amount)

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
            if row["phase"] in ("held", "released") or row["link"] or target in self.suspense:
                raise Refused("target_not_reversible")
            if row["with_another"]:
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
            sold = self.sold(position)
            if not sold:
                raise Refused("rate_differs")
            bought, residue, _ = parts_of(sold["amount"], terms["rate"])
            if bought != amount:
                raise Refused("rate_differs", *((d, bought) if bought < 2**53 else ()))
            if residue and not self.is_residue(position + 1):
                raise Refused("residue_differs", sold["credit_account"], residue)
        if "residue" in terms:
            sold = self.is_residue(position) and self.sold(position - 1)
            if not sold:
                raise Refused("residue_differs")
            _, residue, _ = parts_of(sold["amount"], self.lines[position - 1]["terms"]["rate"])
            if (d, amount) != (sold["credit_account"], residue):
                raise Refused("residue_differs", sold["credit_account"], residue)

    def sold(self, position: int) -> Line | None:
        """The line that sells for the one with a rate at a position."""
        line, before = self.lines[position], self.lines[position - 1] if position else {}
        terms, sells = line.get("terms", {}), before.get("terms", {})
        if "rate" not in terms or sells.get("entry") != terms["entry"]:
            return None
        if sells.get("action", "post") != "post":
            return None
        if any(name in sells for name in ("up_to", "suspense", "rate", "residue")):
            return None
        other = self.currency(before["debit_account"]) != self.currency(line["debit_account"])
        return before if other else None

    def is_residue(self, position: int) -> bool:
        """Whether a line is for the residue of the one before it."""
        if not 0 < position < len(self.lines):
            return False
        before, terms = (self.lines[p].get("terms", {}) for p in (position - 1, position))
        return bool(terms.get("residue")) and before.get("entry") == terms["entry"]

    def move(self, position: int, terms: Line, d: int, c: int, amount: int) -> Line:
        side, target = terms.get("up_to"), terms.get("target", 0)
        m = self.allowed(terms, d, c, amount)
        r = amount - m if "rest" in terms else 0
        suspense, why, meant = None, "", {"debit": d, "credit": c}
        if m or not r:
            try:
                self.standing(d, c, max(m, 1))
            except Refused as refused:
                if "suspense" not in terms or not m:
                    raise
                why = refused.line["code"]
                suspense = STANDING_IN[why]
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
                "meant_for": meant[suspense],
                "why": why,
                "left": m,
                "since": self.recorded_at,
            }
        if m:
            self.row(d, c, m)
        fraction = self.pair(position, sequence)
        if r:
            x, y = (terms["rest"], c) if side == "debit" else (d, terms["rest"])
            self.standing(x, y, r)
            flags |= set(self.flags(x, y, r))
            self.kind = "rest"
            self.row(x, y, r)
        links = range(sequence, len(self.rows) + 1)
        back: list[Line] = []
        if terms.get("action") == "reverse":
            back = self.give_back(self.rows[target], m + r, flags)
        outcome = self.outcome(m, amount, sorted(flags, reverse=True))
        outcome["sequence"] = sequence
        if suspense:
            outcome |= {"suspense": suspense, "why": why}
        if r:
            beside = {"amount": r, "debit_account": x, "credit_account": y, "kind": "rest"}
            outcome["beside"] = [beside]
        if fraction:
            outcome["fraction"] = fraction
        if back:
            outcome["beside"] = outcome.get("beside", []) + back
        if target:
            self.rows[target]["taken"] += m + r
            for row in links:
                self.rows[row]["link"] = True
            if terms["action"] == "clear":
                self.suspense[target]["left"] -= m + r
                if not self.suspense[target]["left"]:
                    del self.suspense[target]
        return outcome

    def pair(self, position: int, sequence: int) -> Line | None:
        """What goes back with what was bought, and the fraction of it that nobody has."""
        terms = self.lines[position].get("terms", {})
        if "residue" in terms:
            sold, residue = self.rows[sequence - 2], self.rows[sequence]
            residue["with_another"] = True
            legs = self.rows[sequence - 1]["goes_back"]
            if residue["credit"] == sold["debit"]:
                legs[0]["amount"] -= residue["amount"]
            else:
                legs.insert(0, {name: residue[name] for name in ("debit", "credit", "amount")})
        if "rate" not in terms:
            return None
        sold = self.rows[sequence - 1]
        sold["with_another"] = True
        legs = [{name: sold[name] for name in ("debit", "credit", "amount")}]
        self.rows[sequence]["goes_back"] = legs
        _, _, (n, d) = parts_of(sold["amount"], terms["rate"])
        return {"n": n, "d": d} if n else None

    def give_back(self, target: Line, m: int, flags: set[str]) -> list[Line]:
        """Rows of what goes back with an amount of a row, in proportion."""
        beside: list[Line] = []
        a, t = target["amount"], target["taken"]
        for leg in target["goes_back"]:
            amount = leg["amount"] * (t + m) // a - leg["amount"] * t // a
            if not amount:
                continue
            d, c, self.kind = leg["credit"], leg["debit"], "exchange"
            self.standing(d, c, amount)
            flags |= set(self.flags(d, c, amount))
            self.rows[self.row(d, c, amount)]["with_another"] = True
            row = {"amount": amount, "debit_account": d, "credit_account": c}
            beside.append({**row, "kind": "exchange"})
        return beside

    def outcome(self, m: int, amount: int, flags: list[str]) -> Line:
        outcome: Line = {} if m == amount else {"amount": m}
        return outcome | ({"flags": flags} if flags else {})

    def row(self, d: int, c: int, amount: int, phase: str = "") -> int:
        sequence, phase = len(self.rows) + 1, phase or self.posted
        self.rows[sequence] = {
            "debit": d,
            "credit": c,
            "amount": amount,
            "phase": phase,
            "day": self.counts_for,
            "kind": self.kind,
            "taken": 0,
            "link": False,
            "goes_back": [],
            "with_another": False,
        }
        if phase in ("posted", "adjusted"):
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


def parts_of(s: int, rate: dict[str, int]) -> tuple[int, int, tuple[int, int]]:
    """What an amount buys, its residue, and the fraction in lowest terms."""
    n, d = rate["n"], rate["d"]
    b = s * n // d
    r = s - (b * d + n - 1) // n
    fraction = Fraction((s - r) * n - b * d, d)
    return b, r, (fraction.numerator, fraction.denominator)


def canonical(line: Line) -> bytes:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
