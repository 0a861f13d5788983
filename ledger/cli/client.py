"""The HTTP client of the commands: one running service, one key, answers as plain JSON.

A refusal stops the command with the service's own sentence, in the reader's language. What
failed on the way is tried again where the request is safe to repeat: reads, and writes that
carry an id.
"""

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from ledger.cli.settings import read_settings, state_path
from ledger.cli.words import Stop, language, t, use_zone

URL_DEFAULT: Final = "http://127.0.0.1:8080"
KEY_FILE: Final = "operator.key"  # In the state directory of the service, for its own machine.
TRIES_MAX: Final = 8
WAIT_S_MAX: Final = 5.0  # Between two tries.
ANSWER_S_MAX: Final = 120.0
PAGE: Final = 1000
DECODER_SAYS: Final = ("Expected ", "Object ", "Invalid ")  # Of a form, for developers.

Query = Mapping[str, str | int]


class Refused(Stop):
    """The service said no. The problem document is kept."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        self.status = status
        self.document = document
        self.code: str = document.get("code", "")
        super().__init__(_sentence(status, document))


def _sentence(status: int, document: dict[str, Any]) -> str:
    said = str(document.get("detail") or document.get("title") or f"HTTP {status}")
    facts = [str(document[name]) for name in ("field", "reason") if document.get(name)]
    if str(document.get("reason", "")).startswith(DECODER_SAYS):  # The sentence says it.
        facts = []
    more = f" ({': '.join(facts)})" if facts else ""
    code = f" [{document['code']}]" if document.get("code") else ""
    return f"{said}{more}{code}"


def find_key(url: str, key: str | None) -> str:
    """The key to show: the one given, or this machine's operator key for its own service.

    The file's key goes to this machine only.
    """
    if key or not _is_here(url):
        return key or ""
    try:
        return (state_path(read_settings({})) / KEY_FILE).read_text().strip()
    except (OSError, Stop):
        return ""


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def path_of(*parts: str | int) -> str:
    """A path below /v1 from its parts, quoted.

    >>> path_of("ledgers", "a/b", "accounts")
    '/v1/ledgers/a%2Fb/accounts'
    """
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


class Client:
    """A session with a running service, in `async with`.

    Args:
        patient: wait some seconds for a service that cannot be reached at all, as one may
            be that is just being restarted.
    """

    def __init__(self, url: str, key: str, *, patient: bool = False) -> None:
        self.url = url.rstrip("/")
        self._key = key
        self._patient = patient
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Accept-Language": language(), "User-Agent": "tequio"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._http = aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._http is not None
        await self._http.close()

    async def get(self, path: str, query: Query | None = None) -> Any:
        """What a GET answers, decoded."""
        return msgspec.json.decode(await self.get_bytes(path, query))

    async def get_bytes(self, path: str, query: Query | None = None) -> bytes:
        return (await self._asked("GET", path, query=query))[1]

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, bool]:
        """What a write answers, decoded, and whether it had been done before.

        Every write of the ledger is safe to send again, but for a key: that one is asked
        for once.
        """
        again = not path.endswith("/keys")
        data = None if body is None else msgspec.json.encode(body)
        replayed, raw = await self._asked(
            method, path, query=query, data=data, headers=headers, again=again
        )
        return (msgspec.json.decode(raw) if raw else {}), replayed

    async def pages(
        self, path: str, name: str, query: Query | None = None
    ) -> AsyncIterator[list[Any]]:
        """The pages of a list by `after`, which takes what an answer's `next` says."""
        asked = {"limit": PAGE, **(query or {})}
        while True:
            answer = await self.get(path, asked)
            yield answer[name]
            following = answer.get("next")
            if following is None or following == asked.get("after"):
                return  # A feed goes on for ever: it ends where nothing new is.
            asked["after"] = following

    async def every(self, path: str, name: str, query: Query | None = None) -> list[Any]:
        """All rows of a list that ends."""
        return [row async for page in self.pages(path, name, query) for row in page]

    async def scales(self, ledger: str) -> dict[str, int]:
        """The currencies of a ledger, and how many decimals each has."""
        found = await self.every(path_of("ledgers", ledger, "currencies"), "currencies")
        return {currency["code"]: currency["scale"] for currency in found}

    async def _asked(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> tuple[bool, bytes]:
        """Send until it is answered: whether it was a replay, and the body."""
        left = TRIES_MAX if again else 1
        wait_s = 0.1
        while True:
            left -= 1
            try:
                return await self._once(method, path, query, data, headers)
            except Refused as refused:
                asked_s = float(refused.document.get("retry_after", 0))
                if refused.status != 503 or not left or asked_s > WAIT_S_MAX:
                    raise  # What takes so long, a person should hear of now.
                wait_s = max(wait_s, asked_s)
            except (aiohttp.ClientError, TimeoutError) as error:
                absent = isinstance(error, aiohttp.ClientConnectorError)
                if not left or (absent and not self._patient):
                    raise self._unanswered(error) from error
            await asyncio.sleep(min(wait_s, WAIT_S_MAX))
            wait_s *= 2

    async def _once(
        self,
        method: str,
        path: str,
        query: Query | None,
        data: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[bool, bytes]:
        assert self._http is not None, "use the client in async with"
        sent = dict(headers or {})
        if data is not None:
            sent["Content-Type"] = "application/json"
        async with self._http.request(
            method,
            self.url + path,
            params=query,
            data=data,
            headers=sent,
            allow_redirects=False,  # The key is for this address.
        ) as response:
            raw = await response.read()
            use_zone(response.headers.get("Ledger-Time-Zone"))
            if response.status >= 300:
                document = _document(raw)
                if "Retry-After" in response.headers:
                    document["retry_after"] = _seconds(response.headers["Retry-After"])
                raise Refused(response.status, document)
            return response.headers.get("Idempotent-Replayed") == "true", raw

    def _unanswered(self, error: Exception) -> Stop:
        why = str(error) or type(error).__name__
        return Stop(
            t(
                f"No answer from {self.url} ({why}). Is the "
                "service running there? Start one with: tequio serve",
                f"No hay respuesta de {self.url} ({why}). ¿Está en "
                "marcha el servicio? Inícielo con: tequio serve",
            )
        )


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError):
        return {"title": raw[:200].decode(errors="replace")}
    return document


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0


def default_url() -> str:
    """The service meant when nobody says which."""
    return os.environ.get("TEQUIO_URL", URL_DEFAULT)


def read_json(path: Path) -> Any:
    """A file of JSON."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Stop(f"{path}: {error}") from error
