"""Damage to the rules of a ledger: its days, and what it charges or backs."""

from tests.mutants.mutant import of

MUTANTS = (
    *of(
        "ledger/core/days.py",
        (
            "a closed day takes more",
            "return self.closed_through < day <= current",
            "return self.closed_through <= day <= current",
        ),
        (
            "tomorrow is open",
            "return self.closed_through < day <= current",
            "return self.closed_through < day",
        ),
        (
            "a day is closed twice",
            "line.date <= self.closed_through:",
            "line.date < self.closed_through:",
        ),
        (
            "a day is closed before the one before it",
            "any(day < line.date for day in self._unclosed())",
            "any(day < line.date for day in ())",
        ),
        (
            "a day may come to anything",
            "hash_of(totals),\n            totals[:",
            "line.totals,\n            totals[:",
        ),
        (
            "a day is closed years ahead",
            "if not self.by_command and line.date > _latest(line.recorded_at):",
            "if not self.by_command and line.date > date.max:",
        ),
        (
            "a year takes adjustments while it lasts",
            "            and self.is_closed(day)\n",
            "",
        ),
        (
            "a year that is closed for now takes adjustments",
            'in (None, "reopened")\n        )',
            'in (None, "reopened", "preliminary")\n        )',
        ),
        (
            "the clock takes over an open day",
            "case SettingsChanged(days=DaysBy.CLOCK) if self.open:",
            "case SettingsChanged(days=DaysBy.CLOCK) if not line:",
        ),
        (
            "a day is lost when commands take over",
            "self.open.update(self._unclosed())",
            "self.open.update(())",
        ),
        (
            "what is undone still counts",
            "total[1] += sign * sum(some)",
            "total[1] += sum(some)",
        ),
        (
            "a restart opens closed days",
            "self.closed_through = _or_min(line.closed_through)",
            "pass",
        ),
        tests=("tests/core/test_days.py",),
    ),
    *of(
        "ledger/core/levies.py",
        (
            "a levy is rounded down",
            "round(Fraction(amount * levy.n, levy.d))",
            "amount * levy.n // levy.d",
        ),
        ("a levy has no minimum", ", levy.minimum)", ", 0)"),
        ("the treasury pays itself", " and payer != levy.treasury and amount", " and amount"),
        (
            "parts give back less than the whole",
            "levy * (taken + more) // amount - levy * taken // amount",
            "levy * more // amount",
        ),
        (
            "a restart forgets what is levied",
            "assert isinstance(line, StateLevy)\n        self.rules[line.code] = line.levy\n",
            "assert isinstance(line, StateLevy)\n",
        ),
        (
            "a rate may take more than all",
            "if line.levy.n > line.levy.d:",
            "if line.levy.n > 2 * line.levy.d:",
        ),
        tests=("tests/core/test_levies.py",),
    ),
)
