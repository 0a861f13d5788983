"""Lines: batches that their posters write and sign themselves, and the keys they sign with."""

from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from ledger.client.sealing import Sealer
from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer, Caller
from ledger.core.faults import MalformedLine
from ledger.core.lines import Terms, Transfer
from ledger.core.model import Role
from ledger.core.posters import key_change
from ledger.core.refusals import Refusal
from ledger.core.written import WrittenBatch
from ledger.journal.batches import read_written
from ledger.journal.checkpoints import Checkpoint, sign_checkpoint
from ledger.journal.notes import signer_from_seed
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import batches, proposals
from tests.simulation.auditor import lines as audit
from tests.simulation.auditor.forms import in_base64
from tests.simulation.workload.batches import post_as_asked, send
from tests.simulation.workload.client import (
    EPOCH,
    OPERATOR,
    Client,
    Request,
    Sent,
    command,
    outcome_of,
)
from tests.simulation.workload.proposals import covered
from tests.simulation.workload.transfers import batch, minor

POSTERS = [
    Caller(key=f"{poster}-1", role=Role.POSTER, poster=poster) for poster in ("tienda", "banco")
]
KEYS = {  # Public halves in base64, with the private ones and whose they are, mostly.
    in_base64(signer_from_seed("any", seed).verifier.public_key): (seed, poster)
    for poster in ("tienda", "banco", "operator")
    for seed in [sha256(f"{poster} {n}".encode()).digest() for n in range(4)]
}
ELSEWHERE = "example.org/elsewhere"


# ---- keys


@command(1)
def register_poster_key(client: Client) -> Request | None:
    """From here on a poster signs; the operator, whom most others post as, seldom does."""
    posters = ["tienda"] * 8 + ["banco"] * 8 + ["operator"]
    return _change(client, "register", client.random.choice(posters))


@command(0.4)
def revoke_poster_key(client: Client) -> Request | None:
    """Mostly one that counts, and the operator's as soon as it may be."""
    if not client.is_open():
        return None
    posters = [poster for poster, _, until in _keys(client).values() if until is None]
    if not posters:
        return None
    poster = "operator" if "operator" in posters else client.random.choice(posters)
    return _change(client, "revoke", poster)


