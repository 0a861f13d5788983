"""A running service behind a front, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api import offices
from tests.api.offices import Office, open_office
from tests.sequencer.houses import House


@pytest.fixture(autouse=True)
def _behind_a_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever office a test opens, its requests go through a front."""
    monkeypatch.setattr(offices, "BEHIND_FRONT", True)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A service with a furnished caja and a key for each role."""
    async with open_office(House(tmp_path / "notary")) as office:
        yield office
