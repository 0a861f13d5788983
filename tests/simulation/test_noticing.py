"""Proofs that the simulation notices what it looks for: the ledger damaged on purpose."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.simulation.damage import service
from tests.simulation.damage.damage import DAMAGES, Damage
from tests.simulation.history import Failed, run
from tests.simulation.workload.themes import NAMES

STEPS = 100
NOTICED_WITHIN = 30  # Histories.


def run_some(focus: str) -> None:
    for seed in range(NOTICED_WITHIN):
        run(seed, STEPS, focus)


for _theme in sorted((Path(__file__).parent / "damage").glob("*.py")):  # Each registers it.
    import_module(f"tests.simulation.damage.{_theme.stem}")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_noticed(damage: Damage, monkeypatch: pytest.MonkeyPatch) -> None:
    """In histories about the theme that is damaged, where clients ask for such a theme."""
    damage(monkeypatch)
    theme = damage.__module__.rpartition(".")[2]
    with pytest.raises(Failed, match=DAMAGES[damage]):
        run_some(theme if theme in NAMES else "")


def test_a_failure_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    service.answer_at_once(monkeypatch)
    with pytest.raises(Failed, match=r"seed 0, step \d+: ") as failed:
        run(0, STEPS)
    assert f"./run simulate --seed 0 --steps {STEPS}" in str(failed.value)
    assert failed.value.lines
