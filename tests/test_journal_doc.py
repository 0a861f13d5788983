"""JOURNAL.md against the code: its example, its fields, its reasons and its limits.

The example is made anew and compared. Then a reader of its own, which knows json, hashlib
and what the page says and nothing of ours, finds the same roots and balances from its bytes.
To write the example again after a change: python -m tests.test_journal_doc
"""

import itertools
import json
import re
from base64 import b64decode, b64encode
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from ledger.core import asked, leaves, lines, rule_leaves, state_lines
from ledger.core.amounts import AMOUNT_MAX, BALANCE_MAX, SCALE_MAX
from ledger.core.lines import Terms
from ledger.core.model import (
    BATCH_MAX,
    CODE_MAX,
    Action,
    Flag,
    Mode,
    Nature,
    Side,
    Status,
)
from ledger.core.refusals import RefusalCode
from ledger.core.terms import misplaced_term
from ledger.journal import directory, notes
from ledger.journal.canonical import encode_lines
from ledger.journal.merkle import SIZE_MAX
from tests.building import NO_BOUND, Building
from tests.journal.outsider import Outsider
from tests.journal.outsider import canonical as canonical_line

PAGE = Path(__file__).parent.parent / "JOURNAL.md"
BEGIN, END = "<!-- example -->\n", "<!-- end of example -->\n"
TERMS_BEGIN = "<!-- example under terms -->\n"
TERMS_END = "<!-- end of example under terms -->\n"


def example() -> str:
    """The example as the page has it."""
    it = Building(seed=2026)
    it.currency("MXN", 2)
    cash = it.account("caja", "MXN", nature=Nature.DEBIT, kind="cash", lower=NO_BOUND)
    ana = it.account("ana", "MXN")
    transfers = [
        it.pay(cash, ana, 12_50, kind="deposit", reference="F-1"),
        it.pay(ana, cash, 2_50, kind="withdrawal", text="a text"),
    ]
    it.post(transfers)
    it.snapshot()
    parts = ["The key, from the seed `SHA-256(origin)`:\n", shown(it.signer.vkey)]
    for recorded in it.recorded:
        digest = sha256(b"\x00" + recorded.leaf).hexdigest()
        parts += [f"Leaf {recorded.index}, hash `{digest}`:\n", shown(recorded.leaf.decode())]
    body = it.recorded[4].body
    parts += ["The body under leaf 4, three lines:\n", shown(body.decode().rstrip("\n"))]
    state = encode_lines(before(it))
    parts += [
        "The state after 5 leaves, whose root leaf 5 names:\n",
        shown(state.decode().rstrip("\n")),
        "The checkpoint:\n",
        shown(it.checkpoint().decode().rstrip("\n")),
    ]
    return "\n" + "\n".join(parts) + "\n"


def example_under_terms() -> str:
    """The second example as the page has it: one `each` batch, and what came of it."""
    it = Building(seed=2027)
    it.currency("MXN", 2)
    cash = it.account("caja", "MXN", nature=Nature.DEBIT, kind="cash", lower=NO_BOUND)
    ana, ben = it.account("ana", "MXN"), it.account("ben", "MXN")
    bridge = it.account("puente", "MXN", kind="suspense", lower=NO_BOUND)
    it.post([it.pay(cash, ana, 100_00, kind="deposit")])
    it.status(ben, Status.FROZEN_CREDITS)
    entry = Terms(entry=1)
    transfers = [
        it.hold(ana, cash, 60_00),
        it.act(Action.POST, 2, ana, cash, 20_00, release=True),
        it.pay(ana, cash, 50_00, terms=entry),
        it.pay(ana, cash, 40_00, terms=entry),
        it.pay(cash, ben, 5_00, kind="deposit", terms=Terms(suspense=bridge)),
        it.act(Action.REVERSE, 1, ana, cash, 90_00, up_to=Side.DEBIT, rest=bridge),
        it.hold(cash, ana, 1_00),
    ]
    it.post(transfers, mode=Mode.EACH)
    leaf, body, outcomes = (
        data.decode().rstrip("\n")
        for data in (it.recorded[-1].leaf, it.recorded[-1].body, it.recorded[-1].outcomes)
    )
    state = encode_lines(list(it.book.state())).decode().rstrip("\n")
    parts = [
        "The leaves before:\n",
        shown("\n".join(each.leaf.decode() for each in it.recorded[1:-1])),
        "The body under the one batch among them:\n",
        shown(it.recorded[6].body.decode().rstrip("\n")),
        "The leaf of the batch:\n",
        shown(leaf),
        "Its body:\n",
        shown(body),
        "Its outcomes, whose root the leaf names:\n",
        shown(outcomes),
        "The state after it:\n",
        shown(state),
    ]
    return "\n" + "\n".join(parts) + "\n"


