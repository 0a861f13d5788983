"""A running service, and a wire before it that fails as told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.offices import Office, open_office
from tests.client.wires import Wire
from tests.sequencer.houses import House


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A service with a furnished caja and a key for each role."""
    async with open_office(House(tmp_path / "notary")) as office:
        yield office


@pytest.fixture
async def wire(office: Office) -> AsyncIterator[Wire]:
    """The way to it."""
    async with Wire(office.port) as wire:
        yield wire
