"""The command tequio: which commands there are, and nothing they need until one is called."""

import sys
from importlib import import_module

import click

from ledger.cli.words import Stop, t

# name -> where it lives, and what it does in a few words (so that --help imports nothing).
COMMANDS = {
    "serve": ("serve:serve", t("Run the ledger service.", "Pone en marcha el servicio.")),
    "demo": (
        "demo:demo",
        t(
            "See a savings bank and a community currency at work.",
            "Muestra una caja de ahorro y una moneda social en acción.",
        ),
    ),
    "ledger": (
        "books:ledger_group",
        t("Create ledgers and look at them.", "Crea libros y los muestra."),
    ),
    "currency": ("books:currency_group", t("A ledger's currencies.", "Monedas de un libro.")),
    "account": (
        "accounts:account_group",
        t("Accounts, their limits and statements.", "Cuentas, sus límites y estados."),
    ),
    "transfer": (
        "posting:transfer_group",
        t("Post and find transfers.", "Registra y busca movimientos."),
    ),
    "batch": (
        "posting:batch_group",
        t("Post batches; receipts and proofs.", "Registra lotes; recibos y pruebas."),
    ),
    "exchange": (
        "exchanging:exchange",
        t("Sell for another currency.", "Cambia a otra moneda."),
    ),
    "post-hold": (
        "follow_ups:post_hold",
        t("Post a hold, or a part of it.", "Aplica una retención, o una parte."),
    ),
    "void": (
        "follow_ups:void_hold",
        t("Give back what a hold keeps.", "Libera una retención."),
    ),
    "reverse": (
        "follow_ups:reverse",
        t("Take back a transfer or a whole batch.", "Reversa un movimiento o un lote entero."),
    ),
    "clear": (
        "follow_ups:clear",
        t(
            "Move what is in suspense where it belongs.",
            "Depura una partida de la cuenta puente.",
        ),
    ),
    "holds": ("follow_ups:holds", t("Holds that are open.", "Retenciones vigentes.")),
    "suspense": (
        "follow_ups:suspense",
        t(
            "What is in suspense, and since when.",
            "Partidas en cuentas puente y su antigüedad.",
        ),
    ),
    "pay": (
        "proposals:pay",
        t("Start a payment by a workflow.", "Inicia un pago según un flujo."),
    ),
    "proposals": (
        "proposals:proposals",
        t("What waits for others.", "Lo que espera a otros."),
    ),
    "approve": (
        "proposals:approve",
        t("Approve what somebody else made.", "Autoriza lo que capturó otra persona."),
    ),
    "accept": (
        "proposals:accept",
        t("Accept a payment.", "Acepta un pago."),
    ),
    "decline": (
        "proposals:decline",
        t("Decline what waits.", "Rechaza lo que espera."),
    ),
    "cancel": (
        "proposals:cancel",
        t("Take back what one proposed.", "Cancela lo que uno propuso."),
    ),
    "policy": (
        "policies:policy_group",
        t("What others must approve.", "Lo que otros deben autorizar."),
    ),
    "workflow": (
        "policies:workflow_group",
        t("Who starts payments, who accepts them.", "Quién inicia pagos y quién los acepta."),
    ),
    "whitelist": (
        "policies:whitelist_group",
        t("Whose payments are accepted at once.", "De quién se acepta al instante."),
    ),
    "dispute": (
        "proposals:dispute",
        t("Contest a transfer, or end that.", "Abre o cierra una aclaración."),
    ),
    "disputes": (
        "proposals:disputes",
        t("Transfers in dispute, and how it ended.", "Aclaraciones y en qué terminaron."),
    ),
    "trial-balance": (
        "trial:trial_balance",
        t("Balances, debits and credits of a period.", "Balanza de comprobación."),
    ),
    "levy": (
        "rules:levy_group",
        t("What transfers pay to the treasury.", "Cobros sobre movimientos para la tesorería."),
    ),
    "demurrage": (
        "rules:demurrage_group",
        t("A charge on idle credit, and its runs.", "Oxidación del saldo ocioso."),
    ),
    "fees": (
        "rules:fees_group",
        t("Fees per period, and their runs.", "Cuotas por periodo y su cobro."),
    ),
    "reserve": ("rules:reserve_group", t("What backs a currency.", "Respaldo de una moneda.")),
    "circulation": (
        "rules:circulation",
        t("What is in circulation.", "Lo que circula de cada moneda."),
    ),
    "day": (
        "days:day_group",
        t("Open and close business days.", "Abre y cierra los días contables."),
    ),
    "days": (
        "days:days_group",
        t("How business days are kept.", "Cómo se llevan los días contables."),
    ),
    "period": (
        "days:period_group",
        t("Close and reopen months.", "Cierra y reabre los meses."),
    ),
    "reconcile": (
        "reconciling:reconcile",
        t(
            "Compare a day with a core system's file.",
            "Compara un día con el archivo de otro sistema.",
        ),
    ),
    "limit": (
        "limits:limit_group",
        t("Limits of accounts, now or by days.", "Límites de cuentas, ya o por días."),
    ),
    "schedule": (
        "schedules:schedule_group",
        t("Transfers on dates to come.", "Movimientos programados."),
    ),
    "schedules": (
        "schedules:schedules_group",
        t("What is due of all schedules.", "Lo que toca de lo programado."),
    ),
    "holidays": (
        "schedules:holidays_group",
        t("Holidays of a ledger.", "Días inhábiles de un libro."),
    ),
    "key": ("books:key_group", t("Give and revoke API keys.", "Da y revoca llaves.")),
    "poster-key": (
        "poster_keys:poster_key_group",
        t("Keys with which posters sign.", "Llaves con que firman los remitentes."),
    ),
    "branch": (
        "branch:branch_group",
        t("Post later, without a connection now.", "Registra después, sin conexión ahora."),
    ),
    "import": (
        "importing:import_group",
        t("Post the transfers in a file.", "Registra los movimientos de un archivo."),
    ),
    "export": (
        "exporting:export_group",
        t(
            "Take the journal out, also for hledger and beancount.",
            "Saca el diario, también para hledger y beancount.",
        ),
    ),
    "verify": (
        "verifying:verify",
        t("Check an exported journal, offline.", "Comprueba un diario exportado, sin red."),
    ),
    "signer": (
        "signing:signer_group",
        t("When the signer's memory was lost.", "Cuando se perdió la memoria del firmante."),
    ),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(f"ledger.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(t("Commands", "Órdenes")):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        from ledger.core.faults import LedgerFault

        try:
            return super().invoke(ctx)
        except LedgerFault as fault:  # The rooms behind say what it is themselves.
            raise Stop(str(fault)) from fault


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    help=t(
        "Tequio: a double-entry ledger for savings banks and community currencies, with a "
        "journal that anyone can verify.",
        "Tequio: un libro contable de partida doble para cajas de ahorro y monedas sociales, "
        "con un diario que cualquiera puede comprobar.",
    ),
    epilog=t(
        "Try it: tequio demo --once",
        "Para probar: tequio demo --once",
    ),
)
@click.version_option(package_name="tequio", message="tequio %(version)s")
def tequio() -> None:
    pass


def main() -> None:
    """The entry of `tequio` and `python -m ledger`."""
    if not __debug__:
        sys.stderr.write(
            t(
                "tequio: Python was started with -O, which removes the checks a ledger stands "
                "on. Start it without -O and PYTHONOPTIMIZE.\n",
                "tequio: Python se inició con -O, que quita las comprobaciones de las que "
                "depende un libro. Inícielo sin -O ni PYTHONOPTIMIZE.\n",
            )
        )
        sys.exit(1)
    tequio(prog_name="tequio")
