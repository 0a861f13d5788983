"""A day in the demo: a hold, an approval, a reversal, the day's end, and demurrage.

What is shown is what runs: each line after a person's name is read as the command line reads
it, and given to the same command. Only what it answers is printed shorter.
"""

import shlex
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import click
from rich.console import Console
from rich.padding import Padding

from ledger.cli.client import Client, Refused, path_of
from ledger.cli.demo_books import BANK, BANK_CURRENCY, CASH, NETWORK, NETWORK_CURRENCY, saver
from ledger.cli.main import tequio
from ledger.cli.show import Place, table
from ledger.cli.words import money, t

CARDS: Final = "red-tarjetas"
FUND: Final = "fondo-comun"
BUYER, PAYER, PAYEE, WEALTHY = saver(12), saver(31), saver(32), saver(40)
MORNING: Final = ((BUYER, "1000.00"), (PAYER, "1500.00"), (WEALTHY, "60000.00"))
HELD, BOUGHT, LARGE, WRONG = "800.00", "640.50", "55000.00", "1500.00"
SHOWN: Final = (  # Of an answer, where it has them.
    "sequence",
    "last_sequence",
    "code",
    "kinds",
    "phase",
    "debit_account",
    "credit_account",
    "amount",
    "amount_from",
    "sums",
    "approvals",
    "approvals_needed",
    "held",
    "currency",
    "rate",
    "exempt",
    "period",
    "posted",
    "account",
    "debit_balance",
    "credit_balance",
)


class Shown(Place):
    """Where commands of the demo print: a row of what matters. The whole of it is kept."""

    def __init__(self, console: Console, url: str, key: str) -> None:
        super().__init__(url, key, False)
        self.console = console
        self.answer: dict[str, Any] = {}

    def one(self, row: Mapping[str, Any], names: Sequence[str] = ()) -> None:
        self.answer = dict(row)
        columns = [name for name in SHOWN if name in row]
        if "approvals_needed" in row:  # A rule, which says the same under its own name.
            columns.remove("approvals")
        self.console.print(Padding(table([row], columns), (0, 0, 0, 4)))


