"""The book against the plain model, on random histories of all commands together."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.books import NOW
from tests.core.twins import Twins
from tests.core.wishes import a_plain_ledger, batch_of, histories


@settings(max_examples=300)
@given(st.booleans(), histories)
def test_the_book_agrees_with_the_plain_model(
    unique_references: bool, history: list[tuple[object, ...]]
) -> None:
    """Outcomes, refusals, balances, holds and suspense are the model's after every step."""
    twins = Twins(a_plain_ledger(NOW, unique_references=unique_references))
    for step in history:
        walk(twins, step)
        twins.compare()
    twins.compare_replay()


def walk(twins: Twins, step: tuple[object, ...]) -> None:
    """Do one step on both."""
    match step:
        case ("post", wishes, mode, sums, source, late):
            twins.post(batch_of(wishes, mode, sums, source, late, twins.plain))
        case ("bounds", code, lower, upper, soft):
            twins.set_bounds(code, lower, upper, soft)
        case ("status", code, status):
            twins.set_status(code, status)
        case ("open", code, lower):
            twins.open_account(code, lower)
        case ("later", seconds):
            twins.later(seconds)
        case ("midnight",):
            twins.midnight()
        case ("close", days_ago):
            twins.close_day(days_ago)
        case ("expire",):
            twins.expire()
        case ("expire", picks):
            twins.expire_these(picks)
        case ("restart",):
            twins.restart()
        case _:
            raise AssertionError(step)