def before(it: Building) -> list[lines.Line]:
    """The state as it was before the last leaf, which changed none of it but size and time."""
    head, *rest = it.book.state()
    last = msgspec.json.decode(it.recorded[4].leaf)
    return [msgspec.structs.replace(head, size=5, recorded_at=last["recorded_at"]), *rest]


def shown(text: str) -> str:
    return f"```\n{text}\n```\n"


@cache
def page() -> str:
    return PAGE.read_text()


def blocks_between(begin: str, end: str) -> list[str]:
    text = page().partition(begin)[2].partition(end)[0]
    return re.findall(r"```\n(.*?)\n```", text, re.DOTALL)


def test_the_example_is_what_the_code_writes() -> None:
    assert page().partition(BEGIN)[2].partition(END)[0] == example()


def test_the_example_under_terms_is_what_the_code_writes() -> None:
    assert page().partition(TERMS_BEGIN)[2].partition(TERMS_END)[0] == example_under_terms()


# ---- a reader of its own, after the page


def tree(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + tree(leaves[:k]) + tree(leaves[k:])).digest()


def canonical(line: bytes) -> dict[str, object]:
    found = json.loads(line)
    again = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == line
    assert isinstance(found, dict)
    return found


def test_a_reader_after_the_page_finds_the_same() -> None:
    blocks = blocks_between(BEGIN, END)
    vkey, *leaves, body, state, checkpoint = blocks
    read = [canonical(leaf.encode()) for leaf in leaves]
    origin, size, root = checkpoint.split("\n")[:3]
    assert int(size) == len(leaves) == 6
    assert b64encode(tree([leaf.encode() for leaf in leaves])).decode() == root
    assert (read[0]["origin"], read[0]["public_key"]) == (origin, vkey)

    header = read[4]
    assert b64encode(tree(body.encode().split(b"\n"))).decode() == header["root"]
    manifest, *transfers = (canonical(line.encode()) for line in body.split("\n"))
    assert manifest["origin"] == f"{origin}/batch/{header['batch']}"
    assert manifest["count"] == header["count"] == header["posted"] == len(transfers)

    balances = {1: 0, 2: 0}
    for transfer in transfers:
        balances[transfer["debit_account"]] -= transfer["amount"]
        balances[transfer["credit_account"]] += transfer["amount"]
    lines_of_state = [canonical(line.encode()) for line in state.split("\n")]
    accounts = [line for line in lines_of_state if line["line"] == "state_account"]
    assert {a["number"]: int(a["balance"]) for a in accounts} == balances == {1: -1000, 2: 1000}
    assert b64encode(tree(state.encode().split(b"\n"))).decode() == read[5]["root"]


def test_a_reader_after_the_page_decides_the_same_under_terms() -> None:
    leaves, first, leaf, body, outcomes, state = blocks_between(TERMS_BEGIN, TERMS_END)
    reader = Outsider()
    reader.size = 1
    for line in leaves.split("\n"):
        reader.read(line.encode(), first.encode())
    decided = [
        canonical_line(line).decode() for line in reader.read(leaf.encode(), body.encode())
    ]
    assert "\n".join(decided) == outcomes
    assert b"\n".join(reader.state()).decode() == state
    header = canonical(leaf.encode())
    assert header["outcomes"] == b64encode(tree(outcomes.encode().split(b"\n"))).decode()
    assert header["root"] == b64encode(tree(body.encode().split(b"\n"))).decode()
    assert (header["count"], header["posted"]) == (7, 6)


def test_the_signature_of_the_example_by_the_library_alone() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    blocks = blocks_between(BEGIN, END)
    name, number, encoded = blocks[0].split("+", 2)
    typed = b64decode(encoded)
    assert sha256(name.encode() + b"\n" + typed).digest()[:4].hex() == number
    text, _, signed = blocks[-1].partition("\n\n")
    signature = b64decode(signed.split(" ")[2])
    assert signature[:4].hex() == number
    Ed25519PublicKey.from_public_bytes(typed[1:]).verify(signature[4:], (text + "\n").encode())


# ---- the tables


