"""tequio demo: a savings bank and a community currency at work, from nothing to a proof.

Everything goes over HTTP, as it would from elsewhere, and what is shown was checked: a step
that does not hold ends the demo with its reason.
"""

import json
import shlex
import shutil
import socket
import sys
import tempfile
import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click
import uvloop
from rich.console import Console
from rich.markup import escape

from ledger.cli.accounts import print_statement
from ledger.cli.client import Client, Refused, path_of
from ledger.cli.demo_books import (
    BANK,
    BANK_CURRENCY,
    CASH,
    FIRST_DAY,
    LAST_DAY,
    NETWORK,
    SCALE,
    Institution,
    network,
    saver,
    savings_bank,
    shown_payment,
    trader,
)
from ledger.cli.demo_day import PEOPLE, PEOPLE_OF, Day
from ledger.cli.fetching import fetch_journal
from ledger.cli.proving import check_proof
from ledger.cli.serve import told_to_stop
from ledger.cli.service import Service, running_service
from ledger.cli.settings import Settings, data_path, listen_address, read_settings
from ledger.cli.show import Place, table
from ledger.cli.trial import fetch_trial_balance
from ledger.cli.words import Stop, money, t
from ledger.journal.verify import verify_export

WIDTH: Final = 96
LINES_SHOWN: Final = 8  # Of a statement.
ADDRESS: Final = "127.0.0.1:8080"
ANY_PORT: Final = "127.0.0.1:0"
TRIAL_COLUMNS: Final = (
    "kind",
    "nature",
    "opening_balance",
    "debits",
    "credits",
    "closing_balance",
)


@click.command(
    help=t(
        "See a savings bank and a community currency open their books, post some thousand "
        "transfers, and prove what they posted. With --once it cleans up after itself; without "
        "it, it stays up for you to try.",
        "Vea a una caja de ahorro y a una moneda social abrir sus libros, registrar miles de "
        "movimientos y probar lo registrado. Con --once limpia todo al final; sin él, se "
        "queda en marcha para que usted pruebe.",
    )
)
@click.option(
    "--once",
    is_flag=True,
    help=t("End by itself and leave nothing behind.", "Termina solo y no deja nada."),
)
def demo(once: bool) -> None:
    console = make_console()
    try:
        if once:
            # Not in a folder of root's: who runs PostgreSQL must be able to come here.
            folder = Path(tempfile.mkdtemp(prefix="tequio-demo-"))
            try:
                folder.chmod(0o711)
                settings = Settings(data_dir=str(folder), listen=ANY_PORT, origin="demo.tequio")
                uvloop.run(_demo(settings, console, stay=False))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        else:
            folder = data_path(read_settings({})) / "demo"
            settings = Settings(data_dir=str(folder), listen=ADDRESS, origin="demo.tequio")
            uvloop.run(_demo(settings, console, stay=True))
    except Stop:
        raise
    except Exception as error:
        raise Stop(
            t(
                f"The demo failed: {type(error).__name__}: {error}",
                f"La demostración falló: {type(error).__name__}: {error}",
            )
        ) from error
    click.echo("demo ok")


def make_console() -> Console:
    """Where the demo is read: not too wide, and the same where nobody looks."""
    console = Console(highlight=False)
    wide = min(console.width, WIDTH) if console.is_terminal else WIDTH
    return Console(highlight=False, width=wide)


async def _demo(settings: Settings, console: Console, *, stay: bool) -> None:
    console.rule("[bold]Tequio[/bold]")
    console.print(
        t(
            "A savings bank and a community currency, both made up, on a real ledger.",
            "Una caja de ahorro y una moneda social, ambas inventadas, en un libro de verdad.",
        )
    )
    status = console.status("")

    def say(what: str) -> None:
        status.update(f"{what}…")
        status.start()

    began = time.perf_counter()
    with taken_address(settings) as listener, told_to_stop() as stop:
        try:
            async with running_service(settings, progress=say, listener=listener) as service:
                status.stop()
                story = Story(console, service)
                story.done(
                    t("A service with its own PostgreSQL", "Un servicio con PostgreSQL"), began
                )
                await story.tell()
                story.commands(stay=stay)
                if stay:
                    console.print(
                        t(
                            f"Still serving at {service.url} (try {service.url}/docs). Ctrl-C "
                            f"ends it; the data stays in {settings.data_dir}",
                            f"Sigue en servicio en {service.url} (vea {service.url}/docs). "
                            f"Ctrl-C lo termina; los datos quedan en {settings.data_dir}",
                        ),
                        soft_wrap=True,
                    )
                    await stop.wait()
        finally:
            status.stop()


