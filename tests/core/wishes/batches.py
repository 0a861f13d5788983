"""Wishes for batches: transfers of all kinds, and about what was transferred before."""

from dataclasses import dataclass, replace
from datetime import date

from tests.core.plain.ledger import Plain
from tests.core.plain.nouns import A_DAY, AMOUNT_MAX, SECOND, Batch, Line
from tests.core.plain.reasons import worth
from tests.core.wishes.dice import Dice

PESOS = ("cash", "ana", "ben", "eva", "shop", "bridge")
PAYERS = (
    *("cash", "ana") * 6,
    *("ben", "eva", "shop") * 3,
    *("bridge", "bonds") * 2,
    *("hour", "hank", "vera", "fund", "vault", "late"),
    "nobody",
)
PAYEES = (
    *("ana", "shop") * 6,
    *("ben", "eva", "cash") * 3,
    *("bridge", "vera", "hank", "bonds", "hour", "fund", "vault", "late"),
    "nobody",
)
WHATS = (
    *("pay",) * 6,
    *("hold", "reverse") * 4,
    *("post",) * 3,
    *("clear",) * 4,
    *("void",) * 2,
    *("exchange",) * 3,
    *("adjust",) * 2,
)


@dataclass(frozen=True)
class Wish:
    """One transfer, or the two of an exchange, before it is known what is there."""

    what: str  # pay, hold, post, void, reverse, clear, exchange, adjust.
    debit: str
    credit: str
    amount: int | str  # Or: all, more.
    pick: int = 0  # Below 256: which of the transfers that it may be about.
    is_astray: bool = False  # The accounts are not those of what it is about.
    seconds: int = 60  # Until a hold ends.
    release: bool = False
    entry: int = 0
    up_to: str = ""
    rest: str = ""
    suspense: str = ""
    off: int = 0  # By how much an amount that must fit does not.
    kind: str = "payment"
    currency: str = ""
    reference: str = ""
    days_ahead: int | None = None
    value_days_ago: int | None = None
    entered_by: str = ""


def a_wish(dice: Dice, favourites: tuple[str, str], *, is_bare: bool) -> Wish:
    """Of what has no terms, most that is rare is left out."""
    wish = Wish(
        what="pay" if is_bare else dice.of(WHATS),
        debit=dice.one(favourites[0], dice.of(PAYERS)),
        credit=dice.one(favourites[1], dice.of(PAYEES)),
        amount=dice.one(*(dice.roll(40) + 1,) * 6, dice.roll(150) + 1, "all", "more", 300),
        kind=dice.one("payment", "payment", "fair", "loan"),
        days_ahead=dice.mostly(None, 0, 0, 1, -1, -2),
        is_astray=dice.seldom(),
        reference=dice.mostly("", "r1", "r2"),
        entered_by=dice.mostly("", "rosa", "luis"),
        value_days_ago=dice.one(*(None,) * 8, 0, 1, 3, 3),
    )
    if is_bare:
        return wish
    return replace(
        wish,
        amount=AMOUNT_MAX if dice.seldom() else wish.amount,
        pick=dice.roll(256),
        seconds=dice.one(60, 60, 60, 60, 1, 1, 3600, 3600, 3600, 0, 200_000),
        release=dice.one(False, True),
        entry=dice.one(0, 0, 0, 0, 1, 2),
        up_to=dice.one("", "", "debit", "credit", "both"),
        rest=dice.of(("bridge", "shop", "cash", "ana", "") * 4 + ("hank", "nobody")),
        suspense=dice.of(("bridge", "bridge", "shop", "") * 6 + ("hank", "nobody")),
        off=dice.mostly(0, 1, -1),
        currency=dice.of(("",) * 60 + ("EUR", "HRS")),
    )


def a_batch(dice: Dice, plain: Plain, favourites: tuple[str, str]) -> Batch:
    """Some wishes together, with the sums that it declares."""
    is_bare = dice.roll(5) == 4
    mode = dice.one("atomic", "each", "each")
    sums = dice.mostly("", "right", "wrong")
    pair = dice.one(favourites, favourites, favourites[::-1])
    lines = [
        line
        for _ in range(1 + is_bare + dice.roll(4))
        for line in lines_of(a_wish(dice, pair, is_bare=is_bare), plain)
    ]
    batch = Batch(
        lines,
        mode,
        source=dice.mostly("", "till"),
        late=dice.one("", "next_open_day"),
        key=dice.one("op", "op", "teller", "rosa"),
        is_stale=dice.roll(64) == 63,
    )
    if not sums or any(line.currency for line in lines):
        return batch
    found: dict[str, int] = {}
    for line in lines:
        currency = _currency(line, plain)
        found[currency] = found.get(currency, 0) + line.amount
    if sums == "wrong":
        found["MXN"] = found.get("MXN", 0) + 1
    return replace(batch, sums=found)


