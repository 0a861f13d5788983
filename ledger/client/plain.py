"""The client for programs without asyncio: the same, one call after the other."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, Self

from ledger.client.client import Client, Outcome
from ledger.client.sealing import SealedBatch


class PlainClient:
    """A session with one ledger in `with`; the arguments are Client's."""

    def __init__(self, url: str, *, ledger: str, key: str, **more: Any) -> None:
        self._client = Client(url, ledger=ledger, key=key, **more)

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._runner.run(self._client.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._client.__aexit__())
        finally:
            self._runner.close()

    def post(self, batch: SealedBatch) -> Outcome:
        """See Client.post."""
        return self._runner.run(self._client.post(batch))

    def post_all(self, batches: Iterable[SealedBatch]) -> Iterator[Outcome]:
        """See Client.post_all. Batches are on their way while this waits for an outcome."""
        outcomes = self._client.post_all(batches)
        try:
            while True:
                try:
                    yield self._runner.run(anext(outcomes))  # type: ignore[arg-type]
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(outcomes.aclose())  # type: ignore[attr-defined]

    def origin(self) -> str:
        """See Client.origin."""
        return self._runner.run(self._client.origin())

    def number(self, code: str) -> int | None:
        """See Client.number."""
        return self._runner.run(self._client.number(code))

    def numbers(self) -> dict[str, int]:
        """See Client.numbers."""
        return self._runner.run(self._client.numbers())