STRUCTS = {
    "`ledger`": leaves.Opening,
    "`key`": leaves.KeyGrant,
    "`poster_key`": leaves.PosterKey,
    "`currency`": leaves.CurrencyAdded,
    "`account`": leaves.AccountOpened,
    "`limit`": leaves.LimitChanged,
    "`limit_planned`": leaves.LimitPlanned,
    "`limit_unplanned`": leaves.LimitUnplanned,
    "`limit_earned`": leaves.LimitEarned,
    "`payment_limits`": leaves.PaymentLimits,
    "earned rule": leaves.EarnedRule,
    "act": lines.Act,
    "`status`": leaves.StatusChanged,
    "`batch`": leaves.BatchPosted,
    "`refused`": leaves.BatchRefused,
    "`expired`": leaves.HoldsExpired,
    "`levy`": rule_leaves.LevySet,
    "levy rule": rule_leaves.Levy,
    "`demurrage`": rule_leaves.DemurrageSet,
    "demurrage rule": rule_leaves.Demurrage,
    "`fee`": rule_leaves.FeeSet,
    "fee rule": rule_leaves.Fee,
    "`reserve`": rule_leaves.ReserveSet,
    "reserve rule": rule_leaves.Reserve,
    "`state_levy`": state_lines.StateLevy,
    "`state_demurrage`": state_lines.StateDemurrage,
    "`state_fee`": state_lines.StateFee,
    "`state_reserve`": state_lines.StateReserve,
    "`schedule`": rule_leaves.ScheduleSet,
    "schedule rule": rule_leaves.Schedule,
    "`occurrence`": leaves.Occurrence,
    "`holidays`": rule_leaves.HolidaysSet,
    "`policy`": rule_leaves.PolicySet,
    "`rule`": rule_leaves.ApprovalRule,
    "`workflow`": rule_leaves.WorkflowSet,
    "`rule` of a workflow": rule_leaves.Workflow,
    "`whitelist`": rule_leaves.WhitelistSet,
    "`proposed`": leaves.BatchProposed,
    "reserved": leaves.Reserved,
    "`decided`": leaves.ProposalDecided,
    "`dispute`": leaves.DisputeOpened,
    "`dispute_overdue`": leaves.DisputeOverdue,
    "`dispute_ended`": leaves.DisputeEnded,
    "`settings`": leaves.SettingsChanged,
    "`day_opened`": leaves.DayOpened,
    "`day_closed`": leaves.DayClosed,
    "total of a day": leaves.DayTotal,
    "`period`": leaves.PeriodMarked,
    "late day": leaves.LateDay,
    "`snapshot`": leaves.Snapshot,
    "`manifest`": lines.Manifest,
    "transfer": lines.Transfer,
    "`terms`": lines.Terms,
    "`rate`": lines.Rate,
    "`fraction`": lines.Fraction,
    "Outcomes": lines.Outcome,
    "`beside`": lines.Beside,
    "`state`": state_lines.StateHead,
    "`state_currency`": state_lines.StateCurrency,
    "`state_account`": state_lines.StateAccount,
    "`state_hold`": state_lines.StateHold,
    "`state_suspended`": state_lines.StateSuspended,
    "`state_poster_key`": state_lines.StatePosterKey,
    "`state_key`": state_lines.StateKey,
    "`state_policy`": state_lines.StatePolicy,
    "`state_workflow`": state_lines.StateWorkflow,
    "`state_whitelist`": state_lines.StateWhitelist,
    "`state_proposal`": state_lines.StateProposal,
    "approval": state_lines.Approval,
    "`state_dispute`": state_lines.StateDispute,
    "`state_days`": state_lines.StateDays,
    "`state_day_total`": state_lines.StateDayTotal,
    "`state_period`": state_lines.StatePeriod,
    "`state_plan`": state_lines.StatePlan,
    "`state_before`": state_lines.StateBefore,
    "`state_earned`": state_lines.StateEarned,
    "`state_payments`": state_lines.StatePayments,
    "`state_order`": state_lines.StateOrder,
    "`state_schedule`": state_lines.StateSchedule,
    "`state_holidays`": state_lines.StateHolidays,
    "a date that is over": state_lines.Done,
    "`detail`": directory.Detail,
}


def section(title: str) -> str:
    found = re.search(
        rf"^##+ {re.escape(title)}$(.*?)(?=^##)", page(), re.DOTALL | re.MULTILINE
    )
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize("title", STRUCTS)
def test_fields_and_presence(title: str) -> None:
    """Every field of a line is described, in the order of its bytes, as it must be or not."""
    rows = re.findall(r"^\| `(\w+)` \|.*?\| (yes|no) \|", section(title), re.MULTILINE)
    assert [name for name, _ in rows] == sorted(name for name, _ in rows)
    fields = msgspec.structs.fields(STRUCTS[title])
    assert dict(rows) == {f.name: "yes" if f.required else "no" for f in fields}


def test_every_line_is_on_the_page() -> None:
    every = {
        found
        for room in (lines, leaves, rule_leaves, state_lines)
        for found in vars(room).values()
        if isinstance(found, type) and issubclass(found, msgspec.Struct)
    }
    assert every - {lines.Line, lines.Leaf, msgspec.Struct} <= set(STRUCTS.values())


def test_reasons_in_order() -> None:
    text = page().partition("<!-- reasons -->")[2].partition("<!-- end of reasons -->")[0]
    assert re.findall(r"`(\w+)`", text) == [code.value for code in RefusalCode]