def taken_address(settings: Settings) -> socket.socket:
    """A socket that listens on the usual address; where somebody has that, on any free port.

    It listens from now on: whoever asks meanwhile waits until the service is up, and nobody
    else can take the address.
    """
    address = listen_address(settings)
    try:
        return _listening(address)
    except OSError:
        return _listening((address[0], 0))


def _listening(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


class Story:
    """The demo, step by step. A step that does not hold raises."""

    def __init__(self, console: Console, service: Service) -> None:
        self._console = console
        self._service = service
        self._step = 0
        self._keys: dict[str, str] = {}
        self._people: dict[str, str] = {}

    def _place(self, key: str) -> Place:
        place = Place(self._service.url, key, False)
        place.console = self._console
        return place

    def title(self, text: str) -> None:
        """Begin a step."""
        self._step += 1
        self._console.print()
        self._console.rule(f"[bold]{self._step}. {text}[/bold]", align="left")

    def done(self, text: str, began: float) -> None:
        """Say that something is done, and how long it took."""
        seconds = time.perf_counter() - began
        self._console.print(f"[green]✓[/green] {text} [dim]({seconds:.1f} s)[/dim]")

    async def tell(self) -> None:
        """All of it."""
        bank, milpa = savings_bank(), network()
        operator = self._service.operator_key
        if not operator:
            raise Stop(
                t(
                    f"The demo's data in {self._service.settings.data_dir} has lost its "
                    "operator key. Remove that folder to begin anew.",
                    f"Los datos de la demostración en {self._service.settings.data_dir} "
                    "perdieron su llave. Borre esa carpeta para empezar de nuevo.",
                )
            )
        async with Client(self._service.url, operator) as client:
            self.title(
                t("Two institutions open their books", "Dos instituciones abren sus libros")
            )
            for institution in (bank, milpa):
                await self._open(client, institution)
            await self._give_keys(client)
        self.title(t("They post a month over HTTP", "Registran un mes por HTTP"))
        await self._post(bank, self._keys["poster"])
        await self._post(milpa, self._keys["operator"])
        await self._refuse()
        self.title(t("A member's statement", "El estado de cuenta de una socia"))
        last = await self._statement()
        self.title(t("The trial balance", "La balanza de comprobación"))
        await self._balance()
        await self._day(operator)
        self.title(t("A proof for one transfer", "La prueba de un movimiento"))
        await self._prove(last)
        self.title(t("What a regulator takes home", "Lo que se lleva un regulador"))
        with tempfile.TemporaryDirectory(prefix="tequio-demo-export-") as folder:
            await self._export(Path(folder))

    async def _open(self, client: Client, institution: Institution) -> None:
        began = time.perf_counter()
        code = institution.code
        zone = "America/Mexico_City"
        opened = {"code": code, "name": institution.name, "time_zone": zone}
        await client.send("POST", path_of("ledgers"), opened)
        await client.send("POST", path_of("ledgers", code, "currencies"), institution.currency)
        path = path_of("ledgers", code, "accounts")
        try:
            await client.send("POST", path, {"accounts": institution.accounts})
        except Refused as refused:  # Run again after somebody tried a limit of their own.
            if refused.code != "account_code_used":
                raise
        count, currency = money(str(len(institution.accounts))), institution.currency["code"]
        self.done(
            f"[bold]{institution.name}[/bold] "
            + t(
                f"({code}): {count} accounts in {currency}",
                f"({code}): {count} cuentas en {currency}",
            ),
            began,
        )

    async def _give_keys(self, client: Client) -> None:
        for name, ledger, asked in (
            ("poster", BANK, {"role": "poster", "poster": "core-caja", "accounts": ["*"]}),
            ("operator", NETWORK, {"role": "operator", "poster": "milpa"}),
            ("auditor", BANK, {"role": "auditor"}),
            ("network's auditor", NETWORK, {"role": "auditor"}),
        ):
            answer, _ = await client.send("POST", path_of("ledgers", ledger, "keys"), asked)
            self._keys[name] = answer["secret"]

    async def _post(self, institution: Institution, key: str) -> None:
        path = path_of("ledgers", institution.code, "batches")
        began = time.perf_counter()
        posted = 0
        async with Client(self._service.url, key) as client:
            for batch in institution.batches:
                answer, _ = await client.send("POST", path, batch)
                posted += answer["receipt"]["posted"]
            refused = institution.transfers - posted
            self.done(
                f"{institution.name}: "
                + t(
                    f"{money(str(posted))} transfers posted, {money(str(refused))} refused "
                    "at a limit",
                    f"{money(str(posted))} movimientos registrados, {money(str(refused))} "
                    "rechazados por límite",
                ),
                began,
            )
            again, replayed = await client.send("POST", path, institution.batches[0])
            _hold(replayed and again["receipt"]["posted"] > 0, "a repeated batch was new")
        self._console.print(
            t(
                "  The first batch sent once more: the same receipt, nothing posted twice.",
                "  El primer lote enviado otra vez: el mismo recibo, nada se duplicó.",
            )
        )

    async def _refuse(self) -> None:
        payment = shown_payment()
        async with Client(self._service.url, self._keys["operator"]) as client:
            path = path_of("ledgers", NETWORK, "accounts", payment["debit_account"])
            account = await client.get(path)
            try:
                await client.send("POST", path_of("ledgers", NETWORK, "transfers"), payment)
            except Refused as refused:
                _hold(refused.code == "exceeds_credit_limit", refused.code)
                said = refused.document["detail"]
            else:
                raise AssertionError("a payment above every limit was posted")
        balance, lower = money(account["balance"]), money(account["lower_bound"])
        who, amount = account["code"], money(payment["amount"])
        self._console.print(
            t(
                f"  {who} has {balance} and may go down to {lower}. A payment of {amount}:",
                f"  {who} tiene {balance} y puede bajar hasta {lower}. Un pago de {amount}:",
            )
        )
        self._console.print(f"  [red]✗[/red] {said}", markup=True)

    async def _statement(self) -> dict[str, Any]:
        account = saver(7)
        path = path_of("ledgers", BANK, "accounts", account, "statement")
        async with Client(self._service.url, self._keys["auditor"]) as client:
            month: dict[str, str | int] = {"to": LAST_DAY.isoformat(), "limit": 1000}
            lines = (await client.get(path, month))["transfers"]
            month["from"] = lines[-LINES_SHOWN:][0]["business_date"]
            whole = await client.get(path, month)
        lines = whole["transfers"]
        # The service added it up; so do we, from the amounts alone.
        added = sum(
            Decimal(line["amount"]) * (1 if line["side"] == "credit" else -1) for line in lines
        )
        _hold(
            Decimal(whole["opening_balance"]) + added == Decimal(whole["closing_balance"]),
            "the statement does not add up",
        )
        last: dict[str, Any] = dict(lines[-1])
        print_statement(self._place(""), whole)
        return last

    async def _balance(self) -> None:
        place = self._place(self._keys["auditor"])
        whole = await fetch_trial_balance(place, BANK, FIRST_DAY, LAST_DAY, "kind")
        _hold(all(total["balanced"] for total in whole["totals"]), "the books do not balance")
        self._console.print(table(whole["lines"], TRIAL_COLUMNS))
        total = whole["totals"][0]
        self._console.print(
            t(
                f"Debits {money(total['debits'])} = credits {money(total['credits'])}",
                f"Cargos {money(total['debits'])} = abonos {money(total['credits'])}",
            )
        )

    async def _day(self, operator: str) -> None:
        people = {
            "teller": self._keys["poster"],
            "manager": operator,
            "network": self._keys["operator"],
        }
        day = Day(self._console, self._service.url, people, program_name())
        await day.prepare()
        self._people = people
        self.title(t("A day at the bank: a purchase by card", "Un día: compra con tarjeta"))
        await day.hold()
        self.title(t("A withdrawal that needs approval", "Un retiro que pide autorización"))
        await day.approval()
        self.title(t("A transfer to the wrong member", "Un movimiento equivocado"))
        await day.reversal()
        self.title(t("The day is closed", "Se cierra el día"))
        await day.close()
        self.title(t("Demurrage in the network", "Oxidación en la red"))
        await day.demurrage()

    async def _prove(self, line: dict[str, Any]) -> None:
        path = path_of("ledgers", BANK, "batches", line["id"], "proof")
        async with Client(self._service.url, self._keys["auditor"]) as client:
            opened = await client.get(path_of("ledgers", BANK))
            answer = await client.get(path, {"position": line["position"]})
        proven = check_proof(answer, opened["public_key"])
        amount = Decimal(proven.transfer.amount).scaleb(-SCALE)
        _hold(amount == Decimal(line["amount"]), "the proof is of another amount")
        hashes, size = len(answer["path"]), proven.checkpoint.size
        self._console.print(
            t(
                f"  transfer {line['sequence']} of {money(line['amount'])} {BANK_CURRENCY}\n"
                f"    ↓ {hashes} hashes: line {proven.index} of {proven.size} in its batch\n"
                f"    ↓ leaf {answer['leaf_index']} of the journal, in a tree of {size}\n"
                f"    ↓ root {proven.checkpoint.root.hex()[:32]}…\n"
                f"    ↓ signed by {opened['public_key'][:48]}…",
                f"  movimiento {line['sequence']} de {money(line['amount'])} {BANK_CURRENCY}\n"
                f"    ↓ {hashes} resúmenes: línea {proven.index} de {proven.size} de su lote\n"
                f"    ↓ hoja {answer['leaf_index']} del diario, en un árbol de {size}\n"
                f"    ↓ raíz {proven.checkpoint.root.hex()[:32]}…\n"
                f"    ↓ firmada por {opened['public_key'][:48]}…",
            )
        )
        self._console.print(
            t(
                "[green]✓[/green] Checked here, with the institution's public key alone.",
                "[green]✓[/green] Comprobado aquí, sólo con la llave pública de la caja.",
            )
        )

    async def _export(self, folder: Path) -> None:
        began = time.perf_counter()
        export = folder / "caja"
        async with Client(self._service.url, self._keys["auditor"]) as client:
            vkey = (await client.get(path_of("ledgers", BANK)))["public_key"]
            exported = await fetch_journal(client, BANK, export)
        self.done(
            t(
                f"The whole journal in {exported.files} files, "
                f"{money(str(exported.bytes // 1000))} kB",
                f"El diario entero en {exported.files} archivos, "
                f"{money(str(exported.bytes // 1000))} kB",
            ),
            began,
        )
        began = time.perf_counter()
        report = verify_export(export, trusted_vkey=vkey)
        _hold(report.ok, str(report.broken))
        checked = report.checked
        self.done(
            t(
                f"Verified offline: {money(str(checked.leaves))} leaves, "
                f"{money(str(checked.transfers))} transfers by every rule, "
                f"{money(str(checked.accounts))} balances",
                f"Comprobado sin red: {money(str(checked.leaves))} hojas, "
                f"{money(str(checked.transfers))} movimientos con todas las reglas, "
                f"{money(str(checked.accounts))} saldos",
            ),
            began,
        )
        await self._verify_network(folder / "milpa")
        before, after = change_one_byte(export)
        self._console.print(
            t(
                f"  Now somebody changes one byte of the export: {before} → {after}",
                f"  Ahora alguien cambia un byte de la copia: {before} → {after}",
            ),
            markup=False,
        )
        broken = verify_export(export, trusted_vkey=vkey).broken
        if broken is None:
            raise AssertionError("a changed byte went unnoticed")
        self._console.print(f"  [red]✗[/red] {escape(str(broken))}")
        self.done(t("and verify finds it", "y verify lo encuentra"), began)

    async def _verify_network(self, export: Path) -> None:
        began = time.perf_counter()
        async with Client(self._service.url, self._keys["network's auditor"]) as client:
            vkey = (await client.get(path_of("ledgers", NETWORK)))["public_key"]
            await fetch_journal(client, NETWORK, export)
        report = verify_export(export, trusted_vkey=vkey)
        _hold(report.ok, str(report.broken))
        transfers = money(str(report.checked.transfers))
        self.done(
            t(
                f"And the network's: {transfers} transfers, the demurrage among them",
                f"Y el de la red: {transfers} movimientos, con la oxidación",
            ),
            began,
        )

    def commands(self, *, stay: bool) -> None:
        """One command for each kind of user, ready to be copied."""
        program = program_name()
        url, keys = self._service.url, self._keys
        if not stay:
            url = f"http://{ADDRESS}"
            keys = dict.fromkeys(self._keys, t("KEY_SHOWN_THERE", "LLAVE_QUE_MUESTRA"))
        self.title(t("Now you", "Ahora usted"))
        if not stay:
            self._console.print(
                t(
                    f"These work while [bold]{program} demo[/bold] is running, without --once; "
                    "it shows them with their keys.",
                    f"Sirven mientras corre [bold]{program} demo[/bold], sin --once; las "
                    "muestra con sus llaves.",
                )
            )
        body = {
            "id": str(uuid.uuid4()),
            "debit_account": CASH,
            "credit_account": saver(1),
            "amount": "250.00",
            "currency": BANK_CURRENCY,
            "kind": "deposit",
        }
        tequio = f"TEQUIO_URL={url} TEQUIO_KEY={keys['operator']} {program}"
        auditor = f"TEQUIO_URL={url} TEQUIO_KEY={keys['auditor']} {program}"
        out = "caja-journal"
        bearer = f'-H "Authorization: Bearer {keys["poster"]}"'
        headers = f"-H 'Content-Type: application/json' {bearer}"
        post = f"curl -s {url}/v1/ledgers/{BANK}/transfers {headers} -d '{json.dumps(body)}'"
        change = f"account limit {trader(7)} --ledger {NETWORK} --lower -1500 --reason assembly"
        export = f"{auditor} export journal --ledger {BANK} --out {out}"
        for who, command in (
            (t("A savings bank posts a deposit:", "Una caja registra un depósito:"), post),
            (
                t("A network gives more credit:", "Una red da más crédito a alguien:"),
                f"{tequio} {change}",
            ),
            (
                t("A regulator checks the journal:", "Un regulador comprueba el diario:"),
                f"{export} && {program} verify {out}",
            ),
        ):
            self._console.print(f"\n[bold]{who}[/bold]")
            self._console.print(command, soft_wrap=True, markup=False)
        self._console.print(
            t(
                "\n[bold]And the day's commands, each with its person's key:[/bold]",
                "\n[bold]Y las órdenes del día, cada una con la llave de su persona:[/bold]",
            )
        )
        for name, ledger in PEOPLE_OF.items():
            key = self._people[name] if stay else next(iter(keys.values()))
            place = f"TEQUIO_URL={url} TEQUIO_LEDGER={ledger} TEQUIO_KEY={key}"
            self._console.print(f"{t(*PEOPLE[name])}: {place}", soft_wrap=True, markup=False)
        self._console.print()


def _hold(holds: bool, why: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise AssertionError(why)


def change_one_byte(export: Path) -> tuple[str, str]:
    """Change the first digit of an amount in an export: the amount before and after."""
    path = next(iter(sorted((export / "batch").rglob("*.jsonl"))))
    data = bytearray(path.read_bytes())
    mark = b'{"amount":'
    at = data.index(mark) + len(mark)
    end = data.index(b",", at)
    before = data[at:end].decode()
    data[at] = ord("9") if data[at] != ord("9") else ord("1")
    path.write_bytes(data)
    return before, data[at:end].decode()


def program_name() -> str:
    """How the reader started this: ./run, or the command itself."""
    run = Path(sys.prefix).parent / "run"
    if Path(sys.prefix).name != ".venv" or not run.exists():
        return "tequio"
    return "./run" if run.parent == Path.cwd() else shlex.quote(str(run))
