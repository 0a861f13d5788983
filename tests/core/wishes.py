"""Random histories: what somebody may wish for, made up into lines that mean something.

A wish is drawn before anything happened ("some of the second open hold"); it becomes a line
when its turn comes, against the plain model as it stands, so that most of them hit an edge: all
there is, one more, the whole of what is left.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

from tests.core.plain import NO_BOUND, Account, Batch, Line, Plain, worth

AMOUNT_MAX = 2**53 - 1
SECOND = 1_000_000

T = TypeVar("T")

PESOS = ["cash", "ana", "ben", "eva", "shop", "bridge"]
HOURS = ["hour", "hank"]


def a_plain_ledger(now: int, *, unique_references: bool) -> Plain:
    plain = Plain(unique_references=unique_references, now=now)
    for code, lower, upper, currency in [
        ("cash", -NO_BOUND, NO_BOUND, "MXN"),
        ("ana", 0, NO_BOUND, "MXN"),
        ("ben", -200, 200, "MXN"),
        ("eva", -50, 500, "MXN"),
        ("shop", -100, 300, "MXN"),
        ("bridge", -NO_BOUND, NO_BOUND, "MXN"),
        ("hour", -NO_BOUND, NO_BOUND, "HRS"),
        ("hank", -20, 100, "HRS"),
    ]:
        assert plain.open_account(code, Account(currency, lower, upper)) is None
    return plain


# ---- wishes


@dataclass(frozen=True)
class Wish:
    """One transfer, or the two of an exchange, before it is known what is there."""

    what: str  # pay, hold, post, void, reverse, clear, exchange.
    debit: str
    credit: str
    amount: int | str  # Or: all, more.
    pick: int = 0  # Among the transfers that it may be about.
    is_astray: bool = False  # The accounts are not those of what it is about.
    seconds: int = 60  # Until a hold ends.
    release: bool = False
    entry: int = 0
    up_to: str = ""
    rest: str = ""
    suspense: str = ""
    off: int = 0  # By how much an amount that must fit does not.
    reference: str = ""
    days_ahead: int | None = None


def mostly(*values: T) -> st.SearchStrategy[T]:
    """The first of these, but now and then another."""
    return st.sampled_from([values[0]] * 12 * (len(values) - 1) + list(values[1:]))


codes = st.sampled_from(PESOS * 8 + ["hank", "nobody", "late"])
wishes = st.builds(
    Wish,
    what=st.sampled_from(
        ["pay"] * 5
        + ["hold", "reverse"] * 4
        + ["post"] * 3
        + ["clear", "void"] * 2
        + ["exchange"]
    ),
    debit=codes,
    credit=codes,
    amount=st.one_of(
        st.integers(1, 150), st.sampled_from(["all", "more"]), mostly(300, AMOUNT_MAX)
    ),
    pick=st.integers(0, 5),
    is_astray=mostly(False, True),
    seconds=st.sampled_from([60] * 4 + [1] * 2 + [3600] * 4 + [0]),
    release=st.booleans(),
    entry=st.sampled_from([0, 0, 1, 2]),
    up_to=st.sampled_from(["", "", "debit", "credit", "both"]),
    rest=st.sampled_from(["bridge", "shop", "cash", "ana", ""] * 4 + ["hank", "nobody"]),
    suspense=st.sampled_from(["bridge", "bridge", "shop", ""] * 6 + ["hank", "nobody"]),
    off=mostly(0, 1, -1),
    reference=mostly("", "r1", "r2"),
    days_ahead=mostly(None, 0, 1, -1, -2),
)


def lines_of(wish: Wish, plain: Plain) -> list[Line]:
    """What is asked for in the end; what has nothing to be about becomes something else."""
    held, suspended = plain.holds(), plain.suspended()
    there = {"post": held, "void": held, "reverse": plain.rows, "clear": suspended}
    if not there.get(wish.what, True) and not wish.is_astray:
        wish = replace(wish, what="hold" if wish.what in ("post", "void") else "pay")
    if wish.debit == wish.credit and not wish.is_astray:
        wish = replace(wish, credit="cash" if wish.debit != "cash" else "ana")
    line = Line(
        wish.debit,
        wish.credit,
        1,
        reference=wish.reference,
        days_ahead=wish.days_ahead,
        entry=wish.entry,
    )
    match wish.what:
        case "exchange":
            return _exchange(wish, line, plain)
        case "pay":
            return [_by_way_of(wish, replace(line, amount=_amount(wish, line, plain)))]
        case "hold":
            return [
                replace(
                    line,
                    amount=_amount(wish, line, plain),
                    action="hold",
                    expires=plain.now + wish.seconds * SECOND,
                    up_to=wish.up_to,
                )
            ]
        case "post" | "void":
            return [_about_a_hold(wish, line, plain)]
        case "reverse":
            return [_back(wish, line, plain)]
        case "clear":
            return [_cleared(wish, line, plain)]
    raise AssertionError(wish.what)


def _amount(wish: Wish, line: Line, plain: Plain) -> int:
    """All that the debited account has, or one more, or what is wished for."""
    if isinstance(wish.amount, int):
        return wish.amount
    room = plain.room_to_pay(line.debit) if line.debit in plain.accounts else 0
    if room > AMOUNT_MAX and line.credit in plain.accounts:
        room = plain.room_to_be_paid(line.credit)
    return _within(room + (wish.amount == "more"))


def _within(amount: int) -> int:
    return max(1, min(AMOUNT_MAX, amount))


def _by_way_of(wish: Wish, line: Line) -> Line:
    """What only a transfer that moves money may ask for; terms that go with each other."""
    rest, suspense = wish.rest, wish.suspense
    if not wish.is_astray:
        others = [code for code in PESOS if code not in (line.debit, line.credit)]
        rest = others[wish.pick % 4] if rest in (line.debit, line.credit) else rest
        suspense = others[wish.pick % 4] if suspense in (line.debit, line.credit) else suspense
    if wish.up_to not in ("debit", "credit"):
        rest = ""
    return replace(line, up_to=wish.up_to, rest=rest, suspense="" if rest else suspense)


def _some(wish: Wish, whole: int) -> int:
    """Some of what is left, all of it, or one more."""
    if wish.amount == "more":
        return _within(whole + 1)
    return _within(whole if wish.amount == "all" else min(whole, int(wish.amount)))


def _pick(wish: Wish, likely: list[int], others: list[int]) -> int:
    """Mostly one that will do; sometimes another, or one that is not there."""
    found = likely * 3 + others or [1]
    return found[wish.pick % len(found)]


def _about_a_hold(wish: Wish, line: Line, plain: Plain) -> Line:
    there = [n for n, row in enumerate(plain.rows, 1) if row.phase == "held"]
    ahead = [len(plain.rows) + wish.pick + 1]  # Perhaps of the same batch.
    target = _pick(wish, list(plain.holds()), there + ahead)
    amount, left = 1, 0
    if target <= len(plain.rows):
        row = plain.rows[target - 1]
        amount, left = row.amount, plain.left(target) if row.phase == "held" else 0
        if not wish.is_astray:
            line = replace(line, debit=row.debit, credit=row.credit)
    if wish.what == "void":
        return replace(line, action="void", target=target, amount=_within(amount + wish.off))
    return replace(
        line, action="post", target=target, amount=_some(wish, left), release=wish.release
    )


def _back(wish: Wish, line: Line, plain: Plain) -> Line:
    there = list(range(1, len(plain.rows) + 1))
    moved = [n for n in there if plain.rows[n - 1].phase == "posted"]
    target = _pick(wish, moved, [*there, len(plain.rows) + 1])
    left = 1
    if target <= len(plain.rows):
        row = plain.rows[target - 1]
        left = row.amount - plain.taken(target)
        if not wish.is_astray:
            line = replace(line, debit=row.credit, credit=row.debit)
    line = replace(line, action="reverse", target=target, amount=_some(wish, left))
    return _by_way_of(wish, line)


def _cleared(wish: Wish, line: Line, plain: Plain) -> Line:
    target = _pick(wish, list(plain.suspended()), list(range(1, len(plain.rows) + 2)))
    left = plain.suspended().get(target, 1)
    if target in plain.suspended() and not wish.is_astray:
        row = plain.rows[target - 1]
        if row.stands_in == "debit":
            line = replace(line, credit=row.debit)
        else:
            line = replace(line, debit=row.credit)
    return replace(line, action="clear", target=target, amount=_some(wish, left))


def _exchange(wish: Wish, line: Line, plain: Plain) -> list[Line]:
    """Sold, bought, and the residue; or only bought, which has no rate."""
    sold = replace(line, entry=3, amount=min(10_000, _amount(wish, line, plain)))
    n, d = (1, 7) if wish.release else (7, 5)
    bought = Line(
        "hour",
        "shop" if wish.is_astray else "hank",
        _within(sold.amount * n // d + (wish.off if wish.pick < 4 else 0)),
        entry=3,
        rate=(n, d),
    )
    if wish.is_astray:
        bought = replace(bought, debit="cash")  # In the same currency there is no rate.
    if wish.off < 0:
        return [bought]
    _, left = worth(sold.amount, (n, d))
    to = ("bridge", "shop", sold.debit)[wish.pick % 3]
    residue = Line(sold.credit, to, left + wish.off, entry=3, residue=True)
    return [sold, bought, residue][: 3 if residue.amount else 2]


# ---- steps of a history

# A batch without terms goes another road, so some have none at all.
bare_wishes = st.builds(
    Wish,
    what=st.just("pay"),
    debit=codes,
    credit=codes,
    amount=st.one_of(st.integers(1, 150), st.sampled_from(["all", "more"])),
    is_astray=mostly(False, True),
    reference=mostly("", "r1", "r2"),
    days_ahead=mostly(None, 0, 1, -1, -2),
)
posts = st.tuples(
    st.just("post"),
    st.sampled_from(
        [st.lists(wishes, min_size=1, max_size=4)] * 4
        + [st.lists(bare_wishes, min_size=2, max_size=4)]
    ).flatmap(lambda kind: kind),
    st.sampled_from(["atomic", "each", "each"]),
    mostly(None, "right", "wrong"),
    mostly("", "till"),
    st.sampled_from(["", "next_open_day"]),
)
bounds = st.tuples(
    st.just("bounds"),
    st.sampled_from(PESOS[1:5]),
    st.sampled_from([-200, -50, 0, 10, -NO_BOUND]),
    st.sampled_from([0, 100, 300, NO_BOUND]),
    st.sampled_from(["", "debit", "credit", "both"]),
)
statuses = st.tuples(
    st.just("status"),
    st.sampled_from(PESOS),
    st.sampled_from(["open", "open", "frozen", "frozen_debits", "frozen_credits", "closed"]),
)
accounts = st.tuples(st.just("open"), st.sampled_from(["late", "ana"]), st.sampled_from([0, 5]))
waits = st.tuples(st.just("later"), st.sampled_from([1, 59, 60, 3600]))
expiries = st.one_of(
    st.tuples(st.just("expire")),
    st.tuples(st.just("expire"), st.lists(st.integers(0, 5), min_size=1, max_size=3)),
)
restarts = st.tuples(st.just("restart"))
days = st.one_of(
    st.tuples(st.just("midnight")),
    st.tuples(st.just("close"), st.sampled_from([1, 1, 0, 2])),
)
steps = st.sampled_from(
    [posts] * 10
    + [bounds] * 3
    + [statuses] * 3
    + [accounts, waits, expiries, days, restarts, restarts]
).flatmap(lambda kind: kind)
histories = st.lists(steps, min_size=6, max_size=12)

# What everybody begins with, so that there is something to move.
FIRST = Batch([Line("cash", "ana", 500), Line("cash", "eva", 120), Line("ben", "shop", 90)])


def batch_of(
    made: list[Wish], mode: str, sums: str | None, source: str, late: str, plain: Plain
) -> Batch:
    """A batch of some wishes, with the sums that it declares."""
    lines = [line for wish in made for line in lines_of(wish, plain)]
    batch = Batch(lines, mode, source, late=late)
    if sums is None:
        return batch
    found: dict[str, int] = {}
    for line in lines:
        currency = currency_stated(line, plain)
        found[currency] = found.get(currency, 0) + line.amount
    if sums == "wrong":
        found["MXN"] = found.get("MXN", 0) + 1
    return replace(batch, sums=found)


def currency_stated(line: Line, plain: Plain) -> str:
    """The debited account's; where that is not there, the other's."""
    there = [code for code in (line.debit, line.credit) if code in plain.accounts]
    return plain.accounts[there[0]].currency if there else "MXN"