def test_reasons_of_a_transfer_in_order() -> None:
    """The table of the rules has a transfer's reasons in the order of precedence."""
    rows = re.findall(r"^\| `(\w+)` \|", section("One transfer"), re.MULTILINE)
    every = [code.value for code in RefusalCode]
    assert rows == sorted(rows, key=every.index)
    first = every.index("debit_account_not_found")
    assert set(every[first:]) - set(rows) == {"control_sums_differ", "approval_needed"}


# A value of each term, for trying which go together.
ONE_OF_EACH = {
    "action": [UNSET, *Action],
    "adjusting": [False, True],
    "entry": [UNSET, 1],
    "expires": [UNSET, 1],
    "rate": [UNSET, lines.Rate(n=1, d=1)],
    "residue": [False, True],
    "release": [False, True],
    "rest": [UNSET, 1],
    "suspense": [UNSET, 1],
    "target": [UNSET, 1],
    "up_to": [UNSET, *Side],
}


def test_which_terms_go_together() -> None:
    """The page's table says of every combination there is what the code says of it."""
    text = page().partition("<!-- terms -->")[2].partition("<!-- end of terms -->")[0]
    head, _, *rows = [
        [cell.strip() for cell in row.replace("`", "").split("|")[1:-1]]
        for row in text.strip().split("\n")
    ]
    says = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
    assert sorted(["action", *says]) == sorted(ONE_OF_EACH)
    for values in itertools.product(*ONE_OF_EACH.values()):
        terms = lines.Terms(**dict(zip(ONE_OF_EACH, values, strict=True)))
        asked = msgspec.to_builtins(terms)
        column = asked.get("action", "none")
        may = all(_may(cells[column], name, asked) for name, cells in says.items())
        assert (misplaced_term(terms) == "") is (may and asked != {}), asked


def _may(cell: str, name: str, asked: dict[str, object]) -> bool:
    """Whether a cell of the table allows that this term is there, or is not."""
    if name not in asked:
        return cell != "must"
    match cell:
        case "must" | "may":
            return True
        case "may, with entry":
            return "entry" in asked
        case "may, without rest":
            return "rest" not in asked
        case "may, with entry and without up_to":
            return "entry" in asked and "up_to" not in asked
        case "may, with entry and without rate, suspense, up_to":
            others = {"rate", "suspense", "up_to"}
            return "entry" in asked and others.isdisjoint(asked)
        case "may, with up_to of one side":
            return asked.get("up_to") in ("debit", "credit")
        case "":
            return False
    raise AssertionError(cell)


@pytest.mark.parametrize(
    ("title", "field", "values"),
    [
        ("`terms`", "action", Action),
        ("`terms`", "up_to", Side),
        ("`limit`", "soft", Side),
        ("`state_account`", "soft", Side),
        ("Outcomes", "flags", Flag),
    ],
)
def test_the_words_of_a_field(title: str, field: str, values: type[StrEnum]) -> None:
    row = re.search(rf"^\| `{field}` \| ([^|]+) \|", section(title), re.MULTILINE)
    assert row is not None
    assert re.findall(r"`(\w+)`", row[1]) == [value.value for value in values]


def test_the_statuses() -> None:
    text = section("`status`").partition("A status is")[2]
    assert re.findall(r"`(\w+)`", text) == [status.value for status in Status]


def test_limits() -> None:
    rows = dict(
        re.findall(
            r"^\| ([^|]+) \| ([^|]+) \|$", page().rpartition("## Limits")[2], re.MULTILINE
        )
    )
    assert rows == {
        "what": "at most",
        "---": "---",
        "leaf": f"{lines.LEAF_MAX:,} bytes",
        "manifest in an export": f"{directory.MANIFEST_MAX:,} bytes",
        "transfer or outcome in an export, with its LF": f"{directory.LINE_MAX:,} bytes",
        "transfers in a batch": f"{BATCH_MAX:,}",
        "rows of a batch": f"{leaves.ROWS_MAX:,}",
        "holds in an `expired` line": f"{leaves.EXPIRED_MAX:,}",
        "note": f"{notes.NOTE_MAX:,} bytes, {notes.SIGNATURES_MAX} signature lines",
        "amount": f"{AMOUNT_MAX:,} minor units",
        "balance, either way": f"{BALANCE_MAX:,} minor units",
        "scale": f"{SCALE_MAX}",
        "account code": f"{CODE_MAX} characters",
        "reference": "35 characters",
        "text behind a commitment": f"{asked.DESCRIPTION_MAX} characters",
        "leaves in a log": f"{SIZE_MAX:,}",
    }


if __name__ == "__main__":
    for begin, end, text in (
        (BEGIN, END, example()),
        (TERMS_BEGIN, TERMS_END, example_under_terms()),
    ):
        head, rest = PAGE.read_text().split(begin)
        PAGE.write_text(head + begin + text + end + rest.split(end)[1])