def _change(client: Client, action: Literal["register", "revoke"], poster: str) -> Request:
    chance, ledger = client.random, client.ledger
    mine = [key for key, (_, whose) in KEYS.items() if whose == poster]
    counting = [key for key in mine if client.is_open() and key in _counting(client, poster)]
    if action == "revoke" and counting and chance.random() < 0.8:
        mine = counting
    key = chance.choice([*KEYS] if chance.random() < 0.1 else mine)
    seed = KEYS[key][0]
    public = signer_from_seed("any", seed).verifier.public_key

    async def ask(desk: Sequencer) -> Any:
        def build(book: Any, now: int) -> Any:
            by = OPERATOR.key
            lines = key_change(book, action, poster, public, recorded_at=now, by=by)
            return lines if isinstance(lines, Refusal) else (lines, None)

        return await desk.change_rule(ledger, build)

    def tell(refusal: Refusal | None, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        audit.key_told(books, action, poster, key, refusal, signed)
        return outcome_of(refusal)

    return Request(f"{action}s key {key[:6]} of {poster} in {ledger}", ask, tell, ledger)


def _keys(client: Client) -> dict[str, tuple[str, int, int | None]]:
    return client.books.all_now("poster_key")


def _counting(client: Client, poster: str) -> list[str]:
    return [
        key
        for key, (whose, _, until) in _keys(client).items()
        if (whose, until) == (poster, None)
    ]


# ---- batches


@command(3.5)
def post_lines(client: Client) -> Request | None:
    """Lines of such transfers as others ask for, mostly signed as they must be."""
    if not client.is_open():
        return None
    asked = covered(client) if client.random.random() < 0.3 else None
    asked = asked or batch(client, client.outbox.new_id())
    one = _sealed(client, asked, _poster(client))
    if one is None:
        return None
    copies = client.random.choice([1, 1, 1, 2, 3])
    return send(client, one, "posts", copies=copies)


@command(1)
def post_lines_again(client: Client) -> Request | None:
    """The same bytes, with another note over them or none, as keys come and go."""
    sent = [one for one in client.outbox.sent if isinstance(one.asked, WrittenBatch)]
    if not sent:
        return None
    first = client.random.choice(sent)
    client.ledger = first.ledger
    assert isinstance(first.asked, WrittenBatch)
    asked = replace(first.asked, note=_note(client, first.asked, first.caller.posts_as))
    one = Sent(asked, first.caller, first.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "repeats")


@command(0.6)
def post_other_lines(client: Client) -> Request | None:
    """The id of a batch that was sent, by either door, with other lines under it."""
    sent = client.outbox.sent
    if not sent:
        return None
    first = client.random.choice(sent)
    client.ledger = first.ledger
    if not client.is_open():
        return None
    one = _sealed(client, batch(client, first.asked.id), first.caller)
    return one and send(client, one, "posts something else as")


@command(0.5)
def post_lines_as_json(client: Client) -> Request | None:
    """The id of lines that were sent, as JSON: refused, whether it is spent or not."""
    sent = [one for one in client.outbox.sent if isinstance(one.asked, WrittenBatch)]
    if not sent:
        return None
    first = client.random.choice(sent)
    client.ledger = first.ledger
    one = Sent(batch(client, first.asked.id), first.caller, first.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "posts as JSON what else is")


@command(0.4)
def try_lines(client: Client) -> Request | None:
    """As JSON is tried: they would be refused, also for their signature, or wait, or post."""
    if not client.is_open():
        return None
    world, ledger, caller = client.world, client.ledger, _poster(client)
    asked = _written(client, batch(client, UUID(int=0)), caller.posts_as)
    if asked is None:
        return None
    one = Sent(asked, caller, ledger)
    since, began = 0, world.now()

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await post_as_asked(desk, one, dry_run=True)

    def tell(outcome: Any, signed: int) -> str:
        books, times = world.auditor.books(ledger), client.times(began)
        poster = caller.posts_as
        proposals.looked(books, asked, outcome, since, times, caller.key, poster=poster)
        return "seen"

    def malformed() -> None:
        batches.malformed(world.auditor.books(ledger), asked)

    return Request(f"tries lines in {ledger}", ask, tell, ledger, malformed=malformed)


def _poster(client: Client) -> Caller:
    """Mostly one who signs, where there is one."""
    chance = client.random
    if chance.random() < 0.2:
        return client.caller()
    signing = [one for one in POSTERS if _counting(client, one.posts_as)]
    return chance.choice(signing if signing and chance.random() < 0.8 else POSTERS)


def _sealed(client: Client, asked: AskedBatch, caller: Caller) -> Sent | None:
    """A batch that its poster is about to send; None where lines cannot say it."""
    written = _written(client, asked, caller.posts_as)
    if written is None:
        return None
    one = Sent(written, caller, client.ledger)
    client.outbox.sent.append(one)
    return one


def _written(client: Client, asked: AskedBatch, poster: str) -> WrittenBatch | None:
    """A batch as its poster writes and signs it; None where lines cannot say it."""
    chance = client.random
    origin = client.books.origin if chance.random() < 0.97 else ELSEWHERE
    sealer = Sealer(
        origin,
        seed=_seed(client, poster),
        valid_s=chance.choice([7 * 86_400.0] * 6 + [3600.0, 0.05]),
        chance=chance.randbytes,
        clock=lambda: client.world.now() / 1e6,
    )
    sums: dict[str, str] | UnsetType = UNSET
    if asked.control_sums is not UNSET:
        sums = {code: str(minor(text, code)) for code, text in asked.control_sums.items()}
    sealed = sealer.seal(
        [_line(client, t) for t in asked.transfers],
        batch_id=asked.id,
        mode=asked.mode,
        source=asked.source,
        control_sums=sums,
        late=asked.late,
        salted=chance.random() < 0.5,
    )
    try:
        written = read_written(sealed.data, note=sealed.note.decode() or UNSET)
    except MalformedLine:  # An amount of nothing, or terms that do not go together.
        return None
    if chance.random() < 0.1:
        written = replace(written, note=_note(client, written, poster, root=bytes(32)))
    return written


def _note(
    client: Client, asked: WrittenBatch, poster: str, root: bytes = b""
) -> str | UnsetType:
    """A note over lines that were sealed before, or over others by their root."""
    seed = _seed(client, poster)
    if seed is None:
        return UNSET
    origin = asked.manifest.origin
    checkpoint = Checkpoint(origin, len(asked.transfers) + 1, root or asked.root)
    return sign_checkpoint(checkpoint, [signer_from_seed(origin, seed)]).decode()


def _seed(client: Client, poster: str) -> bytes | None:
    """Mostly a key that counts where there is one; else none, or one that does not."""
    chance, counting = client.random, _counting(client, poster)
    if chance.random() < 0.85:
        return KEYS[chance.choice(counting)][0] if counting else None
    return chance.choice([None, *(seed for seed, _ in KEYS.values())])


def _line(client: Client, t: AskedTransfer) -> Transfer:
    """A transfer as its line: by the numbers of accounts, where anybody can know them."""
    details = sha256(t.description.encode()).digest() if t.description else UNSET
    return Transfer(
        debit_account=_number(client, t.debit_account),
        credit_account=_number(client, t.credit_account),
        amount=minor(t.amount, t.currency),
        kind=t.kind,
        reference=t.reference,
        entered_by=t.entered_by,
        approved_by=t.approved_by,
        business_date=t.business_date,
        value_date=t.value_date,
        details=details,
        terms=t.terms and _terms(client, t.terms),
    )


def _terms(client: Client, asked: AskedTerms) -> Terms:
    fields = asdict(asked)
    if asked.expires:
        fields["expires"] = (asked.expires - EPOCH) // timedelta(microseconds=1)
    for name in ("rest", "suspense"):
        if fields[name]:
            fields[name] = _number(client, fields[name])
    return Terms(**fields)


def _number(client: Client, code: str) -> int:
    """Of an account; of one that is not there none, or one that the next may be given."""
    unknown = client.random.choice([0, len(client.books.places) + 1, 10_000])
    return client.books.numbers.get(code, unknown)
