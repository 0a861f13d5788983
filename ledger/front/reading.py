"""Reading batches before they are decided: what a front process does for who decides.

Only for keys that were let in lately: whoever shows another costs no more than an answer.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from aiohttp import web
from msgspec import UNSET
from msgspec.structs import replace

from ledger.api import passed
from ledger.api.auth import TOKEN
from ledger.api.lines import are_lines, is_signed_by, written_of
from ledger.api.problems import Problem
from ledger.api.routes import ROUTES
from ledger.api.wire import BatchRequest, decode, is_json
from ledger.core.written import WrittenBatch
from ledger.front.wires import Reply
from ledger.journal.checkpoints import parse_batch_origin

KEYS_MAX: Final = 4096
# After which answers a key is known to have been let in, and after which it is not.
_LET_IN: Final = frozenset({200, 201, 202, 409, 422})
_PATH: Final = re.compile(r"/v1/ledgers/[^/?]+/batches(\?.*)?", re.ASCII | re.DOTALL)
_PART: Final = re.compile(r"\{[^}]*\}")
_LARGE: Final = re.compile(
    rf"({'|'.join(_PART.sub('[^/?]+', route.template) for route in ROUTES if route.is_large)})"
    r"(\?.*)?",
    re.ASCII | re.DOTALL,
)

Pack = Callable[[bytes], bytes]


class Reader:
    """Checks the batches of keys it knows.

    Args:
        pack: makes of a body what the store keeps of it.
    """

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._keys: OrderedDict[bytes, bytes] = OrderedDict()  # Digests, and who signed last.

    def has_key(self, request: web.BaseRequest) -> bool:
        """Whether a request shows what may be a key; without one nobody reads its body."""
        return TOKEN.fullmatch(request.headers.get("Authorization", "")) is not None

    def knows(self, request: web.BaseRequest) -> bool:
        """Whether the key of a request was let in lately."""
        return _digest(request) in self._keys

    def check(self, request: web.BaseRequest, body: bytes) -> tuple[bytes, str]:
        """What to send for a body, and what to say of it."""
        is_meant = _is_batch(request) and "Content-Encoding" not in request.headers
        if not is_meant or not self.knows(request):
            return body, ""
        try:
            if are_lines(request):
                batch = self._signed(request, written_of(request, body))
                return passed.pass_lines(batch, self._pack(body)), passed.LINES
            if is_json(request):
                decode(body, BatchRequest)
                return body, passed.CHECKED
        except Problem as problem:
            return passed.tell(problem), passed.WRONG
        return body, ""

    def _signed(self, request: web.BaseRequest, batch: WrittenBatch) -> WrittenBatch:
        """The batch with its signer, where that is who signed the last one of this key."""
        signer = self._keys.get(_digest(request), b"")
        if batch.note is UNSET or not signer:
            return batch
        origin, _ = parse_batch_origin(batch.manifest.origin)
        return replace(batch, signer=signer) if is_signed_by(signer, batch, origin) else batch

    def learn(self, request: web.BaseRequest, reply: Reply) -> None:
        """Note of a key whether it was let in, and by which key it signed."""
        if reply.status != 401 and not (_is_batch(request) and reply.status in _LET_IN):
            return
        digest = _digest(request)
        known = self._keys.pop(digest, b"")
        if reply.status == 401:
            return
        signer = reply.header(passed.SIGNER.lower().encode())
        self._keys[digest] = known if signer is None else bytes.fromhex(signer.decode())
        if len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)


def is_large(request: web.BaseRequest) -> bool:
    """Whether the body of a request may be as large as a batch."""
    return request.method == "POST" and _LARGE.fullmatch(request.raw_path) is not None


def _is_batch(request: web.BaseRequest) -> bool:
    return request.method == "POST" and _PATH.fullmatch(request.raw_path) is not None


def _digest(request: web.BaseRequest) -> bytes:
    return sha256(request.headers.get("Authorization", "").encode("utf-8", "replace")).digest()
