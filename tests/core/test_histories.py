"""The book against the plain model, on random histories of all commands together."""

from collections import Counter

from hypothesis import given, settings

from tests.core.wishes.dice import Dice
from tests.core.wishes.steps import History, begun, deck, histories


@settings(max_examples=300)
@given(histories)
def test_the_book_agrees_with_the_plain_model(history: History) -> None:
    """Outcomes, refusals and the whole state are the model's after every step."""
    walk(history)


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
