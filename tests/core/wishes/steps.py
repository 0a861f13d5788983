"""The steps of a history, by theme, and how often each of them is taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

from tests.core.plain.nouns import Batch, Line
from tests.core.twins.pair import Twins
from tests.core.wishes import agreements, charges, days, limits, schedules
from tests.core.wishes.batches import a_batch
from tests.core.wishes.dice import Dice

Step = Callable[[Dice, Twins], None]

RULES_FIRST = 6  # Steps.
DICE = 100  # Bytes of each.

# Moments at which much comes together: the last days of a leap year's February, of a year that
# ends on a Sunday, and a day like any other.
STARTS = (
    1_703_959_200_000_000,  # Saturday 30 December 2023, 12:00 in Mexico City.
    1_700_000_000_000_000,  # Tuesday 14 November 2023, 16:13.
    1_709_143_200_000_000,  # Wednesday 28 February 2024, 12:00.
)

ACCOUNTS = (
    # Code, lower and upper bound, currency, nature, kind.
    ("cash", None, None, "MXN", "debit", "cash"),
    ("ana", 0, None, "MXN", "credit", "member"),
    ("ben", -200, 200, "MXN", "credit", "member"),
    ("eva", -50, 500, "MXN", "credit", "member"),
    ("shop", -100, 300, "MXN", "credit", "shop"),
    ("bridge", None, None, "MXN", "credit", "bridge"),
    ("fund", 0, None, "MXN", "credit", "fund"),
    ("hour", None, None, "HRS", "credit", "cash"),
    ("hank", -20, 100, "HRS", "credit", "member"),
    ("bonds", None, None, "BON", "credit", "issuer"),
    ("vera", 0, None, "BON", "credit", "member"),
    ("vault", None, 0, "BON", "debit", "bank"),
)
FAVOURITES = (("ana", "shop"), ("ben", "ana"), ("eva", "ben"), ("shop", "eva"))
CURRENCIES = (("MXN", "national", 2), ("HRS", "time", 2), ("BON", "backed", 0))

# What everybody begins with, so that there is something to move.
FIRST = Batch([Line("cash", "ana", 500), Line("cash", "eva", 120), Line("ben", "shop", 90)])


def post(dice: Dice, twins: Twins) -> None:
    twins.post(a_batch(dice, twins.plain, twins.favourites))


def restart(dice: Dice, twins: Twins) -> None:
    twins.restart()


EVERYWHERE: dict[str, tuple[int, Step]] = {
    "post": (56, post),
    "clock": (4, days.clock),
    "restart": (3, restart),
    "later": (3, days.later),
    "days_later": (3, days.days_later),
}
THEMES: Sequence[dict[str, tuple[int, Step]]] = (
    {
        "bounds": (5, limits.bounds),
        "status": (5, limits.status),
        "account": (2, limits.account),
        "currency": (1, limits.currency),
        "expire": (1, limits.expire),
        "leave": (4, limits.leave),
    },
    {
        "plan": (9, limits.plan),
        "unplan": (2, limits.unplan),
        "begin": (3, limits.begin),
        "bounds": (1, limits.bounds),
        "status": (3, limits.status),
        "later": (4, days.later),
        "earn": (1, limits.earn),
        "leave": (2, limits.leave),
        "clock": (4, days.clock),
    },
    {
        "earn": (5, limits.earn),
        "take_back": (5, limits.take_back),
        "plan": (1, limits.plan),
        "payments": (5, limits.payments),
        "days_later": (3, days.days_later),
    },
    {
        "settings": (3, days.settings),
        "open_day": (4, days.open_day),
        "close_day": (7, days.close_day),
        "close_year": (2, days.close_year),
        "audit": (3, days.audit),
        "period": (8, days.period),
    },
    {
        "levy": (6, charges.levy),
        "levies": (1, charges.levies),
        "give_back": (8, charges.give_back),
        "status": (2, limits.status),
        "reserve": (4, charges.reserve),
        "issue": (8, charges.issue),
    },
    {
        "demurrage": (5, charges.demurrage),
        "run_demurrage": (6, charges.run_demurrage),
        "weeks_later": (4, days.weeks_later),
        "fee": (3, charges.fee),
        "run_fee": (3, charges.run_fee),
    },
    {
        "key": (2, agreements.key),
        "poster_key": (3, agreements.poster_key),
        "policy": (5, agreements.policy),
        "decide": (10, agreements.decide),
        "agree": (8, agreements.agree),
        "flood": (1, agreements.flood),
    },
    {
        "workflow": (3, agreements.workflow),
        "whitelist": (3, agreements.whitelist),
        "pay_by": (7, agreements.pay_by),
        "decide": (8, agreements.decide),
        "status": (2, limits.status),
        "days_later": (2, days.days_later),
        "dispute": (4, agreements.dispute),
        "end_dispute": (3, agreements.end_dispute),
        "be_late": (3, agreements.be_late),
    },
    {
        "schedule": (6, schedules.schedule),
        "holidays": (3, schedules.holidays),
        "attempt": (7, schedules.attempt),
        "occurrence": (2, schedules.occurrence),
        "spoil": (1, schedules.spoil),
    },
)


@dataclass(frozen=True)
class History:
    """Where a history begins, what it is mostly about, and its steps as numbers and dice."""

    start: int
    unique_references: bool
    themes: frozenset[int]
    favourites: tuple[str, str]  # Accounts about which most of it is.
    steps: list[tuple[int, bytes]]


def drawn(seed: int) -> History:
    """A history by its seed."""
    chance = Random(seed)
    return History(
        start=chance.randrange(len(STARTS)),
        unique_references=chance.random() < 0.5,
        themes=frozenset(chance.sample(range(len(THEMES)), chance.randint(1, 3))),
        favourites=chance.choice(FAVOURITES),
        steps=[
            (chance.randrange(256), chance.randbytes(DICE))
            for _ in range(chance.randint(14, 32))
        ],
    )


steps = st.tuples(st.integers(0, 255), st.binary(min_size=DICE, max_size=DICE))
histories = st.builds(
    History,
    start=st.integers(0, len(STARTS) - 1),
    unique_references=st.booleans(),
    themes=st.frozensets(st.integers(0, len(THEMES) - 1), min_size=1, max_size=3),
    favourites=st.sampled_from(
        [("ana", "shop"), ("ben", "ana"), ("eva", "ben"), ("shop", "eva")]
    ),
    steps=st.lists(steps, min_size=14, max_size=32),
)


def begun(history: History) -> Twins:
    """Currencies, accounts, and something to move."""
    twins = Twins(STARTS[history.start], unique_references=history.unique_references)
    twins.favourites = history.favourites
    for code, kind, scale in CURRENCIES:
        twins.tell(line="currency", code=code, kind=kind, scale=scale, by="op")
    for code, lower, upper, currency, nature, kind in ACCOUNTS:
        limits.open_account(
            twins, code, lower, upper, currency=currency, nature=nature, kind=kind
        )
    twins.post(FIRST)
    return twins


def deck(themes: frozenset[int], place: int) -> list[tuple[str, Step]]:
    """The steps of some themes, each as often as it weighs; first what is not everywhere.

    So that there are rules before most of what they are about.
    """
    tables = [THEMES[theme] for theme in sorted(themes)]
    if place >= RULES_FIRST:
        tables.append(EVERYWHERE)
    return [
        (name, step)
        for table in tables
        for name, (weight, step) in table.items()
        for _ in range(weight)
    ]
