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
            "any(day < line.date for day in self.unclosed())",
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
            'in (None, "reopened")\n            and not',
            'in (None, "reopened", "preliminary")\n            and not',
        ),
        (
            "the clock takes over an open day",
            "case SettingsChanged(days=DaysBy.CLOCK) if self.open:",
            "case SettingsChanged(days=DaysBy.CLOCK) if not line:",
        ),
        (
            "a day is lost when commands take over",
            "self.open.update(self.unclosed())",
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
    *of(
        "ledger/core/days.py",
        (
            "the clock closes where nobody asked it to",
            "if settings is None or settings.close_after is UNSET:\n            return False",
            "if settings is None or settings.close_after is UNSET:\n            return True",
        ),
        (
            "the clock closes a day before it is over anywhere",
            "minutes = ends + settings.close_after - DAY_MINUTES",
            "minutes = settings.close_after - DAY_MINUTES",
        ),
        (
            "the clock need not wait",
            "minutes = ends + settings.close_after - DAY_MINUTES",
            "minutes = ends - DAY_MINUTES",
        ),
        tests=("tests/core/test_deadlines.py",),
    ),
    *of(
        "ledger/core/deadlines.py",
        (
            "the clock closes a moment late",
            "if closing is not None and closing.at <= now:",
            "if closing is not None and closing.at < now:",
        ),
        (
            "the clock closes the last day first",
            "default=last))",
            "default=last) and last)",
        ),
        (
            "the clock closes what is closed",
            "if last <= days.closed_through:",
            "if last < days.closed_through:",
        ),
        (
            "the clock closes the latest of the days opened by command",
            "return closes(min(days.open))",
            "return closes(max(days.open))",
        ),
        (
            "the cut-off is forgotten",
            "return moment_of(day, settings.cut_off, zone)",
            "return moment_of(day + A_DAY, 0, zone)",
        ),
        (
            "a dispute is overdue on its day",
            "return Deadline(day, moment_of(day + A_DAY, 0, zone)), first[1]",
            "return Deadline(day, moment_of(day, 0, zone)), first[1]",
        ),
        tests=("tests/core/test_deadlines.py",),
    ),
    *of(
        "ledger/core/days.py",
        (
            "a month is reopened under one that is final",
            'if line.mark == "reopened" and self._is_final_after(period):',
            "if False:",
        ),
        (
            "a month is final though one before it is not",
            'if line.mark == "final" and not self._is_all_final_before(period):',
            "if False:",
        ),
        (
            "a year that nobody closed is adjusted under a final month",
            "            and not self._is_final_after((day.year, ADJUSTMENTS))\n",
            "",
        ),
        (
            "month 13 need not be final before January is",
            "        before |= {(y, ADJUSTMENTS) for y, month in before",
            "        before &= {(y, month) for y, month in before",
        ),
        (
            "the oldest open day is the ledger's",
            "return max(self.open, default=today)",
            "return min(self.open, default=today)",
        ),
        (
            "the day of the clock is one that is closed",
            "return max(today, self._after(self.closed_through))",
            "return today",
        ),
        (
            "what is late goes to the last open day",
            "return min((other for other in self.open if other > day), default=None)",
            "return max((other for other in self.open if other > day), default=None)",
        ),
        (
            "what is late goes to a day that has not come",
            "return following if following <= current else None",
            "return following",
        ),
        (
            "a day opened again after it was closed is closed",
            "return day <= self.closed_through and day not in self.open",
            "return day <= self.closed_through",
        ),
        (
            "interest may not run from the first day allowed",
            "(day - value).days <= back",
            "(day - value).days < back",
        ),
        (
            "a day is opened twice",
            "line.date <= max(self.opened_through, self.closed_through):",
            "line.date < max(self.opened_through, self.closed_through):",
        ),
        (
            "a day that was closed is opened by command",
            "line.date <= max(self.opened_through, self.closed_through):",
            "line.date <= self.opened_through:",
        ),
        (
            "a day is opened a year ahead",
            "line.date > _latest(line.recorded_at, DAYS_AHEAD_MAX):",
            "line.date > _latest(line.recorded_at, 12 * DAYS_AHEAD_MAX):",
        ),
        (
            "a month that was reopened is final",
            '"final": ("preliminary",),',
            '"final": ("preliminary", "reopened"),',
        ),
        (
            "a month is reopened without an act",
            'if line.mark == "reopened" and line.act is UNSET:',
            'if line.mark == "reopened" and not line.by:',
        ),
        (
            "a month is closed before its last day",
            "return self.closed_through >= last and",
            "return self.closed_through and",
        ),
        (
            "a month is closed with a day of it open",
            "self.closed_through >= last and not any(day <= last for day in self.open)",
            "self.closed_through >= last",
        ),
        (
            "what a closed month came to is kept for ever",
            (
                "                    for day in self._late_days(line.year, line.month):\n"
                "                        del self.totals[day]\n"
            ),
            "                    pass\n",
        ),
        (
            "what came late is left out when a month is closed again",
            "if line.late != (late or UNSET):",
            "if line.late and line.late != late:",
        ),
        (
            "what came late stands whole in a line, however much it is",
            "            room -= len(found[-1].shown)\n",
            "",
        ),
        (
            "all batches of a day count one source",
            "totals.setdefault((currency, kind, rows.source), [0, 0])",
            'totals.setdefault((currency, kind, ""), [0, 0])',
        ),
        tests=("tests/core/test_days.py",),
    ),
    *of(
        "ledger/core/periods.py",
        (
            "a week begins on Sunday",
            "day - day.weekday() * _A_DAY",
            "day - day.isoweekday() * _A_DAY",
        ),
        ("a quarter begins a month late", "(day.month - 1) % months", "day.month % months"),
        (
            "a period that begins on the day is left out",
            "if span.first < since:",
            "if span.first <= since:",
        ),
        (
            "a period that has begun is a whole one",
            "    if span.first < since:\n        span = span_of(period, span.last + _A_DAY)\n",
            "",
        ),
        (
            "a period that ends on the day is left out",
            "while span.last <= through:",
            "while span.last < through:",
        ),
        (
            "a quarter is written as the month it ends before",
            "date(int(year), 3 * int(quarter), 1)",
            "date(int(year), 3 * int(quarter) - 3 or 12, 1)",
        ),
        (
            "a month that is none stops the command",
            "    except ValueError:\n        return None",
            "    except OverflowError:\n        return None",
        ),
        tests=("tests/core/test_demurrage.py",),
    ),
    *of(
        "ledger/core/demurrage.py",
        (
            "what is exempt is charged too",
            "balance - charged - rule.exempt",
            "balance - charged",
        ),
        (
            "what was charged is charged again",
            "balance - charged - rule.exempt",
            "balance - rule.exempt",
        ),
        (
            "demurrage is rounded down",
            "round(Fraction(base * rule.n, rule.d)) if base > 0",
            "base * rule.n // rule.d if base > 0",
        ),
        (
            "who owes is given demurrage",
            "round(Fraction(base * rule.n, rule.d)) if base > 0 else 0",
            "round(Fraction(base * rule.n, rule.d))",
        ),
        (
            "every period charges the whole balance",
            "total += charge(balance, total, due.rule)",
            "total += charge(balance, 0, due.rule)",
        ),
        (
            "a period over which the rule changed is charged",
            "            if span.last < end\n",
            "",
        ),
        (
            "the day a new rule begins is the old one's",
            "if span.last < end",
            "if span.last <= end",
        ),
        (
            "two rules begin on one day",
            "for since, rule in history if since < line.since]",
            "for since, rule in history if since <= line.since]",
        ),
        (
            "a rule that would follow stays",
            "kept = [(since, rule) for since, rule in history if since < line.since]",
            "kept = list(history)",
        ),
        (
            "demurrage that ended can be ended again",
            "if not history or history[-1][1] is UNSET:",
            "if not history:",
        ),
        ("another account collects", "if collecting != rule.account:", "if not collecting:"),
        (
            "demurrage takes more than there is",
            "if rule.n > rule.d:",
            "if rule.n > 2 * rule.d:",
        ),
        ("all of a balance cannot be charged", "if rule.n > rule.d:", "if rule.n >= rule.d:"),
        (
            "whoever collects demurrage may be closed",
            "self.accounts[c] == account and self.rule(c)",
            "False and self.rule(c)",
        ),
        tests=("tests/core/test_demurrage.py", "tests/core/test_closing.py"),
    ),
    *of(
        "ledger/core/fees.py",
        (
            "a fee is due on any day",
            "return span if span.last == last and span",
            "return span if span",
        ),
        (
            "the first period is free",
            "span.first >= fee.since else None",
            "span.first > fee.since else None",
        ),
        (
            "a period that had begun pays",
            "span.last == last and span.first >= fee.since",
            "span.last == last and span.last >= fee.since",
        ),
        (
            "a treasury of fees may be closed",
            "any(fee.treasury == account",
            "any(fee.treasury != account",
        ),
        (
            "fees are paid in another currency",
            "if state.currency_of(fee.treasury) != fee.currency:",
            "if not state.currency_of(fee.treasury):",
        ),
        (
            "a restart forgets a fee",
            "assert isinstance(line, StateFee)\n        self.rules[line.code] = line.fee",
            "assert isinstance(line, StateFee)",
        ),
        tests=(
            "tests/core/test_demurrage.py",
            "tests/core/test_closing.py",
            "tests/services/test_runs.py",
        ),
    ),
    *of(
        "ledger/core/reserves.py",
        (
            "a reserve backs a unit more",
            "return room // cost if cost else None",
            "return -(-room // cost) if cost else None",
        ),
        (
            "scales are mixed up",
            "rule.d * 10 ** scales[kept], rule.n * 10 ** scales[issued]",
            "rule.d * 10 ** scales[issued], rule.n * 10 ** scales[kept]",
        ),
        (
            "what is held to be issued is not in circulation",
            "return held - self._state.balance[rule.issuer]",
            "return -self._state.balance[rule.issuer]",
        ),
        (
            "what is held of a reserve backs",
            "return sign * state.balance[number] - holds.get(number, 0)",
            "return sign * state.balance[number]",
        ),
        (
            "what is held is looked for on the wrong side",
            "state.holds.pending_debits if sign > 0 else state.holds.pending_credits",
            "state.holds.pending_credits if sign > 0 else state.holds.pending_debits",
        ),
        (
            "the last unit of a reserve backs nothing",
            "available is not None and movement.amount > available:",
            "available is not None and movement.amount >= available:",
        ),
        (
            "a reserve is taken out from under what circulates",
            "of_kept * (takes == rule.reserve)",
            "of_kept * (takes == -1)",
        ),
        (
            "issued out of the reserve, only one of them counts",
            "of_issued * (movement.debit == rule.issuer) + of_kept",
            "of_issued * (movement.debit == rule.issuer) or of_kept",
        ),
        (
            "a reserve leaves on the wrong side",
            "takes = movement.debit if self._state.sign_of(rule.reserve) > 0 else",
            "takes = movement.debit if self._state.sign_of(rule.reserve) < 0 else",
        ),
        (
            "less than nothing may be issued",
            "available=max(0, available),",
            "available=available,",
        ),
        (
            "any currency is backed",
            "if currency.kind is not CurrencyKind.BACKED:",
            "if currency.kind is CurrencyKind.TIME:",
        ),
        ("a currency backs itself", "if rule.issuer == rule.reserve:", "if not rule.issuer:"),
        (
            "another currency is issued",
            "if state.currency_of(rule.issuer) != line.currency:",
            "if not state.currency_of(rule.issuer):",
        ),
        (
            "a restart looks at no reserve",
            (
                "assert isinstance(line, StateReserve)\n"
                "        self.rules[line.currency] = line.rule\n"
                "        self._refresh()"
            ),
            (
                "assert isinstance(line, StateReserve)\n"
                "        self.rules[line.currency] = line.rule"
            ),
        ),
        (
            "only who pays is looked at",
            (
                "return bool(watched) and not (watched.isdisjoint(debit) and "
                "watched.isdisjoint(credit))"
            ),
            "return bool(watched) and not watched.isdisjoint(debit)",
        ),
        tests=("tests/core/test_reserves.py", "tests/core/test_closing.py"),
    ),
    *of(
        "ledger/services/runs.py",
        (
            "a fee that was paid is charged again",
            "due -= 0 if plan.dues else paid.get(payer.number, 0)",
            "due -= 0",
        ),
        (
            "what was paid of demurrage is charged again",
            "charged_by(row.balances, dues) - row.paid) > 0",
            "charged_by(row.balances, dues)) > 0",
        ),
        (
            "a part is tried once only",
            "is_asked = plan.kind == FEE or not tried.is_posted",
            "is_asked = not tried.is_posted",
        ),
        (
            "demurrage is asked for again and again",
            "is_asked = plan.kind == FEE or not tried.is_posted",
            "is_asked = True",
        ),
        (
            "what was declined is never asked for again",
            "return any(batch.body for batch in self.batches)",
            "return bool(self.batches)",
        ),
        (
            "what waits of a fee is unpaid",
            "if self._plan.dues or proposal == own:",
            "if self._plan.dues:",
        ),
        (
            "what waits of another period is charged again",
            "if self._plan.dues or proposal == own:",
            "if proposal == own:",
        ),
        (
            "what waits is told and charged all the same",
            "                promised += waits\n",
            "",
        ),
        (
            "it is asked for what waits",
            "return tried.next not in self._open and len",
            "return len",
        ),
        (
            "what was let wait just now is unpaid",
            "left.pop(one.debit_account))",
            "left[one.debit_account])",
        ),
        (
            "some is spread while charges wait",
            "if not self._is_held_up:",
            "if left:",
        ),
        (
            "charges that another request looked at may wait",
            "self._is_held_up |= charged.next in self._open",
            "self._is_held_up |= not charged",
        ),
        ("gifts that wait are given to others", "                left -= amount\n", ""),
        (
            "what was collected now is not counted",
            "                self._collected[stage.part] += amount\n",
            "",
        ),
        (
            "what was collected now is still owed",
            "                    left[numbers[number]] -= amount\n",
            "                    pass\n",
        ),
        (
            "a levy is taken for the fee",
            "                own.setdefault(debit, amount)\n",
            "                own[debit] = own.get(debit, 0) + amount\n",
        ),
        (
            "what was given out is given again",
            "await self._give(left - already,",
            "await self._give(left,",
        ),
        (
            "what is left over is given to nobody",
            "if (amount := share + (i < more)) > 0",
            "if (amount := share) > 0",
        ),
        ("what is due today is owed already", "if d.last < today]", "if d.last <= today]"),
        (
            "a run goes on where it was",
            "names.index(asked.after) + 1",
            "names.index(asked.after)",
        ),
        tests=("tests/services/test_runs.py", "tests/services/test_runs_waiting.py"),
    ),
    *of(
        "ledger/services/plans.py",
        (
            "the first of a part is charged with the one before",
            "range(part * PART_ACCOUNTS + 1,",
            "range(part * PART_ACCOUNTS,",
        ),
        (
            "a period is charged on its last day",
            "if end >= today or not _is_closed(book, end):",
            "if end > today or not _is_closed(book, end):",
        ),
        (
            "a period is charged while days of it are open",
            "if end >= today or not _is_closed(book, end):",
            "if end >= today:",
        ),
        (
            "a period is charged up to any day",
            "if not dues or dues[-1].last != end:",
            "if not dues:",
        ),
        (
            "a fee is charged before its period",
            "if span.first > today:",
            "if span.last < span.first:",
        ),
        (
            "a run spends its ids while no day is open",
            "if not book.days.is_open(day, day):",
            "if not day:",
        ),
        (
            "a run spends its ids while who collects is closed",
            "    if status is Status.CLOSED:\n",
            "    if not status:\n",
        ),
        (
            "a run spends its ids while who collects is frozen",
            "    if status not in MAY_BE_PAID:\n",
            "    if status is Status.FROZEN:\n",
        ),
        (
            "what cannot be spread is collected",
            "if is_spread and book.account(account).status not in MAY_PAY:",
            "if is_spread and book.account(account).status is Status.CLOSED:",
        ),
        (
            "the last accounts are in no part",
            "parts=-(-book.accounts // PART_ACCOUNTS),",
            "parts=max(1, book.accounts // PART_ACCOUNTS),",
        ),
        (
            "a run is taken for the double of another's",
            '            entered_by=self.name.replace("/", ":"),\n',
            "",
        ),
        ("who collects is charged", "if number == plan.account or book", "if book"),
        (
            "all kinds pay a fee",
            "if account.kind not in plan.kinds or account.status is Status.CLOSED:",
            "if account.status is Status.CLOSED:",
        ),
        ("who collects is given a share", "        and account.number != plan.account\n", ""),
        ("a frozen member is given a share", "        and account.status is Status.OPEN\n", ""),
        tests=("tests/services/test_runs.py", "tests/services/test_runs_waiting.py"),
    ),
)
