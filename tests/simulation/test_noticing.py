"""Proofs that the simulation notices what it looks for: the ledger damaged on purpose."""

import pytest

from tests.simulation.damage import days, posting, service
from tests.simulation.damage.damage import DAMAGES, Damage
from tests.simulation.history import Failed, run

THEMES = (days, posting, service)  # Each registers its damage.
STEPS = 50
NOTICED_WITHIN = 40  # Histories.


def run_some() -> None:
    for seed in range(NOTICED_WITHIN):
        run(seed, STEPS)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_noticed(damage: Damage, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(monkeypatch)
    with pytest.raises(Failed, match=DAMAGES[damage]):
        run_some()


def test_a_failure_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer_at_once(monkeypatch)
    with pytest.raises(Failed, match=r"seed 0, step \d+: ") as failed:
        run(0, STEPS)
    assert f"./run simulate --seed 0 --steps {STEPS}" in str(failed.value)
    assert failed.value.lines
