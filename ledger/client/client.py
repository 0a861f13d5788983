"""The client: sends sealed batches until it knows what became of each.

A connection that breaks, a service that starts anew or has too much to do: the same bytes
are sent again, after a growing wait. Only an answer that says yes or no ends it.
"""

import asyncio
import random
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import UNSET, Struct, UnsetType

from ledger.client.sealing import SealedBatch

FIRST_WAIT_S: Final = 0.2  # Before the second try; it doubles with each.
WAIT_S_MAX: Final = 30.0
PATIENCE_S: Final = 900.0
ANSWER_S_MAX: Final = 120.0
IN_FLIGHT: Final = 4
PAGE: Final = 1000
AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})  # Nothing is known yet: send again.


class NotKnown(Exception):
    """It is not known what became of a batch; send the same batch again later."""


class NotAnswered(Exception):
    """The service says that this cannot be read, or not with this key."""


class Receipt(Struct, frozen=True, kw_only=True):
    """A batch that was posted. `outcomes` are those that were refused or done otherwise."""

    id: str
    batch_number: int
    leaf_index: int
    recorded_at: str
    business_date: str
    count: int
    posted: int
    first_sequence: int | UnsetType = UNSET
    last_sequence: int | UnsetType = UNSET
    outcomes: list[dict[str, Any]] | UnsetType = UNSET
    replayed: bool = False  # It had been posted before, by an earlier sending of it.


class Waits(Struct, frozen=True, kw_only=True):
    """A batch that somebody has to approve first."""

    id: str
    expires: str


class Refused(Struct, frozen=True, kw_only=True):
    """A batch that was not posted, and why: code, and a sentence in the client's language."""

    id: str
    status: int
    code: str
    detail: str = ""
    position: int | UnsetType = UNSET
    leaf_index: int | UnsetType = UNSET  # There where the journal says so, and the id is spent.


Outcome = Receipt | Waits | Refused


class _Posted(Struct):
    receipt: Receipt


class _Proposed(Struct):
    proposal: Waits


class Client:
    """A session with one ledger of a running service, in `async with`.

    Args:
        in_flight: how many batches `post_all` has on their way at once.
        patience_s: how long a batch is tried again before NotKnown is raised.
        first_wait_s: before the second try; it doubles with each.
        language: of the sentences in refusals: es, pt or en.
        chance: a number from 0 to 1, to spread what many clients try again.
    """

    def __init__(
        self,
        url: str,
        *,
        ledger: str,
        key: str,
        in_flight: int = IN_FLIGHT,
        patience_s: float = PATIENCE_S,
        first_wait_s: float = FIRST_WAIT_S,
        language: str = "es",
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v1/ledgers/{quote(ledger, safe='')}"
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept-Language": language,
            "User-Agent": "tequio-client",
        }
        self._in_flight = in_flight
        self._patience_s = patience_s
        self._first_wait_s = first_wait_s
        self._chance = chance
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._http is not None, "entered"
        await self._http.close()

    # ---- posting

    async def post(self, batch: SealedBatch) -> Outcome:
        """Send a batch until it is known what became of it.

        Raises:
            NotKnown: patience is over. It may have been posted: send the same again later.
        """
        headers = {"Content-Type": "application/x-ndjson", "Prefer": "return=minimal"}
        if batch.note:
            headers["Signed-Note"] = b64encode(batch.note).decode()
        status, answer, replayed = await self._sent("POST", "/batches", batch.data, headers)
        if status in (200, 201):
            receipt = msgspec.json.decode(answer, type=_Posted).receipt
            return msgspec.structs.replace(receipt, replayed=replayed)
        if status == 202:
            return msgspec.json.decode(answer, type=_Proposed).proposal
        return _refused(str(batch.id), status, answer)

    async def post_all(self, batches: Iterable[SealedBatch]) -> AsyncIterator[Outcome]:
        """Send batches, several at once, and give what became of each in their order.

        They may be posted in another order: a batch that needs the one before must wait for
        it. When this is left early, what was sent may still be posted.

        Raises:
            NotKnown: see post; of the batches behind nothing is known either.
        """
        sent: deque[asyncio.Task[Outcome]] = deque()
        try:
            for batch in batches:
                sent.append(asyncio.create_task(self.post(batch)))
                if len(sent) >= self._in_flight:
                    yield await sent.popleft()
            while sent:
                yield await sent.popleft()
        finally:
            for task in sent:
                task.cancel()
            await asyncio.gather(*sent, return_exceptions=True)

    # ---- what sealing needs to know

    async def origin(self) -> str:
        """The ledger's origin, which never changes."""
        return str((await self._read("")).get("origin", ""))

    async def number(self, code: str) -> int | None:
        """The number of an account, which never changes; None where there is none."""
        status, answer, _ = await self._sent("GET", f"/accounts/{quote(code, safe='')}")
        if status == 404:
            return None
        if status != 200:
            raise NotAnswered(_refused("", status, answer).detail)
        return int(msgspec.json.decode(answer)["number"])

    async def numbers(self) -> dict[str, int]:
        """The numbers of all accounts that the key may read, by their codes."""
        found: dict[str, int] = {}
        after: str | None = ""
        while after is not None:
            more = f"&after={quote(after, safe='')}" if after else ""
            page = await self._read(f"/accounts?limit={PAGE}{more}")
            found |= {account["code"]: account["number"] for account in page["accounts"]}
            after = page.get("next")
        return found

    async def _read(self, path: str) -> dict[str, Any]:
        status, answer, _ = await self._sent("GET", path)
        if status != 200:
            raise NotAnswered(_refused("", status, answer).detail)
        found: dict[str, Any] = msgspec.json.decode(answer)
        return found

    # ---- until there is an answer

    async def _sent(
        self, method: str, path: str, data: bytes | None = None, headers: Any = None
    ) -> tuple[int, bytes, bool]:
        """Status and body of an answer that is one, and whether it was given before."""
        assert self._http is not None, "entered"
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        wait = self._first_wait_s
        while True:
            at_least = 0.0
            try:
                async with self._http.request(
                    method, self._url + path, data=data, headers=headers
                ) as response:
                    answer = await response.read()
                    if response.status not in AGAIN:
                        replayed = response.headers.get("Idempotent-Replayed") == "true"
                        return response.status, answer, replayed
                    why = _refused("", response.status, answer).code
                    at_least = _seconds(response.headers.get("Retry-After"))
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                why = repr(error)
            pause = max(at_least, wait * (0.5 + self._chance() / 2))
            if loop.time() + pause > until:
                raise NotKnown(f"no answer in {self._patience_s:.0f} s: {why}")
            await asyncio.sleep(pause)
            wait = min(WAIT_S_MAX, wait * 2)


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isdecimal() else 0.0


def _refused(batch: str, status: int, answer: bytes) -> Refused:
    """A problem document; or of something on the way that is no ledger, its status."""
    try:
        document = msgspec.json.decode(answer, type=dict[str, Any])
        known = {name: document[name] for name in Refused.__struct_fields__ if name in document}
        return msgspec.convert({**known, "id": batch, "status": status}, Refused)
    except msgspec.MsgspecError:
        return Refused(id=batch, status=status, code=f"http_{status}")
