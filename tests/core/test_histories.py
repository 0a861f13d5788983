"""The book against the plain model, on random histories of all commands together."""

from collections import Counter
from typing import get_args

import msgspec
from hypothesis import given, settings

from ledger.core.leaves import AnyLeaf
from ledger.core.model import Action
from ledger.core.refusals import RefusalCode
from tests.core.wishes.dice import Dice
from tests.core.wishes.steps import EVERYWHERE, THEMES, History, begun, deck, drawn, histories

SEEDS = range(500)
LEAVES = [msgspec.inspect.type_info(leaf) for leaf in get_args(AnyLeaf)]

# What no history asks for, since nobody asks it of the book.
ASKED_ELSEWHERE = {
    "ledger_code_used": "the desk has all ledgers, a book is one",
    "account_code_looks_personal": "of what people write; no line is refused for it",
    "id_used_by_another_batch": "the writer asks the store whether an id is spent",
    "signature_missing": "the signed door asks, before the book is",
    "signature_not_accepted": "the same",
    "no_such_period": "of runs; the book has no runs, only what they charge",
    "period_not_begun": "the same",
    "period_not_over": "the same",
}


@settings(max_examples=100)
@given(histories)
def test_the_book_agrees_with_the_plain_model(history: History) -> None:
    """Outcomes, refusals and the whole state are the model's after every step."""
    walk(history)


def test_every_command_and_every_refusal_is_met() -> None:
    """In histories that are the same every time; what they agree on is what there is."""
    met: Counter[str] = Counter()
    for seed in SEEDS:
        try:
            met += walk(drawn(seed))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    wanted = {
        f"line {leaf.tag}" for leaf in LEAVES if isinstance(leaf, msgspec.inspect.StructType)
    }
    wanted |= {f"asked {action.value}" for action in Action}
    wanted |= {f"row {kind}" for kind in ROWS}
    wanted |= {"run of demurrage", "run of a fee"}
    wanted |= {f"step {name}" for table in (EVERYWHERE, *THEMES) for name in table}
    wanted |= {code.value for code in RefusalCode} - ASKED_ELSEWHERE.keys()
    assert wanted - met.keys() == set(), "never met"
    assert met.keys() & ASKED_ELSEWHERE.keys() == set(), "met, so no exception"


ROWS = (
    *("own", "rest", "levy", "back", "sold", "residue", "levied back", "exchanged back"),
    *("posted", "held", "released", "adjusted"),
    *("in suspense", "credit_limit_passed", "balance_limit_passed"),
)


def walk(history: History) -> Counter[str]:
    """Take the steps on both; what occurred."""
    twins = begun(history)
    try:
        for place, (pick, data) in enumerate(history.steps):
            cards = deck(history.themes, place)
            name, step = cards[pick * len(cards) >> 8]
            twins.log.append(f"-- {name}")
            step(Dice(data), twins)
            twins.met["step " + name] += 1
            twins.compare()
        twins.compare_replay()
    except Exception as error:
        error.add_note("\n".join(twins.log))
        raise
    return twins.met