class Day:
    """One day, step by step. A step that does not hold raises."""

    def __init__(self, console: Console, url: str, keys: dict[str, str], program: str) -> None:
        self._console = console
        self._url = url
        self._keys = keys  # By the name of who has it.
        self._program = program

    def _say(self, english: str, spanish: str) -> None:
        self._console.print(f"  {t(english, spanish)}")

    async def _run(self, who: str, line: str, ledger: str = BANK) -> dict[str, Any]:
        """Show a command and run it; what it answered, whole."""
        self._console.print(
            f"  {t(*PEOPLE[who])} $ {self._program} {line}", soft_wrap=True, markup=False
        )
        place = Shown(self._console, self._url, self._keys[who])
        command, given = parsed([*shlex.split(line), "--ledger", ledger])
        await command(place, **given)
        return place.answer

    async def _account(self, code: str, ledger: str = BANK) -> dict[str, Any]:
        async with self._client("manager") as client:
            found: dict[str, Any] = await client.get(
                path_of("ledgers", ledger, "accounts", code)
            )
        return found

    def _client(self, who: str) -> Client:
        return Client(self._url, self._keys[who])

    async def prepare(self) -> None:
        """Keys for those who work there, two accounts, and what members bring at opening."""
        asked: dict[str, str] = {"role": "approver", "poster": "gerencia"}
        async with self._client("manager") as client:
            for ledger, code, kind, currency in (
                (BANK, CARDS, "payable", BANK_CURRENCY),
                (NETWORK, FUND, "fund", NETWORK_CURRENCY),
            ):
                account = {"code": code, "kind": kind, "currency": currency}
                try:
                    await client.send("POST", path_of("ledgers", ledger, "accounts"), account)
                except Refused as refused:  # The demo was run here before.
                    if refused.code != "account_code_used":
                        raise
            answer, _ = await client.send("POST", path_of("ledgers", BANK, "keys"), asked)
            self._keys["approver"] = answer["secret"]
        brought = [
            {
                "debit_account": CASH,
                "credit_account": member,
                "amount": amount,
                "currency": BANK_CURRENCY,
                "kind": "deposit",
            }
            for member, amount in MORNING
        ]
        async with self._client("teller") as client:
            batch = {"id": str(uuid.uuid4()), "transfers": brought}
            await client.send("POST", path_of("ledgers", BANK, "batches"), batch)

    # ---- the steps

    async def hold(self) -> None:
        """A purchase by card: kept back, posted in part, the rest given back."""
        self._say(
            "Each line after a $ runs as it is written; the last step says with which keys.\n",
            "Cada línea tras un $ corre tal cual; el último paso dice con qué llaves.\n",
        )
        before = await self._account(BUYER)
        until = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:00:00Z")
        self._say(
            f"{BUYER} pays by card. The shop asks for {HELD}; nobody else may spend it now.",
            f"{BUYER} paga con tarjeta. La tienda pide {HELD}; nadie más puede gastarlos ya.",
        )
        held = await self._run(
            "teller",
            f"transfer post --debit {BUYER} --credit {CARDS} --amount {HELD} "
            f"--currency {BANK_CURRENCY} --kind card --hold-until {until}",
        )
        while_held = await self._account(BUYER)
        _hold(_sum(while_held, "balance") == _sum(before, "balance"), "a hold moved a balance")
        left = _sum(before, "available") - Decimal(HELD)
        _hold(_sum(while_held, "available") == left, "a hold kept nothing back")
        self._say(
            f"Balance {money(while_held['balance'])}, available "
            f"{money(while_held['available'])}. It was only {BOUGHT}; the rest is given back:",
            f"Saldo {money(while_held['balance'])}, disponible "
            f"{money(while_held['available'])}. Sólo eran {BOUGHT}; el resto se libera:",
        )
        await self._run(
            "teller", f"post-hold {held['sequence']} --amount {BOUGHT} --release --kind card"
        )
        after = await self._account(BUYER)
        paid = _sum(before, "balance") - Decimal(BOUGHT)
        _hold(_sum(after, "balance") == paid, "a hold was not posted in part")
        paid = _sum(before, "available") - Decimal(BOUGHT)
        _hold(_sum(after, "available") == paid, "the rest of a hold was not given back")
        self._done(
            f"Balance {money(after['balance'])}, available {money(after['available'])}",
            f"Saldo {money(after['balance'])}, disponible {money(after['available'])}",
        )

    async def approval(self) -> None:
        """A large withdrawal: it waits until somebody else approves it."""
        self._say(
            "The board wants a second pair of eyes on withdrawals from 50,000.00:",
            "El consejo quiere otro par de ojos en los retiros desde 50,000.00:",
        )
        await self._run(
            "manager",
            f"policy set large --kinds withdrawal --currency {BANK_CURRENCY} --from 50000.00 "
            "--approvals 1 --expires-after 2d --hold --reason board",
        )
        sent = uuid.uuid4()
        before = await self._account(WEALTHY)
        self._say(f"{WEALTHY} takes out {money(LARGE)}:", f"{WEALTHY} retira {money(LARGE)}:")
        waiting = await self._run(
            "teller",
            f"transfer post --debit {WEALTHY} --credit {CASH} --amount {LARGE} "
            f"--currency {BANK_CURRENCY} --kind withdrawal --entered-by u-3 --id {sent}",
        )
        _hold(waiting.get("approvals") == 1, "a large withdrawal did not wait")
        meanwhile = await self._account(WEALTHY)
        _hold(_sum(meanwhile, "balance") == _sum(before, "balance"), "what waits was posted")
        self._say(
            "No cash leaves yet. Somebody else looks at it; who entered it could not:",
            "Aún no sale efectivo. Otra persona lo revisa; quien capturó no podría:",
        )
        await self._run("approver", f"approve {sent} --user u-9")
        after = await self._account(WEALTHY)
        _hold(
            _sum(after, "balance") == _sum(before, "balance") - Decimal(LARGE),
            "what was approved was not posted",
        )
        self._done(
            f"Posted: balance {money(after['balance'])}",
            f"Registrado: saldo {money(after['balance'])}",
        )

    async def reversal(self) -> None:
        """A transfer to the wrong member is taken back; both stay in the books."""
        before = await self._account(PAYER), await self._account(PAYEE)
        self._say(
            f"{money(WRONG)} go to {PAYEE}, who was not meant:",
            f"{money(WRONG)} van a {PAYEE}, por error:",
        )
        wrong = await self._run(
            "teller",
            f"transfer post --debit {PAYER} --credit {PAYEE} --amount {WRONG} "
            f"--currency {BANK_CURRENCY} --kind internal",
        )
        self._say(
            "Nothing is erased. A second transfer takes it back, and names the first:",
            "Nada se borra. Un segundo movimiento lo reversa y nombra al primero:",
        )
        await self._run("teller", f"reverse {wrong['sequence']} --kind correction")
        after = await self._account(PAYER), await self._account(PAYEE)
        for was, now in zip(before, after, strict=True):
            _hold(was["balance"] == now["balance"], "a reversal did not take back")
        self._done(
            "Both have what they had, and it can be reversed no second time",
            "Ambos tienen lo que tenían, y no se puede reversar dos veces",
        )

    async def close(self) -> None:
        """The days before today are closed one after the other, then today with its acta."""
        began = time.perf_counter()
        path = path_of("ledgers", BANK, "days")
        async with self._client("manager") as client:
            found = await client.get(path, {"limit": 1000})
            earlier = [d["date"] for d in found["days"] if d["date"] < found["current"]]
            for day in earlier:
                await client.send("POST", path_of("ledgers", BANK, "days", day, "close"))
        if earlier:
            seconds = time.perf_counter() - began
            self._done(
                f"{len(earlier)} days before today closed in order ({seconds:.1f} s)",
                f"{len(earlier)} días anteriores cerrados en orden ({seconds:.1f} s)",
            )
        today = found["current"]
        if await self._is_too_early(today):
            today = found["closed_through"]
            self._say(
                "Closed before; its acta once more:", "Ya estaba cerrado; otra vez su acta:"
            )
            await self._run("manager", f"day show {today} --acta")
        else:
            await self._run("manager", f"day close {today}")
        async with self._client("manager") as client:
            closed = await client.get(path_of("ledgers", BANK, "days", today))
        _hold("leaf_index" in closed["day"], "a day that was closed is not")
        self._done(
            "What comes later counts for the next day",
            "Lo que llegue después cuenta para el día siguiente",
        )

    async def _is_too_early(self, day: str) -> bool:
        """Whether a day cannot be closed yet: the demo was run here today before."""
        path = path_of("ledgers", BANK, "days", day, "close")
        async with self._client("manager") as client:
            try:
                await client.send("POST", path, query={"dry_run": "true"})
            except Refused as refused:
                if refused.code != "day_too_early":
                    raise
                return True
        return False

    async def demurrage(self) -> None:
        """A month's demurrage in the community currency, twice: it is charged once."""
        self._say(
            "The assembly wants credit to move: 2 % a month of what is above 50.00.",
            "La asamblea quiere que el crédito circule: 2 % al mes de lo que pase de 50.00.",
        )
        await self._run(
            "network",
            f"demurrage set --currency {NETWORK_CURRENCY} --rate 2/100 --exempt 50.00 "
            f"--period month --account {FUND} --since 2025-09-01 --reason assembly",
            NETWORK,
        )
        run = f"demurrage run --currency {NETWORK_CURRENCY} --period 2025-09"
        await self._run("network", run, NETWORK)
        first = _sum(await self._account(FUND, NETWORK), "balance")
        self._say(
            "Once more, by mistake. Nobody is charged twice:",
            "Otra vez, por descuido. A nadie se le cobra dos veces:",
        )
        await self._run("network", run, NETWORK)
        again = _sum(await self._account(FUND, NETWORK), "balance")
        _hold(first > 0, "no demurrage was collected")
        _hold(first == again, "demurrage was collected twice")
        async with self._client("manager") as client:
            answer = await client.get(path_of("ledgers", NETWORK, "circulation"))
        _hold(all(c["balanced"] for c in answer["currencies"]), "balances do not sum to zero")
        self._done(
            f"{FUND} has {money(str(first))} {NETWORK_CURRENCY}; all balances sum to 0.00",
            f"{FUND} tiene {money(str(first))} {NETWORK_CURRENCY}; los saldos suman 0.00",
        )

    def _done(self, english: str, spanish: str) -> None:
        self._console.print(f"[green]✓[/green] {t(english, spanish)}")


PEOPLE: Final = {  # Whose key a command is run with.
    "teller": ("teller", "cajera"),
    "manager": ("manager", "gerente"),
    "approver": ("supervisor", "supervisora"),
    "network": ("network", "red"),
}

PEOPLE_OF: Final = {"teller": BANK, "manager": BANK, "approver": BANK, "network": NETWORK}


def parsed(words: Sequence[str]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A command by its words, as the command line finds it, and what it is given."""
    command: click.Command = tequio
    context = click.Context(tequio)
    left = list(words)
    name = ""
    while isinstance(command, click.Group):
        name = left.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise AssertionError(f"there is no command {name}")
        command = found
    context = command.make_context(name, left)
    taken = {n: value for n, value in context.params.items() if n not in PLACE}
    inner: Callable[..., Any] = command.callback.__wrapped__  # type: ignore[union-attr]
    return inner, taken


PLACE: Final = ("url", "key", "as_json")  # Options that say where to ask.


def _sum(row: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(row[name])


def _hold(holds: bool, why: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise AssertionError(why)
