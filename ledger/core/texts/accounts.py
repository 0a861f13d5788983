"""What is said of ledgers, currencies, accounts and their limits."""

from typing import Final

from ledger.core.texts.text import Text, Texts

TEXTS: Final[dict[str, Texts]] = {
    "ledger_code_used": (
        Text("Ese código de libro ya existe", "Ya hay un libro con ese código; elija otro."),
        Text(
            "Esse código de livro já existe", "Já há um livro com esse código; escolha outro."
        ),
        Text("That ledger code is taken", "There is a ledger with that code; choose another."),
    ),
    "currency_code_used": (
        Text("Esa moneda ya existe", "El libro ya tiene una moneda con ese código."),
        Text("Essa moeda já existe", "O livro já tem uma moeda com esse código."),
        Text("That currency exists", "The ledger has a currency with that code already."),
    ),
    "account_code_used": (
        Text(
            "Esa cuenta ya existe",
            "Ya hay una cuenta con ese código, y no es igual a la que se pide.",
            "Ya hay una cuenta {account}, y no es igual a la que se pide.",
        ),
        Text(
            "Essa conta já existe",
            "Já há uma conta com esse código, e não é igual à pedida.",
            "Já há uma conta {account}, e não é igual à pedida.",
        ),
        Text(
            "That account exists",
            "There is an account with that code, and it differs from the one asked for.",
            "There is an account {account}, and it differs from the one asked for.",
        ),
    ),
    "account_code_looks_personal": (
        Text(
            "El código parece la clave de una persona",
            "El código parece una CURP o un RFC. Use un número interno, o confirme que no lo "
            "es con confirm_personal_code.",
        ),
        Text(
            "O código parece o documento de uma pessoa",
            "O código parece um documento pessoal (CURP ou RFC). Use um número interno, ou "
            "confirme com confirm_personal_code.",
        ),
        Text(
            "The code looks like a person's identifier",
            "The code looks like a CURP or RFC. Use an internal number, or confirm with "
            "confirm_personal_code that it is none.",
        ),
    ),
    "account_not_found": (
        Text("No existe esa cuenta", "El libro no tiene una cuenta con ese código."),
        Text("Essa conta não existe", "O livro não tem uma conta com esse código."),
        Text("No such account", "The ledger has no account with that code."),
    ),
    "account_closed": (
        Text("La cuenta está cerrada", "Con una cuenta cerrada sólo cabe abrirla otra vez."),
        Text("A conta está fechada", "Com uma conta fechada só cabe reabri-la."),
        Text("The account is closed", "A closed account can only be opened again."),
    ),
    "account_frozen_by_order": (
        Text(
            "La cuenta está congelada por una orden",
            "Una autoridad lo ordenó; sólo con otra orden se cambia, y por quien las atiende.",
        ),
        Text(
            "A conta está bloqueada por uma ordem",
            "Uma autoridade o ordenou; só com outra ordem se altera, e por quem as atende.",
        ),
        Text(
            "The account is frozen by an order",
            "An authority ordered it; only another order changes it, by those who see to them.",
        ),
    ),
    "account_in_debt": (
        Text(
            "La cuenta debe",
            "Quien debe sale pagando, o con una quita aprobada: a una cuenta de tipo loss y "
            "citando el acta. Lo de una cuenta deudora puede pasar a otra de su mismo tipo.",
        ),
        Text(
            "A conta deve",
            "Quem deve sai pagando, ou com uma baixa aprovada: para uma conta do tipo loss e "
            "citando a ata. O de uma conta devedora pode passar a outra do mesmo tipo.",
        ),
        Text(
            "The account is in debt",
            "A debt is repaid, or written off by a decision: to an account of kind loss, "
            "citing the act. What a debit account has may go to another of its kind.",
        ),
    ),
    "account_not_at_zero": (
        Text(
            "La cuenta tiene saldo",
            "Sólo se cierra una cuenta con saldo cero; primero traspase su saldo.",
        ),
        Text(
            "A conta tem saldo",
            "Só se fecha uma conta com saldo zero; primeiro transfira o saldo.",
        ),
        Text(
            "The account has a balance",
            "Only an account at zero can be closed; move its balance first.",
        ),
    ),
    "account_has_holds": (
        Text(
            "La cuenta tiene retenciones",
            "Una cuenta con retenciones vigentes no se cierra; primero aplíquelas o libérelas.",
        ),
        Text(
            "A conta tem valores retidos",
            "Uma conta com retenções em aberto não se fecha; primeiro efetive-as ou libere-as.",
        ),
        Text(
            "The account has holds",
            "An account with open holds is not closed; post them or void them first.",
        ),
    ),
    "account_has_suspense": (
        Text(
            "La cuenta tiene partidas por depurar",
            "Una cuenta puente con partidas por depurar no se cierra, aunque sumen cero: "
            "primero depure cada una.",
        ),
        Text(
            "A conta tem partidas a regularizar",
            "Uma conta transitória com partidas a regularizar não se fecha, mesmo que somem "
            "zero: primeiro regularize cada uma.",
        ),
        Text(
            "The account has suspense items",
            "A suspense account with items that are not cleared is not closed, though they add "
            "up to nothing: clear each of them first.",
        ),
    ),
    "account_has_proposals": (
        Text(
            "La cuenta tiene pagos en espera",
            "Hay pagos de esta cuenta, o para ella, que esperan a otros: primero que se "
            "acepten, se rechacen o se cancelen.",
        ),
        Text(
            "A conta tem pagamentos em espera",
            "Há pagamentos desta conta, ou para ela, que esperam por outros: primeiro que "
            "sejam aceitos, recusados ou cancelados.",
        ),
        Text(
            "The account has payments waiting",
            "Payments from this account, or to it, wait for others: let them be accepted, "
            "declined or cancelled first.",
        ),
    ),
    "account_in_use": (
        Text(
            "La cuenta está en uso",
            "Una regla del libro (cargo, cuota, oxidación o respaldo) o un movimiento "
            "programado la nombra: primero cámbielo o quítelo.",
        ),
        Text(
            "A conta está em uso",
            "Uma regra do livro (taxa, contribuição, oxidação ou lastro) ou um movimento "
            "programado a nomeia: primeiro mude-o ou remova-o.",
        ),
        Text(
            "The account is in use",
            "A rule of the ledger (levy, fee, demurrage or reserve) or a schedule names it: "
            "change or remove that first.",
        ),
    ),
    "bounds_crossed": (
        Text("Los límites se cruzan", "El límite inferior es mayor que el superior."),
        Text("Os limites se cruzam", "O limite inferior é maior que o superior."),
        Text("The bounds cross", "The lower bound is above the upper bound."),
    ),
    "limit_is_earned": (
        Text(
            "El límite se gana con el uso",
            "El límite de crédito de la cuenta sigue una regla; para fijarlo a mano, termine "
            "antes la regla.",
        ),
        Text(
            "O limite se ganha com o uso",
            "O limite de crédito da conta segue uma regra; para fixá-lo à mão, encerre antes "
            "a regra.",
        ),
        Text(
            "The limit is earned by use",
            "The account's credit limit follows a rule; end the rule to set it by hand.",
        ),
    ),
    "limit_is_planned": (
        Text(
            "El límite tiene planes",
            "La cuenta tiene cambios de límite planeados; termínelos antes de darle una regla.",
        ),
        Text(
            "O limite tem planos",
            "A conta tem mudanças de limite planejadas; encerre-as antes de lhe dar uma regra.",
        ),
        Text(
            "The limit has plans",
            "The account has planned changes of its limit; end them before giving it a rule.",
        ),
    ),
    "limit_plan_over": (
        Text("El plazo ya pasó", "El último día del límite ya pasó o es anterior al primero."),
        Text("O prazo já passou", "O último dia do limite já passou ou precede o primeiro."),
        Text("The plan is over", "The limit's last day is past, or before its first."),
    ),
    "limit_plan_not_found": (
        Text("No existe ese plan", "La cuenta no tiene un plan en espera con ese número."),
        Text("Esse plano não existe", "A conta não tem um plano em espera com esse número."),
        Text("No such plan", "The account has no plan of that number that waits."),
    ),
    "limit_not_due": (
        Text("El plan no empieza ni termina", "Aún no es hora, o dice otros límites."),
        Text("O plano não começa nem termina", "Ainda não é hora, ou diz outros limites."),
        Text("The plan is not due", "It is not yet time, or the line says other bounds."),
    ),
    "act_missing": (
        Text("Falta el acta", "Reabrir un periodo cita el acta que lo autoriza."),
        Text("Falta a ata", "Reabrir um período cita a ata que o autoriza."),
        Text("The act is missing", "To reopen a period, cite the act that decided it."),
    ),
}