def _currency(line: Line, plain: Plain) -> str:
    there = [code for code in (line.debit, line.credit) if code in plain.accounts]
    return plain.currency(there[0]) if there else "MXN"


def lines_of(wish: Wish, plain: Plain) -> list[Line]:
    """What is asked for in the end; what has nothing to be about becomes something else."""
    held, suspended = plain.holds(), plain.suspended()
    there = {"post": held, "void": held, "reverse": plain.rows, "clear": suspended}
    if not there.get(wish.what, True) and not wish.is_astray:
        wish = replace(wish, what="hold" if wish.what in ("post", "void") else "pay")
    wish = _of_one_currency(wish, plain)
    line = Line(
        wish.debit,
        wish.credit,
        1,
        kind=wish.kind,
        currency=wish.currency,
        reference=wish.reference,
        day=_days_ahead(wish.days_ahead, plain),
        value_day=_days_ahead(
            None if wish.value_days_ago is None else -wish.value_days_ago, plain
        ),
        entered_by=wish.entered_by,
        entry=wish.entry,
    )
    match wish.what:
        case "exchange":
            return _exchange(wish, line, plain)
        case "pay":
            return [_by_way_of(wish, replace(line, amount=_amount(wish, line, plain)))]
        case "adjust":
            year = plain.today.year - (wish.pick % 6 != 5)
            day = None if wish.off else date(year, 12, 31)
            line = replace(line, amount=_amount(wish, line, plain), adjusting=True, day=day)
            return [line]
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


def _of_one_currency(wish: Wish, plain: Plain) -> Wish:
    """Another account of the debited one's currency is credited, unless astray."""
    there = plain.accounts
    if wish.is_astray or wish.debit not in there:
        return wish
    alike = [
        c for c in there if c != wish.debit and plain.currency(c) == plain.currency(wish.debit)
    ]
    if wish.credit in alike or (wish.credit not in there and wish.debit in PESOS):
        return wish
    return replace(wish, credit=alike[wish.pick % len(alike)] if alike else wish.credit)


def _days_ahead(days: int | None, plain: Plain) -> date | None:
    return None if days is None else plain.today + days * A_DAY


def _amount(wish: Wish, line: Line, plain: Plain) -> int:
    """All that the debited account has, or one more, or what is wished for."""
    if isinstance(wish.amount, int):
        return wish.amount
    room = plain.room_to_pay(line.debit) if line.debit in plain.accounts else 0
    left = plain.limits.left_to_pay(line.debit, plain.days.current())
    room = room if left is None else min(left, room)
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
    found = others if not likely or wish.pick % 8 == 7 else likely[:4]
    return found[wish.pick // 8 % len(found)] if found else 1


def _about_a_hold(wish: Wish, line: Line, plain: Plain) -> Line:
    there = [row.sequence for row in plain.rows if row.phase == "held"]
    ahead = [len(plain.rows) + wish.pick % 6 + 1]  # Perhaps of the same batch.
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
    there = [row.sequence for row in plain.rows]
    moved = [r.sequence for r in plain.rows if r.moves and not r.goes_with_another]
    target = _pick(wish, moved[::-1], [*there, len(plain.rows) + 1])
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
    rate = (1, 7) if wish.release else (7, 5)
    amount, left = worth(sold.amount, rate)
    bought = Line(
        "hour",
        "shop" if wish.is_astray else "hank",
        _within(amount + (wish.off if wish.pick % 8 < 4 else 0)),
        kind=wish.kind,
        entry=3,
        rate=rate,
    )
    if wish.is_astray:
        bought = replace(bought, debit="cash")  # In the same currency there is no rate.
    if wish.off < 0:
        return [bought]
    to = ("bridge", "shop", sold.debit)[wish.pick % 3]
    residue = Line(sold.credit, to, left + wish.off, kind=wish.kind, entry=3, residue=True)
    return [sold, bought, residue][: 3 if residue.amount else 2]
