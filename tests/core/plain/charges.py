"""What the ledger takes: levies, demurrage, fees; and what backs a currency."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from tests.core.plain.nouns import A_DAY, AMOUNT_MAX, Leaf, No

if TYPE_CHECKING:
    from tests.core.plain.ledger import Plain

LEVIES_OF_A_KIND = 7

Beside = tuple[str, str, str, int]  # A kind, who pays, who receives, and how much.


def half_even(value: Fraction) -> int:
    """The nearest whole number; of two as near, the even one."""
    whole = floor(value)
    rest = value - whole
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1):
        return whole + 1
    return whole


def levied(levy: Leaf, amount: int) -> int:
    owed = half_even(Fraction(amount * levy["n"], levy["d"])) + levy.get("fixed", 0)
    return min(max(owed, levy.get("minimum", 0)), levy.get("maximum", AMOUNT_MAX))


def is_first(period: str, day: date) -> bool:
    """Whether a week, month, quarter or year begins on a day."""
    if period == "week":
        return day.isoweekday() == 1
    months = {"month": range(1, 13), "quarter": (1, 4, 7, 10), "year": (1,)}[period]
    return day.day == 1 and day.month in months


def periods(period: str, since: date, through: date) -> Iterator[tuple[date, date]]:
    """First and last day of all whole ones that begin from a day on and end by another."""
    first, day = None, since
    while day <= through + A_DAY:
        if is_first(period, day):
            if first is not None:
                yield first, day - A_DAY
            first = day
        day += A_DAY


class Charges:
    """What is asked of levies, demurrage, fees and reserves."""

    def __init__(self, plain: "Plain") -> None:
        self.plain = plain

    def _set(self, kind: str, by: str = "code", what: str = "rule") -> dict[str, Leaf]:
        """The rules of a kind that are there, in the order of their names."""
        found: dict[str, Leaf] = {}
        for line in self.plain.lines[kind]:
            found.pop(line[by], None)
            if what in line:
                found[line[by]] = line[what]
        return dict(sorted(found.items()))

    def levies(self) -> dict[str, Leaf]:
        return self._set("levy", what="levy")

    def fees(self) -> dict[str, Leaf]:
        return self._set("fee", what="fee")

    def reserves(self) -> dict[str, Leaf]:
        return self._set("reserve", by="currency")

    def demurrage(self, currency: str) -> list[tuple[date, Leaf | None]]:
        """What was in force since when, in order; None: nothing."""
        found: list[tuple[date, Leaf | None]] = []
        for line in self.plain.lines["demurrage"]:
            if line["currency"] == currency:
                found = [each for each in found if each[0] < line["since"]]
                found.append((line["since"], line.get("rule")))
        return found

    def collecting(self, currency: str) -> str:
        """The account that collects the demurrage of a currency; empty: it never had any."""
        for line in self.plain.lines["demurrage"]:
            if line["currency"] == currency and "rule" in line:
                return str(line["rule"]["account"])
        return ""

    def accounts_in_use(self) -> list[str]:
        """Those that rules name."""
        in_force = [
            c for c in self.plain.currencies if (self.demurrage(c) or [(0, None)])[-1][1]
        ]
        return [
            *(rule["treasury"] for rule in (*self.levies().values(), *self.fees().values())),
            *(self.collecting(currency) for currency in in_force),
            *(
                rule[name]
                for rule in self.reserves().values()
                for name in ("issuer", "reserve")
            ),
        ]

    # ---- levies

    def owed_on(self, kind: str, debit: str, credit: str, amount: int) -> list[Beside]:
        """Code, who pays, who receives and how much, of each levy on a transfer."""
        owed = []
        for code, levy in self.levies().items():
            payer = debit if levy["payer"] == "debit" else credit
            treasury = levy["treasury"]
            same = self.plain.currency(payer) == self.plain.currency(treasury)
            if kind in levy["kinds"] and payer != treasury and same and levied(levy, amount):
                owed.append((code, payer, treasury, levied(levy, amount)))
        return owed

    def going_with(self, target: int) -> list[Beside]:
        """What goes back with a row when it is reversed: levies on it, and what was sold."""
        plain = self.plain
        of_levies = [(r.kind, r.debit, r.credit, r.amount) for r in plain.levies_on(target)]
        sold = next((row for row in plain.rows if row.sold_for == target), None)
        if sold is None:
            return of_levies
        amount, residues = sold.amount, []
        for row in plain.rows:
            if row.residue_of == target and row.credit == sold.debit:
                amount -= row.amount
            elif row.residue_of == target:
                residues.append(("exchange", row.debit, row.credit, row.amount))
        own = ("exchange", sold.debit, sold.credit, amount)
        of_sold = [
            (r.kind, r.debit, r.credit, r.amount) for r in plain.levies_on(sold.sequence)
        ]
        return [*of_levies, *residues, own, *of_sold]

    def going_back(self, target: int, more: int) -> list[Beside]:
        """What goes back with a row when more of it is taken back."""
        row, taken = self.plain.rows[target - 1], self.plain.taken(target)
        back = []
        for kind, debit, credit, whole in self.going_with(target):
            after = floor(Fraction(whole * (taken + more), row.amount))
            amount = after - floor(Fraction(whole * taken, row.amount))
            if amount:
                back.append((kind, credit, debit, amount))
        return back

    # ---- demurrage and fees, as runs ask

    def dues(self, currency: str, through: date) -> list[tuple[date, Leaf]]:
        """The last days of the periods that are charged, and by which rule."""
        found = []
        history = self.demurrage(currency)
        for n, (since, rule) in enumerate(history):
            following = history[n + 1][0] if n + 1 < len(history) else date.max
            for _, last in periods(rule["period"], since, through) if rule else ():
                if last < following:
                    found.append((last, rule))
        return found

    def balance_at(self, code: str, day: date, without: str) -> int:
        """A balance by business dates, without what passed to and from one other account."""
        total = 0
        for row in self.plain.rows:
            if row.moves and row.day <= day and without not in (row.debit, row.credit):
                total += row.amount * ((row.credit == code) - (row.debit == code))
        return total

    def charged(self, code: str, currency: str, through: date) -> int:
        """What all periods charge an account, whatever was paid."""
        total = 0
        for last, rule in self.dues(currency, through):
            balance = self.balance_at(code, last, self.collecting(currency))
            base = max(0, balance - total - rule.get("exempt", 0))
            total += half_even(Fraction(base * rule["n"], rule["d"]))
        return total

    def owed(self, code: str, currency: str, through: date) -> int:
        """The same, less all that it ever paid the collecting account."""
        collecting = self.collecting(currency)
        paid = sum(
            row.amount
            for row in self.plain.rows
            if row.moves and (row.debit, row.credit) == (code, collecting)
        )
        return self.charged(code, currency, through) - paid

    def fee_period(self, fee: Leaf, last: date) -> tuple[date, date] | None:
        """The period that ends on a day, if the fee is for it."""
        for first, end in periods(fee["period"], fee["since"], last):
            if end == last:
                return first, end
        return None

    # ---- reserves

    def why_not(self, debit: str, credit: str, amount: int) -> No | None:
        """Why an amount cannot be issued, or taken out of a reserve."""
        for rule in self.reserves().values():
            is_issued = debit == rule["issuer"]
            is_debit = self.plain.accounts[rule["reserve"]]["nature"] == "debit"
            taken_from = credit if is_debit else debit
            if not is_issued and taken_from != rule["reserve"]:
                continue
            if not self._backed(rule, debit, credit, amount):
                most = self.most_backed(rule, debit, credit, amount)
                return No("exceeds_reserve", debit, most)
        return None

    def most_backed(self, rule: Leaf, debit: str, credit: str, amount: int) -> int:
        """The largest amount that is backed, at least 0, found by halving."""
        fine, too_much = 0, amount
        while too_much - fine > 1:
            middle = (fine + too_much) // 2
            if self._backed(rule, debit, credit, middle):
                fine = middle
            else:
                too_much = middle
        return fine

    def _backed(self, rule: Leaf, debit: str, credit: str, amount: int) -> bool:
        """Whether what circulates would still be backed once an amount has moved."""
        plain, issuer, reserve = self.plain, rule["issuer"], rule["reserve"]
        circulates = plain.pending_debits(issuer) - plain.balance(issuer)
        circulates += amount if debit == issuer else 0
        if plain.accounts[reserve]["nature"] == "debit":
            kept = -plain.balance(reserve) - plain.pending_credits(reserve)
            kept -= amount if credit == reserve else 0
        else:
            kept = plain.balance(reserve) - plain.pending_debits(reserve)
            kept -= amount if debit == reserve else 0
        shown = Fraction(circulates, 10 ** plain.scale(issuer))
        backing = Fraction(kept, 10 ** plain.scale(reserve))
        return shown * rule["d"] <= backing * rule["n"]

    # ---- why a line cannot follow

    def against_levy(self, line: Leaf) -> Iterator[No]:
        code, levy, levies = line["code"], line.get("levy"), self.levies()
        if levy is None:
            if code not in levies:
                yield No("levy_not_found")
            return
        yield from self.plain.against_naming(levy["treasury"])
        if levy["n"] > levy["d"]:
            yield No("rate_above_one")
        if levy.get("minimum", 0) > levy.get("maximum", AMOUNT_MAX):
            yield No("bounds_crossed")
        others = [each for name, each in levies.items() if name != code]
        for kind in levy["kinds"]:
            if sum(kind in each["kinds"] for each in others) + 1 > LEVIES_OF_A_KIND:
                yield No("too_many_levies")

    def against_demurrage(self, line: Leaf) -> Iterator[No]:
        currency, rule = line["currency"], line.get("rule")
        if currency not in self.plain.currencies:
            yield No("currency_not_found")
        if rule is None:
            history = self.demurrage(currency)
            if currency in self.plain.currencies and (not history or history[-1][1] is None):
                yield No("demurrage_not_found")
            return
        yield from self.plain.against_naming(rule["account"])
        is_there = rule["account"] in self.plain.accounts
        if is_there and self.plain.currency(rule["account"]) != currency:
            yield No("currency_must_match_accounts", rule["account"])
        if self.collecting(currency) not in ("", rule["account"]):
            yield No("demurrage_account_differs", self.collecting(currency))
        if rule["n"] > rule["d"]:
            yield No("rate_above_one")

    def against_fee(self, line: Leaf) -> Iterator[No]:
        fee = line.get("fee")
        if fee is None:
            if line["code"] not in self.fees():
                yield No("fee_not_found")
            return
        if fee["currency"] not in self.plain.currencies:
            yield No("currency_not_found")
        yield from self.plain.against_naming(fee["treasury"])
        is_there = fee["treasury"] in self.plain.accounts
        if is_there and self.plain.currency(fee["treasury"]) != fee["currency"]:
            yield No("currency_must_match_accounts", fee["treasury"])

    def against_reserve(self, line: Leaf) -> Iterator[No]:
        plain, currency, rule = self.plain, line["currency"], line.get("rule")
        if currency not in plain.currencies:
            yield No("currency_not_found")
        if rule is None:
            if currency in plain.currencies and currency not in self.reserves():
                yield No("reserve_not_found")
            return
        if currency in plain.currencies and plain.currencies[currency]["kind"] != "backed":
            yield No("currency_not_backed")
        if rule["issuer"] == rule["reserve"]:
            yield No("accounts_must_differ", rule["issuer"])
        yield from plain.against_naming(rule["issuer"], rule["reserve"])
        is_there = rule["issuer"] in plain.accounts
        if is_there and plain.currency(rule["issuer"]) != currency:
            yield No("currency_must_match_accounts", rule["issuer"])
