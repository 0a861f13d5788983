"""Deliberate damage: changes of the rules, each of which some test must notice.

A mutant is an exact text that stands once in a file, what stands there instead, and what that
would mean. `./run mutants` applies one after the other to a copy and runs the nearest tests; a
mutant that nobody notices is a test that is missing.

Where a text has changed, change it here; where a mutant can no longer be told from the
original, put another in its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CORE = ("tests/core",)
JOURNAL = (
    "tests/journal/test_batches.py",
    "tests/journal/test_replay.py",
    "tests/journal/test_verify.py",
)
SNAPSHOTS = ("tests/journal/test_snapshots.py",)
TREE = ("tests/journal/test_merkle.py",)


@dataclass(frozen=True)
class Mutant:
    """One change of one file, and the tests that are asked about it."""

    file: str
    old: str
    new: str
    meaning: str
    tests: tuple[str, ...] = CORE


def _of(
    file: str, *changes: tuple[str, str, str], tests: tuple[str, ...] = CORE
) -> Iterator[Mutant]:
    for meaning, old, new in changes:
        yield Mutant(file, old, new, meaning, tests)


MUTANTS = (
    *_of(
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
    *_of(
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
    *_of(
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
    *_of(
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
            "islice(columns, min(barred))",
            "islice(columns, max(barred))",
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
    *_of(
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
            "self._set_soft(line.number, line.soft)",
            "self._set_soft(line.number, UNSET)",
        ),
        (
            "a restart thaws what is frozen",
            "self._status += bytes(_STATUS_NUMBER[line.status] for line in lines)",
            "self._status += bytes(len(lines))",
        ),
        (
            "less than nothing is available",
            "available = max(0, self.balance[d] + comes_back - self.floor[d])",
            "available = self.balance[d] + comes_back - self.floor[d]",
        ),
        (
            "what is held does not count where a bound is soft",
            "return self._lower[number] + self.holds.pending_debits.get(number, 0)",
            "return self._lower[number]",
        ),
    ),
    *_of(
        "ledger/core/state.py",
        (
            "a journal may skip sequences",
            "(line.number, line.first_sequence) != (self.batches, first)",
            "line.number != self.batches",
        ),
        tests=JOURNAL,
    ),
    *_of(
        "ledger/core/terms.py",
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
            "if terms.up_to != Side.CREDIT:",
            "if terms.up_to == Side.DEBIT:",
        ),
        (
            "up to the last unit but one",
            "book.ceiling[c] - book.balance[c])",
            "book.ceiling[c] - book.balance[c] - 1)",
        ),
        (
            "less than nothing is allowed",
            "return max(0, amount)",
            "return amount",
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
            "an exchange is rounded up",
            "terms.rate.n // terms.rate.d",
            "terms.rate.n // terms.rate.d + 1",
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
    *_of(
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
    *_of(
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
    *_of(
        "ledger/core/holds.py",
        ("a hold shrinks by all of it", "hold, left - hold.left)", "hold, -hold.left)"),
        (
            "an account is closed on what is held for it",
            "account in self.pending_debits or account in self.pending_credits",
            "account in self.pending_debits",
        ),
        (
            "what was only looked at has an end",
            "if hold is not None and hold.expires == expires:",
            "if hold is not None:",
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
    *_of(
        "ledger/core/suspense.py",
        ("what is cleared stays", "left=item.left - amount", "left=item.left"),
        ("a restart forgets since when", "since=line.since", "since=0"),
    ),
    *_of(
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
    *_of(
        "ledger/core/frozen.py",
        ("a frozen book goes on", "state.balance.copy()", "state.balance"),
        (
            "the last account is not in the snapshot",
            "min(stop - offset, self.accounts + 1)",
            "min(stop - offset, self.accounts)",
        ),
    ),
    *_of(
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
    *_of(
        "ledger/core/personal.py",
        ("small letters hide a person", "code.upper()", "code"),
        ("the shortest of them is not seen", "len(code) < SHORTEST", "len(code) <= SHORTEST"),
        tests=("tests/core/test_changes.py",),
    ),
    *_of(
        "ledger/journal/batches.py",
        (
            "lines are left out of a batch",
            "if len(transfers) != manifest.count:",
            "if len(transfers) > manifest.count:",
        ),
        ("the last line has no end", "if lines.pop():", "if lines.pop() is None:"),
        (
            "outcomes stand as they come",
            "sorted(lines, key=lambda line: line.position)",
            "lines",
        ),
        tests=JOURNAL,
    ),
    *_of(
        "ledger/journal/batches.py",
        ("a row that is not there is read back", "* ((note.amount != 0)", "* (True"),
        ("a reason is read back without its amount", "else int(line.available)", "else None"),
    ),
    *_of(
        "ledger/journal/replay.py",
        (
            "the root is not compared",
            "root_of_lines(body) != root_named(leaf)",
            "not root_named(leaf)",
        ),
        (
            "other outcomes are believed",
            "(leaf.posted, leaf.outcomes) != (len(outcome.amount), expected)",
            "leaf.posted != len(outcome.amount)",
        ),
        (
            "the header counts as it likes",
            "if leaf.count != len(transfers):",
            "if leaf.count < 0:",
        ),
        (
            "a batch stands under another's name",
            "if manifest.origin != batch_origin(opening.origin, leaf.batch):",
            "if not manifest.origin:",
        ),
        (
            "a note signs more than was posted",
            "note.size != leaf.count + 1",
            "note.size < leaf.count + 1",
        ),
        tests=JOURNAL,
    ),
    *_of(
        "ledger/journal/replay.py",
        (
            "only the last taking back counts",
            "taken=before.taken + link.amount",
            "taken=link.amount",
        ),
        (
            "the last row of a batch has no past",
            "first + len(posted.amount))",
            "first + len(posted.amount) - 1)",
        ),
        ("at replay a reversal is reversed", "is_link=True", "is_link=False"),
        (
            "at replay a hold is reversed",
            "phase=posted.phases[i] if posted.phases else Phase.POSTED",
            "phase=Phase.POSTED",
        ),
    ),
    *_of(
        "ledger/journal/snapshots.py",
        (
            "a snapshot of something else is restored",
            "if root_of_lines(chunk.data) != chunk.hash:",
            "if not chunk.hash:",
        ),
        (
            "a snapshot's root is not compared",
            "if found != (snapshot.root,",
            "if found[1:] != (snapshot.root,",
        ),
        tests=SNAPSHOTS,
    ),
    *_of(
        "ledger/journal/merkle.py",
        (
            "a leaf poses as a node",
            'sha256(b"\\x01" + left + right)',
            'sha256(b"\\x00" + left + right)',
        ),
        (
            "a path leaves out the last sibling",
            "if sibling < len(nodes):",
            "if sibling < len(nodes) - 1:",
        ),
        tests=TREE,
    ),
)
