"""Damage to amounts, accounts and the posting of batches."""

from tests.mutants.mutant import of

MUTANTS = (
    *of(
        "ledger/core/amounts.py",
        (
            "a decimal too many is taken",
            "if len(fraction) > scale:",
            "if len(fraction) > scale + 1:",
        ),
        ("nothing is an amount", "if not 0 < amount <= AMOUNT_MAX:", "if amount > AMOUNT_MAX:"),
        (
            "an amount may pass the largest by one",
            "if not 0 < amount <= AMOUNT_MAX:",
            "if not 0 < amount <= AMOUNT_MAX + 1:",
        ),
        ("nothing is an amount among many", "min(amounts) > 0 and", "min(amounts) >= 0 and"),
        (
            "among many an amount may be too large",
            " and max(amounts) <= AMOUNT_MAX:",
            ":",
        ),
        (
            "a bound loses its sign",
            "return -magnitude if negative else magnitude",
            "return magnitude",
        ),
        ("less than a unit is shown without its zero", "rjust(scale + 1,", "rjust(scale,"),
        tests=("tests/core/test_amounts.py",),
    ),
    *of(
        "ledger/core/asked.py",
        (
            "who approved a single transfer is not checked",
            "and not (t.entered_by or t.approved_by)",
            "and not t.entered_by",
        ),
        (
            "a code may smuggle in another line",
            ' and joined.count("\\n") == len(values) - 1)',
            ")",
        ),
        ("the first day of 1970 is too early", "day < DATE_MIN", "day <= DATE_MIN"),
        (
            "a malformed amount is named by the wrong place",
            "place = at[fault.position or 0]",
            "place = fault.position or 0",
        ),
    ),
    *of(
        "ledger/core/door.py",
        (
            "more transfers may come than were declared",
            "asked.count != len(asked.transfers)",
            "asked.count > len(asked.transfers)",
        ),
        (
            "a currency is not checked where the payer is unknown",
            "if (d or c) and book.currency_number(d or c) != s:",
            "if d and book.currency_number(d) != s:",
        ),
        (
            "the stated currency is not checked",
            "if len(book.currencies) == 1:",
            "if len(book.currencies) <= 2:",
        ),
        (
            "a hold ends a thousand times too early",
            "timedelta(microseconds=1)",
            "timedelta(milliseconds=1)",
        ),
    ),
    *of(
        "ledger/core/book.py",
        (
            "a batch expires a moment early",
            "recorded_at > manifest.expires",
            "recorded_at >= manifest.expires",
        ),
        (
            "the last unit cannot be spent",
            "if x < floor[d] or y > ceiling[c] or d == c",
            "if x <= floor[d] or y > ceiling[c] or d == c",
        ),
        (
            "the last unit cannot be received",
            "if x < floor[d] or y > ceiling[c] or d == c",
            "if x < floor[d] or y >= ceiling[c] or d == c",
        ),
        (
            "an account may pay itself",
            "or d == c or currency[d] != currency[c]:",
            "or currency[d] != currency[c]:",
        ),
        (
            "money may change its currency",
            "or d == c or currency[d] != currency[c]:",
            "or d == c:",
        ),
        (
            "of two that are barred only the last is",
            "islice(rows, min(barred))",
            "islice(rows, max(barred))",
        ),
        (
            "with each, the balance limit is forgotten",
            "                or y > ceiling[c]\n",
            "",
        ),
        (
            "with each, what is barred is posted",
            "                or position in barred\n",
            "",
        ),
        (
            "with each, refused amounts are written",
            "            amount = [amount[i] for i in positions]\n",
            "            amount = amount[: len(positions)]\n",
        ),
        (
            "a refused batch leaves what it did",
            "self._walk_back(debit[:done], credit[:done], amount[:done])",
            "pass",
        ),
        (
            "going back gives to the wrong side",
            "            balance[d] += a\n            balance[c] -= a",
            "            balance[d] -= a\n            balance[c] += a",
        ),
        (
            "a look at what would happen uses up sequences",
            "        self.transfers -= len(posted.amount)\n",
            "",
        ),
        (
            "a sequence is left out",
            "        self.transfers += len(amount)\n",
            "        self.transfers += len(amount) + 1\n",
        ),
        (
            "under terms, a sequence is given twice",
            "        self.transfers += len(posting.amount)\n",
            "        self.transfers += len(posting.positions) - 1\n",
        ),
        (
            "control sums hide an unknown account",
            "(min(debit) == 0 or min(credit) == 0)",
            "min(debit) == 0",
        ),
        (
            "an amount counts for nobody's currency",
            "code = self.currency_of(d or c)\n            sums[code] = sums.get(code, 0) + a",
            "code = self.currency_of(d)\n            sums[code] = sums.get(code, 0) + a",
        ),
        (
            "what is late goes where it may not",
            "is_moved = late is Late.NEXT_OPEN_DAY",
            "is_moved = True",
        ),
        ("a reference is given twice in a batch", "(t.reference in seen or ", "("),
        ("nothing is a reference", "if t.reference and (t.reference", "if (t.reference"),
        (
            "the reference is asked before the account",
            "self.why_never(position, d, c) or barred.get(position)",
            "barred.get(position) or self.why_never(position, d, c)",
        ),
    ),
    *of(
        "ledger/core/state.py",
        (
            "time may go back",
            "if line.recorded_at < self.recorded_at:",
            "if line.recorded_at < 0:",
        ),
        (
            "an account is closed on somebody's money",
            "if self.balance[account] != 0:",
            "if self.balance[account] < 0:",
        ),
        (
            "a closed account is opened again",
            "if self._status[account] == _CLOSED and not",
            "if self._status[account] == -1 and not",
        ),
        (
            "bounds may not meet",
            "or_else(line.lower, NO_LOWER) > or_else(line.upper, NO_UPPER)",
            "or_else(line.lower, NO_LOWER) >= or_else(line.upper, NO_UPPER)",
        ),
        (
            "a bound that was taken away stays",
            "self._upper[line.account] = or_else(line.upper, NO_UPPER)",
            "self._upper[line.account] = or_else(line.upper, self._upper[line.account])",
        ),
        (
            "what is held can be spent",
            "floor + self.holds.pending_debits.get(number, 0)",
            "floor",
        ),
        (
            "what is held for somebody leaves its room to others",
            "ceiling - self.holds.pending_credits.get(number, 0)",
            "ceiling",
        ),
        (
            "bounds soft on both sides are firm below",
            "NO_LOWER if soft in (Side.DEBIT, Side.BOTH)",
            "NO_LOWER if soft is Side.DEBIT",
        ),
        (
            "who may not be paid may not pay",
            "for s in (Status.OPEN, Status.FROZEN_CREDITS)}",
            "for s in (Status.OPEN, Status.FROZEN_DEBITS)}",
        ),
        (
            "a frozen account may be paid",
            "elif self._status[c] not in _MAY_BE_PAID:",
            "elif self._status[c] not in _MAY_PAY:",
        ),
        (
            "a restart makes soft bounds firm",
            "self._set_soft(number, UNSET if soft is None else soft)",
            "self._set_soft(number, UNSET)",
        ),
        (
            "a restart thaws what is frozen",
            "self._status += cut.status",
            "self._status += bytes(len(cut.status))",
        ),
        (
            "less than nothing is available",
            "available = max(0, self.balance[d] - besides - self.floor[d])",
            "available = self.balance[d] - besides - self.floor[d]",
        ),
        (
            "the last account is named by no rule",
            "if max(accounts) > self.accounts:",
            "if max(accounts) >= self.accounts:",
        ),
        (
            "a rule may name an account that is closed",
            "closed = next((n for n in accounts if self._status[n] == _CLOSED), None)",
            "closed = None",
        ),
        (
            "what is held does not count where a bound is soft",
            "return self._lower[number] + self.holds.pending_debits.get(number, 0)",
            "return self._lower[number]",
        ),
    ),
    *of(
        "ledger/core/posting.py",
        (
            "a hold may end now",
            "terms.expires <= self._recorded_at",
            "terms.expires < self._recorded_at",
        ),
        (
            "a hold is posted at its end",
            "hold.expires <= self._recorded_at",
            "hold.expires < self._recorded_at",
        ),
        (
            "more is posted than is left of a hold",
            "amount > hold.left:",
            "amount > hold.amount:",
        ),
        (
            "a release keeps the rest back",
            "left = 0 if terms.release else hold.left - amount",
            "left = hold.left - amount",
        ),
        (
            "a hold is posted by others",
            "if (hold.debit, hold.credit) != (d, c):",
            "if hold.debit != d:",
        ),
        (
            "a void names what is left",
            "terms.action is Action.VOID and amount != hold.amount:",
            "terms.action is Action.VOID and amount != hold.left:",
        ),
        (
            "a frozen account's hold is posted",
            "refusal = self._book.why_shut(",
            "refusal = bool(",
        ),
        ("a reversal is reversed", "            or past.is_link\n", ""),
        (
            "a hold is reversed",
            "            not Phase(past.phase).moves\n            or",
            "           ",
        ),
        (
            "a levy goes back to who is frozen, though another stands in",
            "                    back = instead(back, absent, terms.suspense)\n",
            "",
        ),
        (
            "a levy goes back to who is frozen, though another pays all",
            "back = instead(back, d if terms.up_to == Side.DEBIT else c, terms.rest)",
            "pass",
        ),
        (
            "what is in suspense is meant for the bridge",
            "                        meant_for=absent,\n",
            "                        meant_for=terms.suspense,\n",
        ),
        (
            "what is stood in for is not what is owed",
            'owed = amount + (more if suspense == "credit" else -more)',
            "owed = amount + more",
        ),
        (
            "somebody stands in for nothing",
            "if owed <= 0:",
            "if owed < 0:",
        ),
        (
            "an account pays itself what goes back",
            "return [row for row in changed if row.debit_account != row.credit_account]",
            "return changed",
        ),
        (
            "what is in suspense is reversed",
            "            or target in self._book.suspense.open\n",
            "",
        ),
        (
            "a reversal goes the same way again",
            "if (past.debit, past.credit) != (c, d):",
            "if (past.debit, past.credit) != (d, c):",
        ),
        (
            "a transfer is taken back once in every batch",
            "past.amount - past.taken - self._taken",
            "past.amount - self._taken",
        ),
        (
            "a transfer is taken back twice in one batch",
            "past.taken - self._taken.get(target, 0)",
            "past.taken",
        ),
        (
            "the last of an item is not cleared",
            "amount > suspended.left:",
            "amount >= suspended.left:",
        ),
        (
            "an item is cleared on the wrong side",
            'if suspended.side == "debit" else d)',
            'if suspended.side == "credit" else d)',
        ),
        ("nothing is posted", "        if amount or not rest:\n", "        if amount:\n"),
        (
            "nothing stands in suspense",
            "if refusal is not None and amount and terms",
            "if refusal is not None and terms",
        ),
        (
            "nothing is held",
            "d, c, max(amount, 1), phase=Phase.HELD",
            "d, c, amount, phase=Phase.HELD",
        ),
        (
            "up to both looks at one side",
            "NO_UPPER if side is Side.CREDIT else",
            "NO_UPPER if side is not Side.DEBIT else",
        ),
        (
            "up to the last unit but one",
            "book.ceiling[c] - book.balance[c]\n",
            "book.ceiling[c] - book.balance[c] - 1\n",
        ),
        (
            "a payer at its bound leaves no room for the levy",
            "part + debited(rows, d) <= room",
            "part <= room",
        ),
        (
            "a soft bound is passed when it is reached",
            "if book.balance[d] - amount < book.soft_floor(d):",
            "if book.balance[d] - amount <= book.soft_floor(d):",
        ),
        (
            "a passed balance limit is not flagged",
            "if book.balance[c] + amount > book.soft_ceiling(c):",
            "if book.balance[c] > book.soft_ceiling(c):",
        ),
        ("the rest passes bounds without a flag", "        flags |= passed\n", ""),
        (
            "the rest comes from the side that is not full",
            "(terms.rest, c) if terms.up_to == Side.DEBIT",
            "(terms.rest, c) if terms.up_to == Side.CREDIT",
        ),
        ("an account stands in for itself", "and number not in (d, c)", "and number != d"),
        (
            "another currency stands in",
            "            and book.currency_number(number) == book.currency_number(d)\n",
            "",
        ),
        (
            "what comes back of a levy is not counted",
            "room += credited(besides(amount), d)",
            "room += 0",
        ),
        (
            "a hold is posted though its levy cannot be paid",
            "return not owed or owed <= room + freed",
            "return not owed or owed <= room + freed + 1",
        ),
        (
            "a levy may be taken back alone",
            "            or past.is_beside\n",
            "",
        ),
        (
            "an entry that falls leaves its balances",
            "            self.undo.back_to(mark)\n",
            "",
        ),
        (
            "an entry that falls leaves its notes",
            "self.notes.pop(position, None)",
            "self.notes.get(position)",
        ),
        (
            "transfers without an entry fall together",
            "return (0, position) if entry is UNSET",
            "return (0, 0) if entry is UNSET",
        ),
    ),
    *of(
        "ledger/core/terms.py",
        (
            "the rest of a reversal can be reversed",
            "own, *(row.amount",
            "own, *(0 * row.amount",
        ),
        (
            "any action may release",
            '"release": terms.release and action is not Action.POST',
            '"release": terms.release and action is UNSET',
        ),
        (
            "suspense and a rest are asked for at once",
            "not (moves and terms.rest is UNSET)",
            "not moves",
        ),
    ),
    *of(
        "ledger/core/exchange.py",
        (
            "an exchange is rounded up",
            "self.sold * self.rate.n // self.rate.d",
            "self.sold * self.rate.n // self.rate.d + 1",
        ),
        (
            "one minor unit more is residue",
            "self.sold - -(-self.bought",
            "self.sold + 1 - -(-self.bought",
        ),
        (
            "a fraction is not in lowest terms",
            "common = gcd(left, d)",
            "common = 1",
        ),
        (
            "a residue is booked nowhere",
            "if exchange.residue and not self._is_booked(position):",
            "if exchange.residue and False:",
        ),
        (
            "a residue comes from anybody",
            "given = self._debit[position], self._amount[position]",
            "given = self._credit[position - 2], self._amount[position]",
        ),
        (
            "a hold is sold",
            "sells.action in (UNSET, Action.POST)",
            "sells.action in (UNSET, Action.HOLD, Action.POST)",
        ),
        (
            "what is bought is sold again",
            "and sells.rate is UNSET",
            "",
        ),
        tests=("tests/core/test_exchange.py",),
    ),
    *of(
        "ledger/journal/past.py",
        (
            "what its payer has again goes back to it twice",
            "        amount -= residue.amount\n",
            "        pass\n",
        ),
        (
            "what was sold is taken back alone",
            "is_beside=is_sold or terms.residue",
            "is_beside=terms.residue",
        ),
        (
            "the levies on what was sold stay",
            "(*levies, *sold, *more)",
            "(*levies, *sold)",
        ),
        tests=("tests/core/test_exchange.py",),
    ),
    *of(
        "ledger/core/suspense.py",
        (
            "a bridge may be closed while items are open",
            "item.account == account for item",
            "item.account == -1 for item",
        ),
        tests=("tests/core/test_terms.py", "tests/core/test_closing.py"),
    ),
    *of(
        "ledger/core/holds.py",
        ("a hold shrinks by all of it", "hold, left - hold.left)", "hold, -hold.left)"),
        (
            "an account is closed on what is held for it",
            "account in self.pending_debits or account in self.pending_credits",
            "account in self.pending_debits",
        ),
        (
            "what was only looked at has an end",
            "return hold is not None and hold.expires == moment",
            "return hold is not None",
        ),
        ("a hold expires a moment late", "if hold.expires <= now", "if hold.expires < now"),
        (
            "a hold expires twice in a line",
            "if len(set(line.holds)) == len(holds) and all(",
            "if all(",
        ),
        (
            "a hold expires before its time",
            "hold is not None and hold.expires <= line.recorded_at",
            "hold is not None",
        ),
        ("a restart makes holds whole again", "left=line.left,", "left=line.amount,"),
    ),
    *of(
        "ledger/core/moments.py",
        (
            "what is over is kept for ever",
            "if len(self._heap) > SLACK + 2 * self._open_count():",
            "if not SLACK:",
        ),
        (
            "what is open is forgotten with what is over",
            "if self._is_to_come(*one)})",
            "if not self._is_to_come(*one)})",
        ),
        ("what is over is still due", "if self._is_to_come(*self._heap[0]):", "if self._heap:"),
    ),
    *of(
        "ledger/core/resolutions.py",
        (
            "a hold posted with the rest given back is still open",
            "if ends or posted == amount:",
            "if posted == amount:",
        ),
        (
            "a hold posted in parts is still open",
            "if ends or posted == amount:",
            "if ends:",
        ),
        (
            "nothing is left of a hold posted in part",
            "posted, amount - posted)",
            "posted, 0)",
        ),
        (
            "a void counts as posted",
            "parts = (Resolved.PART, Resolved.RELEASED)",
            "parts = (Resolved.PART, Resolved.RELEASED, Resolved.VOIDED)",
        ),
        (
            "what a void gave back is all that was held",
            "amount = transfers[position].amount if note.amount is None else note.amount",
            "amount = transfers[position].amount",
        ),
        tests=("tests/api/test_terms.py",),
    ),
    *of(
        "ledger/core/suspense.py",
        ("what is cleared stays", "left=item.left - amount", "left=item.left"),
        ("a restart forgets since when", "since=line.since", "since=0"),
        tests=("tests/core/test_terms.py", "tests/core/test_closing.py"),
    ),
    *of(
        "ledger/core/undo.py",
        (
            "what was absent is left as nothing",
            "place.get(key, self._ABSENT)",
            "place.get(key)",
        ),
        (
            "one change too many stays",
            "while len(self._log) > mark:",
            "while len(self._log) > mark + 1:",
        ),
    ),
    *of(
        "ledger/core/frozen.py",
        ("a frozen book goes on", "state.balance[:]", "state.balance"),
        (
            "the last account is not in the snapshot",
            "min(stop - offset, self.accounts + 1)",
            "min(stop - offset, self.accounts)",
        ),
    ),
    *of(
        "ledger/core/changes.py",
        (
            "bounds are turned round for the wrong nature",
            "if nature is Nature.CREDIT:",
            "if nature is Nature.DEBIT:",
        ),
        ("a person's code cannot be confirmed", " and not confirmed:", ":"),
        (
            "two new accounts have one number",
            "number=book.accounts + len(lines) + 1,",
            "number=book.accounts + 1,",
        ),
        tests=("tests/core/test_changes.py",),
    ),
    *of(
        "ledger/core/changes.py",
        (
            "a loan leaves with its account",
            "if account.balance < 0 and not (is_written_off or _is_alike(account, other)):",
            "if account.balance < 0 and not (is_written_off or other.nature is Nature.DEBIT):",
        ),
        tests=("tests/sequencer/test_limits.py",),
    ),
    *of(
        "ledger/core/personal.py",
        ("small letters hide a person", "code.upper()", "code"),
        ("the shortest of them is not seen", "len(code) < SHORTEST", "len(code) <= SHORTEST"),
        tests=("tests/core/test_changes.py",),
    ),
)
