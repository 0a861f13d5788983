"""What the ledger says to people, in the words of a treasurer: one place for every "no".

    sentence("exceeds_credit_limit", "es", account="caja:1", available="5.00", currency="MXN")

The HTTP service and the command line both speak from here. Programs read the code; the
code never changes, the words may.
"""

from typing import Final, NamedTuple

LANGUAGES: Final = ("es", "pt", "en")


class Text(NamedTuple):
    """A title, a sentence that is true without facts, and a sharper one that needs them."""

    title: str
    sentence: str
    exact: str = ""


_LINE: Final = {
    "es": " Es el movimiento {line} del lote.",
    "pt": " É o movimento {line} do lote.",
    "en": " It is transfer {line} of the batch.",
}

# code -> one Text for each of LANGUAGES, in that order.
TEXTS: Final[dict[str, tuple[Text, Text, Text]]] = {
    # ---- refusals: a ledger, its currencies and accounts
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
            "citando el acta.",
        ),
        Text(
            "A conta deve",
            "Quem deve sai pagando, ou com uma baixa aprovada: para uma conta do tipo loss e "
            "citando a ata.",
        ),
        Text(
            "The account is in debt",
            "A debt is repaid, or written off by a decision: to an account of kind loss, "
            "citing the act.",
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
    "holds_not_due": (
        Text("Las retenciones no han vencido", "Alguna retención no ha llegado a su hora."),
        Text("As retenções não venceram", "Alguma retenção ainda não chegou à sua hora."),
        Text("The holds are not due", "The time of one of these holds is not up yet."),
    ),
    "policy_not_found": (
        Text(
            "No existe esa regla",
            "El libro no tiene una regla de autorización con ese código.",
        ),
        Text(
            "Essa regra não existe",
            "O livro não tem uma regra de autorização com esse código.",
        ),
        Text(
            "No such rule",
            "The ledger has no rule of approval with that code.",
        ),
    ),
    "workflow_not_found": (
        Text(
            "No existe ese flujo de pago",
            "El libro no tiene un flujo de pagos con ese código.",
        ),
        Text(
            "Esse fluxo de pagamento não existe",
            "O livro não tem um fluxo de pagamentos com esse código.",
        ),
        Text(
            "No such workflow",
            "The ledger has no workflow of payments with that code.",
        ),
    ),
    "workflow_not_possible": (
        Text(
            "Ese flujo no es posible",
            "Nadie acepta lo que inició; y sólo se retiene lo que inicia quien paga.",
        ),
        Text(
            "Esse fluxo não é possível",
            "Ninguém aceita o que iniciou; e só se retém o que inicia quem paga.",
        ),
        Text(
            "That workflow is not possible",
            "Nobody accepts what they started, and only what a payer starts is held.",
        ),
    ),
    "proposal_not_open": (
        Text(
            "La propuesta ya no está en espera",
            "Ya se decidió o venció, o no existe. El lote con su id dice qué pasó.",
        ),
        Text(
            "A proposta já não está em espera",
            "Já foi decidida ou venceu, ou não existe. O lote com seu id diz o que houve.",
        ),
        Text(
            "The proposal is not open",
            "It was decided, is over, or never was. The batch of its id says what became "
            "of it.",
        ),
    ),
    "proposal_not_due": (
        Text(
            "La propuesta aún no vence",
            "Todavía no ha llegado su hora.",
        ),
        Text(
            "A proposta ainda não venceu",
            "Ainda não chegou a sua hora.",
        ),
        Text(
            "The proposal is not due",
            "Its time has not come yet.",
        ),
    ),
    "decision_not_needed": (
        Text(
            "Esa decisión no hace falta",
            "La propuesta no espera eso: no necesita autorización, o no necesita aceptación.",
        ),
        Text(
            "Essa decisão não é necessária",
            "A proposta não espera isso: não precisa de autorização, ou não precisa de aceite.",
        ),
        Text(
            "That decision is not needed",
            "The proposal does not wait for this: it needs no approval, or no acceptance.",
        ),
    ),
    "approver_is_maker": (
        Text(
            "Quien captura no autoriza",
            "Debe autorizarlo otra persona que no lo haya capturado.",
        ),
        Text(
            "Quem lança não autoriza",
            "Deve ser autorizado por outra pessoa, que não o tenha lançado.",
        ),
        Text(
            "The maker cannot approve",
            "Somebody else must approve it, who did not enter it.",
        ),
    ),
    "approved_already": (
        Text(
            "Ya lo autorizó",
            "Cada persona autoriza una sola vez; falta otra.",
        ),
        Text(
            "Já o autorizou",
            "Cada pessoa autoriza uma única vez; falta outra.",
        ),
        Text(
            "Approved by you already",
            "Each person approves once; another one is needed.",
        ),
    ),
    "proposal_pending": (
        Text(
            "Ya hay una propuesta igual en espera",
            "Otra propuesta en espera tiene el mismo contenido o la misma referencia. "
            "Decídala o cancélela primero.",
        ),
        Text(
            "Já há uma proposta igual em espera",
            "Outra proposta em espera tem o mesmo conteúdo ou a mesma referência. "
            "Decida-a ou cancele-a primeiro.",
        ),
        Text(
            "The same waits already",
            "Another open proposal has the same content or the same reference. Decide or "
            "cancel it first.",
        ),
    ),
    "proposals_full": (
        Text(
            "Demasiadas propuestas en espera",
            "Decida o cancele algunas antes de proponer más.",
        ),
        Text(
            "Propostas demais em espera",
            "Decida ou cancele algumas antes de propor mais.",
        ),
        Text(
            "Too many proposals wait",
            "Decide or cancel some before proposing more.",
        ),
    ),
    "proposal_declined": (
        Text(
            "La propuesta fue rechazada",
            "Quien debía autorizar o aceptar dijo que no. Su id no se puede usar otra vez.",
        ),
        Text(
            "A proposta foi recusada",
            "Quem devia autorizar ou aceitar disse que não. Seu id não pode ser usado "
            "outra vez.",
        ),
        Text(
            "The proposal was declined",
            "Whoever had to approve or accept it said no. Its id cannot be used again.",
        ),
    ),
    "proposal_cancelled": (
        Text(
            "La propuesta fue cancelada",
            "La canceló quien la hizo. Su id no se puede usar otra vez.",
        ),
        Text(
            "A proposta foi cancelada",
            "Foi cancelada por quem a fez. Seu id não pode ser usado outra vez.",
        ),
        Text(
            "The proposal was cancelled",
            "Whoever made it took it back. Its id cannot be used again.",
        ),
    ),
    "proposal_expired": (
        Text(
            "La propuesta venció",
            "Nadie la decidió a tiempo. Su id no se puede usar otra vez.",
        ),
        Text(
            "A proposta venceu",
            "Ninguém a decidiu a tempo. Seu id não pode ser usado outra vez.",
        ),
        Text(
            "The proposal expired",
            "Nobody decided it in time. Its id cannot be used again.",
        ),
    ),
    "approval_needed": (
        Text(
            "Necesita autorización",
            "Una regla pide que otra persona lo autorice; al enviarlo queda en espera.",
        ),
        Text(
            "Precisa de autorização",
            "Uma regra pede que outra pessoa o autorize; ao ser enviado, fica em espera.",
        ),
        Text(
            "It needs approval",
            "A rule wants somebody else to approve it; once sent, it waits.",
        ),
    ),
    "dispute_open": (
        Text(
            "Ya hay una aclaración abierta",
            "Ese movimiento ya está en aclaración; ciérrela antes de abrir otra.",
        ),
        Text(
            "Já há uma contestação aberta",
            "Esse movimento já está em contestação; encerre-a antes de abrir outra.",
        ),
        Text(
            "A dispute is open",
            "That transfer is in dispute already; end that before opening another.",
        ),
    ),
    "dispute_not_open": (
        Text(
            "No hay aclaración abierta",
            "Ese movimiento no está en aclaración.",
        ),
        Text(
            "Não há contestação aberta",
            "Esse movimento não está em contestação.",
        ),
        Text(
            "No dispute is open",
            "That transfer is not in dispute.",
        ),
    ),
    "levy_not_found": (
        Text("No existe ese cobro", "El libro no tiene un cobro con ese código."),
        Text("Essa cobrança não existe", "O livro não tem uma cobrança com esse código."),
        Text("No such levy", "The ledger has no levy with that code."),
    ),
    "rate_above_one": (
        Text("La tasa pasa de uno", "Un cobro no puede ser más que el importe que lo causa."),
        Text("A taxa passa de um", "Uma cobrança não pode ser mais que o valor que a causa."),
        Text("The rate is above one", "A levy cannot be more than the amount it is taken of."),
    ),
    "schedule_not_found": (
        Text("No existe ese movimiento programado", "El libro no tiene uno con ese código."),
        Text("Esse lançamento programado não existe", "O livro não tem um com esse código."),
        Text("No such schedule", "The ledger has no scheduled transfer with that code."),
    ),
    "schedule_empty": (
        Text("No le queda ninguna fecha", "La regla no da ninguna fecha de hoy en adelante."),
        Text("Não lhe resta nenhuma data", "A regra não dá nenhuma data de hoje em diante."),
        Text("It has no date", "The rule gives no date from today on."),
    ),
    "occurrence_not_due": (
        Text(
            "Esa fecha no se espera",
            "El programa ya no espera esa fecha: se hizo, se canceló o cambió.",
        ),
        Text(
            "Essa data não é esperada",
            "O programa já não espera essa data: foi feita, cancelada ou alterada.",
        ),
        Text(
            "That date is not awaited",
            "The schedule awaits that date no more: it was done, cancelled or changed.",
        ),
    ),
    "holidays_not_of_year": (
        Text("Hay días de otro año", "Los días inhábiles deben ser todos del año que se fija."),
        Text("Há dias de outro ano", "Os feriados devem ser todos do ano que se define."),
        Text("Days of another year", "All holidays must be of the year that is set."),
    ),
    "too_many_levies": (
        Text(
            "Son demasiados cobros", "Un mismo tipo de movimiento paga a lo más siete cobros."
        ),
        Text(
            "São cobranças demais", "Um mesmo tipo de movimento paga no máximo sete cobranças."
        ),
        Text("Too many levies", "Transfers of one kind pay seven levies at most."),
    ),
    "demurrage_not_found": (
        Text("La moneda no tiene oxidación", "No hay una oxidación vigente de esa moneda."),
        Text("A moeda não tem oxidação", "Não há oxidação vigente dessa moeda."),
        Text("No demurrage", "The currency has no demurrage in force."),
    ),
    "demurrage_account_differs": (
        Text(
            "Otra cuenta recauda la oxidación",
            "La oxidación de una moneda la recauda siempre la misma cuenta.",
            "La oxidación de {currency} la recauda siempre la cuenta {account}.",
        ),
        Text(
            "Outra conta arrecada a oxidação",
            "A oxidação de uma moeda é arrecadada sempre pela mesma conta.",
            "A oxidação de {currency} é arrecadada sempre pela conta {account}.",
        ),
        Text(
            "Another account collects the demurrage",
            "The demurrage of a currency is always collected by the same account.",
            "The demurrage of {currency} is always collected by the account {account}.",
        ),
    ),
    "fee_not_found": (
        Text("No existe esa cuota", "El libro no tiene una cuota con ese código."),
        Text("Essa cota não existe", "O livro não tem uma cota com esse código."),
        Text("No such fee", "The ledger has no fee with that code."),
    ),
    "reserve_not_found": (
        Text("La moneda no tiene reserva", "No hay una reserva fijada para esa moneda."),
        Text("A moeda não tem reserva", "Não há reserva fixada para essa moeda."),
        Text("No reserve", "No reserve is set for that currency."),
    ),
    "currency_not_backed": (
        Text(
            "La moneda no es de las respaldadas",
            "Sólo una moneda de clase backed tiene cuenta emisora y reserva.",
        ),
        Text(
            "A moeda não é lastreada",
            "Só uma moeda da classe backed tem conta emissora e reserva.",
        ),
        Text(
            "The currency is not backed",
            "Only a currency of the kind backed has an issuing account and a reserve.",
        ),
    ),
    "no_such_period": (
        Text(
            "Ningún periodo termina ese día",
            "La regla no tiene un periodo entero que termine ese día.",
        ),
        Text(
            "Nenhum período termina nesse dia",
            "A regra não tem um período inteiro que termine nesse dia.",
        ),
        Text("No period ends that day", "The rule has no whole period that ends on that day."),
    ),
    "period_not_begun": (
        Text("El periodo no ha empezado", "El periodo empieza después de hoy."),
        Text("O período não começou", "O período começa depois de hoje."),
        Text("The period has not begun", "The period begins after today."),
    ),
    "period_not_over": (
        Text(
            "El periodo no ha terminado",
            "El periodo no ha terminado, o no están cerrados todos sus días.",
        ),
        Text(
            "O período não terminou",
            "O período não terminou, ou nem todos os seus dias estão fechados.",
        ),
        Text(
            "The period is not over",
            "The period is not over, or not all of its days are closed.",
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
    "days_kept_by_clock": (
        Text("Los días los abre el reloj", "En este libro los días se abren por sí solos."),
        Text("Os dias são abertos pelo relógio", "Neste livro os dias se abrem sozinhos."),
        Text("The clock opens the days", "In this ledger days open by themselves."),
    ),
    "day_not_new": (
        Text(
            "Ese día ya pasó",
            "Ese día, o uno posterior, ya se abrió o se cerró; abra uno que siga.",
        ),
        Text(
            "Esse dia já passou",
            "Esse dia, ou um posterior, já foi aberto ou fechado; abra um que venha depois.",
        ),
        Text(
            "That day is past",
            "That day, or a later one, was opened or closed before; open one that follows.",
        ),
    ),
    "day_too_early": (
        Text(
            "Ese día aún no llega",
            "No se cierra un día que no ha empezado, ni se abre uno para el que falta más de "
            "un mes.",
        ),
        Text(
            "Esse dia ainda não chegou",
            "Não se fecha um dia que não começou, nem se abre um para o qual falta mais de um "
            "mês.",
        ),
        Text(
            "That day is still to come",
            "A day is not closed before it has begun, nor opened more than a month ahead.",
        ),
    ),
    "day_not_open": (
        Text("Ese día no está abierto", "Sólo se cierra un día que está abierto."),
        Text("Esse dia não está aberto", "Só se fecha um dia que está aberto."),
        Text("That day is not open", "Only a day that is open can be closed."),
    ),
    "day_before_is_open": (
        Text(
            "Hay un día anterior abierto",
            "Los días se cierran en orden, y un periodo cuando todos los suyos están cerrados.",
        ),
        Text(
            "Há um dia anterior aberto",
            "Os dias se fecham em ordem, e um período quando todos os seus estão fechados.",
        ),
        Text(
            "A day before it is open",
            "Days are closed in order, and a period when all of its days are.",
        ),
    ),
    "day_totals_differ": (
        Text(
            "Los totales del día no coinciden",
            "Los totales dados no son los que tiene el día.",
        ),
        Text(
            "Os totais do dia não coincidem",
            "Os totais dados não são os que o dia tem.",
        ),
        Text(
            "The day's totals differ",
            "The totals given are not those that the day has.",
        ),
    ),
    "period_not_marked_so": (
        Text(
            "El periodo no está en ese paso",
            "Un periodo se cierra primero de forma preliminar; sólo entonces se reabre o se "
            "cierra en definitiva.",
        ),
        Text(
            "O período não está nesse passo",
            "Um período se fecha primeiro de forma preliminar; só então se reabre ou se fecha "
            "em definitivo.",
        ),
        Text(
            "The period is not at that step",
            "A period is closed preliminarily first; only then it is reopened, or made final.",
        ),
    ),
    "period_final": (
        Text("El periodo está cerrado en definitiva", "Un cierre definitivo no se deshace."),
        Text("O período está fechado em definitivo", "Um fechamento definitivo não se desfaz."),
        Text("The period is final", "What was closed for ever is not opened again."),
    ),
    # ---- refusals: a batch as a whole
    "id_used_by_another_batch": (
        Text(
            "Ese identificador ya se usó",
            "Otra operación con otro contenido ya usó este id. Nada se registró; si es una "
            "operación nueva, envíela con un id nuevo.",
        ),
        Text(
            "Esse identificador já foi usado",
            "Outra operação com outro conteúdo já usou este id. Nada foi registrado; se é uma "
            "operação nova, envie-a com um id novo.",
        ),
        Text(
            "That id was used before",
            "Another request with other content has used this id. Nothing was recorded; if "
            "this is a new one, send it with a new id.",
        ),
    ),
    "batch_expired": (
        Text("El lote venció", "El lote llegó después de la hora hasta la que valía."),
        Text("O lote venceu", "O lote chegou depois da hora até a qual valia."),
        Text("The batch expired", "The batch came after the time until which it was valid."),
    ),
    "currency_not_found": (
        Text("No existe esa moneda", "El libro no tiene esa moneda."),
        Text("Essa moeda não existe", "O livro não tem essa moeda."),
        Text("No such currency", "The ledger does not have that currency."),
    ),
    "currency_must_match_accounts": (
        Text(
            "La moneda no es la de la cuenta",
            "La moneda indicada no es la de la cuenta.",
            "La moneda indicada no es la de la cuenta {account}, que se lleva en {currency}.",
        ),
        Text(
            "A moeda não é a da conta",
            "A moeda indicada não é a da conta.",
            "A moeda indicada não é a da conta {account}, mantida em {currency}.",
        ),
        Text(
            "The currency is not the account's",
            "The currency given is not the account's.",
            "The currency given is not that of account {account}, which is kept in {currency}.",
        ),
    ),
    "no_day_open": (
        Text(
            "No hay ningún día abierto",
            "En este libro los días se abren por orden del operador, y ninguno está abierto.",
        ),
        Text(
            "Não há nenhum dia aberto",
            "Neste livro os dias são abertos pelo operador, e nenhum está aberto.",
        ),
        Text(
            "No day is open",
            "In this ledger the operator opens the days, and none is open.",
        ),
    ),
    # ---- refusals: a transfer
    "debit_account_not_found": (
        Text("No existe la cuenta de cargo", "El libro no tiene la cuenta que se carga."),
        Text("A conta de débito não existe", "O livro não tem a conta debitada."),
        Text("No such debit account", "The ledger does not have the account to be debited."),
    ),
    "credit_account_not_found": (
        Text("No existe la cuenta de abono", "El libro no tiene la cuenta que se abona."),
        Text("A conta de crédito não existe", "O livro não tem a conta creditada."),
        Text("No such credit account", "The ledger does not have the account to be credited."),
    ),
    "control_sums_differ": (
        Text(
            "Los totales no coinciden",
            "La suma de los movimientos no es la declarada; revise si falta o sobra alguno.",
        ),
        Text(
            "Os totais não coincidem",
            "A soma dos movimentos não é a declarada; veja se falta ou sobra algum.",
        ),
        Text(
            "The totals differ",
            "The transfers do not add up to the declared sums; see whether one is missing.",
        ),
    ),
    "accounts_must_differ": (
        Text("Las dos cuentas son la misma", "Una cuenta no puede transferirse a sí misma."),
        Text("As duas contas são a mesma", "Uma conta não pode transferir para si mesma."),
        Text("Both accounts are the same", "An account cannot make a transfer to itself."),
    ),
    "accounts_of_different_currencies": (
        Text(
            "Las cuentas son de monedas distintas",
            "Un movimiento va entre dos cuentas de la misma moneda.",
        ),
        Text(
            "As contas são de moedas diferentes",
            "Um movimento vai entre duas contas da mesma moeda.",
        ),
        Text(
            "The accounts are of different currencies",
            "A transfer goes between two accounts of one currency.",
        ),
    ),
    "reference_used": (
        Text(
            "Esa referencia ya se usó",
            "Este libro admite cada referencia una sola vez por origen, y ya está registrada.",
        ),
        Text(
            "Essa referência já foi usada",
            "Este livro aceita cada referência uma só vez por origem, e ela já está "
            "registrada.",
        ),
        Text(
            "That reference was used before",
            "This ledger takes each reference once per source, and it is recorded already.",
        ),
    ),
    "business_date_not_open": (
        Text(
            "Ese día no está abierto",
            "La fecha contable no está abierta: aún no llega, o ya se cerró.",
        ),
        Text(
            "Esse dia não está aberto",
            "A data contábil não está aberta: ainda não chegou, ou já foi fechada.",
        ),
        Text(
            "That day is not open",
            "The business date is not open: it is still to come, or closed already.",
        ),
    ),
    "value_date_too_early": (
        Text(
            "La fecha valor es muy anterior",
            "La fecha valor es anterior a la fecha contable por más días de los que admite el "
            "libro.",
        ),
        Text(
            "A data valor é muito anterior",
            "A data valor é anterior à data contábil por mais dias do que o livro admite.",
        ),
        Text(
            "The value date is too early",
            "The value date is more days before the business date than the ledger allows.",
        ),
    ),
    "terms_account_not_usable": (
        Text(
            "Esa cuenta no puede suplir a la otra",
            "La cuenta de rest o suspense debe existir, ser de la misma moneda y no ser la de "
            "cargo ni la de abono.",
            "La cuenta {account} no puede suplir a la otra: debe ser de la misma moneda y no "
            "ser la de cargo ni la de abono.",
        ),
        Text(
            "Essa conta não pode substituir a outra",
            "A conta de rest ou suspense deve existir, ser da mesma moeda e não ser a de "
            "débito nem a de crédito.",
            "A conta {account} não pode substituir a outra: deve ser da mesma moeda e não ser "
            "a de débito nem a de crédito.",
        ),
        Text(
            "That account cannot stand in",
            "The account of rest or suspense must exist, be of the same currency and be "
            "neither the one debited nor the one credited.",
            "Account {account} cannot stand in: it must be of the same currency and be neither "
            "the one debited nor the one credited.",
        ),
    ),
    "hold_not_open": (
        Text(
            "Esa retención no está vigente",
            "Ese folio no es de una retención, o ya se aplicó, se liberó o venció.",
        ),
        Text(
            "Essa retenção não está em aberto",
            "Esse número não é de uma retenção, ou ela já foi efetivada, liberada ou venceu.",
        ),
        Text(
            "That hold is not open",
            "That sequence is no hold's, or the hold was posted, voided or has expired.",
        ),
    ),
    "hold_expired": (
        Text(
            "La retención venció",
            "La hora de la retención ya pasó; el importe vuelve a estar disponible.",
        ),
        Text(
            "A retenção venceu",
            "A hora da retenção já passou; o valor volta a ficar disponível.",
        ),
        Text(
            "The hold has expired",
            "The time of the hold is up; its amount is available again.",
        ),
    ),
    "target_not_found": (
        Text("No existe ese movimiento", "El libro no tiene el folio que se quiere reversar."),
        Text("Esse movimento não existe", "O livro não tem o número que se quer estornar."),
        Text("No such transfer", "The ledger does not have the transfer to be reversed."),
    ),
    "target_not_reversible": (
        Text(
            "Ese movimiento no se reversa",
            "Una retención se libera y una partida en la cuenta puente se depura; un reverso "
            "no se reversa: registre un movimiento nuevo.",
        ),
        Text(
            "Esse movimento não se estorna",
            "Uma retenção se libera e uma partida na conta transitória se regulariza; um "
            "estorno não se estorna: registre um movimento novo.",
        ),
        Text(
            "That transfer is not reversed",
            "A hold is voided and an item in suspense is cleared; a reversal is not reversed: "
            "post a new transfer.",
        ),
    ),
    "target_not_in_suspense": (
        Text(
            "Esa partida no está en una cuenta puente",
            "Ese folio no pasó a una cuenta puente, o ya se depuró por completo.",
        ),
        Text(
            "Essa partida não está em conta transitória",
            "Esse número não passou a uma conta transitória, ou já foi todo regularizado.",
        ),
        Text(
            "That is not in suspense",
            "That transfer did not go to a suspense account, or it is cleared already.",
        ),
    ),
    "target_differs": (
        Text(
            "No coincide con el movimiento original",
            "Las cuentas o el importe no corresponden al movimiento al que se refiere.",
            "El importe no es el de la retención, que fue de {available} {currency}.",
        ),
        Text(
            "Não coincide com o movimento original",
            "As contas ou o valor não correspondem ao movimento a que se refere.",
            "O valor não é o da retenção, que foi de {available} {currency}.",
        ),
        Text(
            "It differs from the transfer it names",
            "Accounts or amount are not those of the transfer that it is about.",
            "The amount is not the hold's, which was {available} {currency}.",
        ),
    ),
    "exceeds_target": (
        Text(
            "Es más de lo que queda",
            "El importe pasa de lo que queda del movimiento al que se refiere.",
            "El importe pasa de lo que queda del movimiento al que se refiere: quedan "
            "{available} {currency}.",
        ),
        Text(
            "É mais do que resta",
            "O valor passa do que resta do movimento a que se refere.",
            "O valor passa do que resta do movimento a que se refere: restam {available} "
            "{currency}.",
        ),
        Text(
            "It is more than is left",
            "The amount is more than is left of the transfer it is about.",
            "The amount is more than is left of the transfer it is about: {available} "
            "{currency} would be accepted.",
        ),
    ),
    "rate_differs": (
        Text(
            "El importe no sale del tipo de cambio",
            "El importe no es el del movimiento anterior al tipo de cambio dado, redondeado "
            "hacia abajo.",
            "Al tipo de cambio dado, redondeando hacia abajo, son {available} {currency}.",
        ),
        Text(
            "O valor não sai da taxa de câmbio",
            "O valor não é o do movimento anterior à taxa dada, arredondado para baixo.",
            "À taxa de câmbio dada, arredondando para baixo, são {available} {currency}.",
        ),
        Text(
            "The amount is not at the rate",
            "The amount is not that of the transfer before it at the rate given, rounded down.",
            "At the rate given, rounded down, it is {available} {currency}.",
        ),
    ),
    "debit_account_closed": (
        Text(
            "La cuenta de cargo está cerrada",
            "La cuenta que se carga está cerrada.",
            "La cuenta {account}, que se carga, está cerrada.",
        ),
        Text(
            "A conta de débito está fechada",
            "A conta debitada está fechada.",
            "A conta {account}, debitada, está fechada.",
        ),
        Text(
            "The debit account is closed",
            "The account to be debited is closed.",
            "Account {account}, to be debited, is closed.",
        ),
    ),
    "credit_account_closed": (
        Text(
            "La cuenta de abono está cerrada",
            "La cuenta que se abona está cerrada.",
            "La cuenta {account}, que se abona, está cerrada.",
        ),
        Text(
            "A conta de crédito está fechada",
            "A conta creditada está fechada.",
            "A conta {account}, creditada, está fechada.",
        ),
        Text(
            "The credit account is closed",
            "The account to be credited is closed.",
            "Account {account}, to be credited, is closed.",
        ),
    ),
    "debit_account_frozen": (
        Text(
            "La cuenta de cargo está congelada",
            "La cuenta que se carga está congelada y no admite cargos hasta que el operador la "
            "libere.",
            "La cuenta {account} está congelada y no admite cargos hasta que el operador la "
            "libere.",
        ),
        Text(
            "A conta de débito está bloqueada",
            "A conta debitada está bloqueada e não aceita débitos até que o operador a libere.",
            "A conta {account} está bloqueada e não aceita débitos até que o operador a "
            "libere.",
        ),
        Text(
            "The debit account is frozen",
            "The account to be debited is frozen: no debits until the operator releases it.",
            "Account {account} is frozen: no debits until the operator releases it.",
        ),
    ),
    "credit_account_frozen": (
        Text(
            "La cuenta de abono está congelada",
            "La cuenta que se abona está congelada y no admite abonos hasta que el operador la "
            "libere.",
            "La cuenta {account} está congelada y no admite abonos hasta que el operador la "
            "libere.",
        ),
        Text(
            "A conta de crédito está bloqueada",
            "A conta creditada está bloqueada e não aceita créditos até que o operador a "
            "libere.",
            "A conta {account} está bloqueada e não aceita créditos até que o operador a "
            "libere.",
        ),
        Text(
            "The credit account is frozen",
            "The account to be credited is frozen: no credits until the operator releases it.",
            "Account {account} is frozen: no credits until the operator releases it.",
        ),
    ),
    "exceeds_credit_limit": (
        Text(
            "No alcanza el saldo ni el límite",
            "El cargo pasa del límite de la cuenta.",
            "El cargo pasa del límite de la cuenta {account}: alcanza para {available} "
            "{currency}.",
        ),
        Text(
            "O saldo e o limite não bastam",
            "O débito passa do limite da conta.",
            "O débito passa do limite da conta {account}: há {available} {currency}.",
        ),
        Text(
            "Balance and limit are not enough",
            "The debit passes the account's limit.",
            "The debit passes the limit of account {account}: {available} {currency} would "
            "be accepted.",
        ),
    ),
    "exceeds_balance_limit": (
        Text(
            "La cuenta de abono llegaría a más de su tope",
            "El abono pasa del tope de la cuenta.",
            "El abono pasa del tope de la cuenta {account}: todavía caben {available} "
            "{currency}.",
        ),
        Text(
            "A conta de crédito passaria do seu teto",
            "O crédito passa do teto da conta.",
            "O crédito passa do teto da conta {account}: ainda cabem {available} {currency}.",
        ),
        Text(
            "The credit account would pass its limit",
            "The credit passes the account's upper limit.",
            "The credit passes the upper limit of account {account}: {available} {currency} "
            "would be accepted.",
        ),
    ),
    "exceeds_reserve": (
        Text(
            "La reserva no alcanza",
            "La circulación pasaría de lo que la reserva respalda.",
            "La circulación pasaría de lo que la reserva respalda: alcanza para {available} "
            "{currency}.",
        ),
        Text(
            "A reserva não alcança",
            "A circulação passaria do que a reserva lastreia.",
            "A circulação passaria do que a reserva lastreia: dá para {available} {currency}.",
        ),
        Text(
            "The reserve does not reach",
            "The circulation would be above what the reserve backs.",
            "The circulation would be above what the reserve backs: {available} {currency} "
            "would be accepted.",
        ),
    ),
    "exceeds_payment_limit": (
        Text(
            "El pago pasa de lo que se puede pagar",
            "El cargo pasa de un límite de pagos de la cuenta.",
            "El cargo pasa de un límite de pagos de la cuenta {account}: todavía puede pagar "
            "{available} {currency}.",
        ),
        Text(
            "O pagamento passa do que se pode pagar",
            "O débito passa de um limite de pagamentos da conta.",
            "O débito passa de um limite de pagamentos da conta {account}: ainda pode pagar "
            "{available} {currency}.",
        ),
        Text(
            "The payment passes a payment limit",
            "The debit passes a payment limit of the account.",
            "The debit passes a payment limit of account {account}: {available} {currency} "
            "would be accepted.",
        ),
    ),
    "entry_refused": (
        Text(
            "La póliza se rechazó",
            "Otro movimiento de la misma póliza se rechazó, y van todos o ninguno.",
        ),
        Text(
            "O lançamento foi recusado",
            "Outro movimento do mesmo lançamento foi recusado, e vão todos ou nenhum.",
        ),
        Text(
            "The entry was refused",
            "Another transfer of the same entry was refused, and they stand or fall together.",
        ),
    ),
    # ---- requests that cannot be read
    "malformed_http": (
        Text("No es una petición HTTP", "Lo que llegó no se puede leer como petición HTTP."),
        Text("Não é um pedido HTTP", "O que chegou não pode ser lido como pedido HTTP."),
        Text("Not an HTTP request", "What arrived cannot be read as an HTTP request."),
    ),
    "headers_too_large": (
        Text("Cabeceras demasiado grandes", "Las cabeceras de la petición son muy grandes."),
        Text("Cabeçalhos grandes demais", "Os cabeçalhos do pedido são grandes demais."),
        Text("Headers too large", "The headers of the request are too large."),
    ),
    "expectation_failed": (
        Text("No se cumple Expect", "La cabecera Expect pide algo que aquí no se ofrece."),
        Text("Expect não atendido", "O cabeçalho Expect pede algo que aqui não se oferece."),
        Text("Expectation failed", "The Expect header asks for what is not offered here."),
    ),
    "malformed_json": (
        Text("No es JSON", "El cuerpo no es JSON válido en UTF-8; nada se registró."),
        Text("Não é JSON", "O corpo não é JSON válido em UTF-8; nada foi registrado."),
        Text("Not JSON", "The body is not valid JSON in UTF-8; nothing was recorded."),
    ),
    "duplicate_field": (
        Text(
            "Un campo viene dos veces",
            "Un campo viene dos veces en el mismo objeto, y no se sabe cuál vale.",
            "El campo {field} viene dos veces en el mismo objeto, y no se sabe cuál vale.",
        ),
        Text(
            "Um campo vem duas vezes",
            "Um campo vem duas vezes no mesmo objeto, e não se sabe qual vale.",
            "O campo {field} vem duas vezes no mesmo objeto, e não se sabe qual vale.",
        ),
        Text(
            "A field comes twice",
            "A field comes twice in one object, and it is not clear which one counts.",
            "The field {field} comes twice in one object, and it is not clear which counts.",
        ),
    ),
    "malformed_request": (
        Text(
            "A la petición le falta o le sobra algo",
            "La petición no tiene la forma que se espera; nada se registró.",
            "No se puede leer {field}: falta, sobra o no tiene la forma debida. Nada se "
            "registró.",
        ),
        Text(
            "Falta ou sobra algo no pedido",
            "O pedido não tem a forma esperada; nada foi registrado.",
            "Não se pode ler {field}: falta, sobra ou não tem a forma devida. Nada foi "
            "registrado.",
        ),
        Text(
            "Something is missing, or too much",
            "The request has not the form that is expected; nothing was recorded.",
            "{field} cannot be read: it is missing, unknown or of another form. Nothing was "
            "recorded.",
        ),
    ),
    "malformed_amount": (
        Text(
            "El importe no se puede leer",
            "Un importe se escribe con cifras y punto, mayor que cero y sin más decimales que "
            "los de su moneda.",
        ),
        Text(
            "O valor não pode ser lido",
            "Um valor se escreve com algarismos e ponto, maior que zero e sem mais decimais "
            "que os da sua moeda.",
        ),
        Text(
            "The amount cannot be read",
            "An amount is digits with a point, above zero, and with no more decimals than its "
            "currency has.",
        ),
    ),
    "unsupported_media_type": (
        Text(
            "El cuerpo debe ser JSON", "Envíe el cuerpo como application/json, sin comprimir."
        ),
        Text("O corpo deve ser JSON", "Envie o corpo como application/json, sem compressão."),
        Text("The body must be JSON", "Send the body as application/json, not compressed."),
    ),
    "content_too_large": (
        Text(
            "La petición es demasiado grande",
            "El cuerpo es más grande de lo que se acepta; repártalo en varias peticiones.",
            "El cuerpo pasa de {limit} bytes; repártalo en varias peticiones.",
        ),
        Text(
            "O pedido é grande demais",
            "O corpo é maior do que se aceita; reparta-o em vários pedidos.",
            "O corpo passa de {limit} bytes; reparta-o em vários pedidos.",
        ),
        Text(
            "The request is too large",
            "The body is larger than what is accepted; send it in several requests.",
            "The body passes {limit} bytes; send it in several requests.",
        ),
    ),
    "request_timeout": (
        Text("La petición tardó demasiado", "El cuerpo no terminó de llegar a tiempo."),
        Text("O pedido demorou demais", "O corpo não acabou de chegar a tempo."),
        Text("The request took too long", "The body did not arrive in time."),
    ),
    # ---- who asks, and for what
    "key_missing": (
        Text("Falta la llave", "Envíe su llave en Authorization: Bearer tq_…"),
        Text("Falta a chave", "Envie a sua chave em Authorization: Bearer tq_…"),
        Text("The key is missing", "Send your key as Authorization: Bearer tq_…"),
    ),
    "key_unknown": (
        Text("La llave no abre", "La llave no existe o fue revocada."),
        Text("A chave não abre", "A chave não existe ou foi revogada."),
        Text("The key does not open", "The key does not exist or was revoked."),
    ),
    "role_not_allowed": (
        Text("Su llave no permite esto", "Esta operación pide una llave con otro papel."),
        Text("A sua chave não permite isto", "Esta operação pede uma chave com outro papel."),
        Text("Your key does not allow this", "This needs a key with another role."),
    ),
    "account_not_yours": (
        Text(
            "Esa cuenta no es suya",
            "Su llave no puede cargar ni leer esa cuenta. Nada se registró.",
            "Su llave no puede cargar ni leer la cuenta {account}. Nada se registró.",
        ),
        Text(
            "Essa conta não é sua",
            "A sua chave não pode debitar nem ler essa conta. Nada foi registrado.",
            "A sua chave não pode debitar nem ler a conta {account}. Nada foi registrado.",
        ),
        Text(
            "That account is not yours",
            "Your key may not debit or read that account. Nothing was recorded.",
            "Your key may not debit or read account {account}. Nothing was recorded.",
        ),
    ),
    "route_not_found": (
        Text("No hay nada en esa dirección", "Vea /docs para las direcciones que hay."),
        Text("Não há nada nesse endereço", "Veja /docs para os endereços que existem."),
        Text("Nothing is at that address", "See /docs for the addresses there are."),
    ),
    "method_not_allowed": (
        Text("Esa dirección no admite ese método", "Vea Allow para los métodos que admite."),
        Text("Esse endereço não aceita esse método", "Veja Allow para os que ele aceita."),
        Text("That address does not take that method", "See Allow for those it takes."),
    ),
    "ledger_not_found": (
        Text("No existe ese libro", "No hay un libro con ese código para su llave."),
        Text("Esse livro não existe", "Não há um livro com esse código para a sua chave."),
        Text("No such ledger", "There is no ledger with that code for your key."),
    ),
    "batch_not_found": (
        Text("No existe ese lote", "El libro no tiene un lote con ese id para su llave."),
        Text("Esse lote não existe", "O livro não tem um lote com esse id para a sua chave."),
        Text("No such batch", "The ledger has no batch with that id for your key."),
    ),
    "transfer_not_found": (
        Text("No existe ese movimiento", "El libro no tiene ese folio para su llave."),
        Text("Esse movimento não existe", "O livro não tem esse número para a sua chave."),
        Text("No such transfer", "The ledger has no transfer of that sequence for your key."),
    ),
    "proposal_not_found": (
        Text(
            "No existe esa propuesta",
            "No hay una propuesta en espera con ese id; si ya se decidió, busque el lote "
            "con ese id.",
        ),
        Text(
            "Essa proposta não existe",
            "Não há proposta em espera com esse id; se já foi decidida, procure o lote "
            "com esse id.",
        ),
        Text(
            "No such proposal",
            "No proposal of that id is open; if it was decided, look for the batch of that id.",
        ),
    ),
    "key_not_found": (
        Text("No existe esa llave", "El libro no tiene una llave vigente con ese nombre."),
        Text("Essa chave não existe", "O livro não tem uma chave válida com esse nome."),
        Text("No such key", "The ledger has no working key of that name."),
    ),
    "checkpoint_not_found": (
        Text("Todavía no hay sello", "El diario aún no tiene un punto de control firmado."),
        Text("Ainda não há selo", "O diário ainda não tem um ponto de controle assinado."),
        Text("No checkpoint yet", "The journal has no signed checkpoint yet."),
    ),
    "tile_not_found": (
        Text("No existe esa parte del diario", "El diario firmado aún no llega hasta ahí."),
        Text("Essa parte do diário não existe", "O diário assinado ainda não chega até aí."),
        Text("No such part of the journal", "The signed journal does not reach that far."),
    ),
    # ---- faults: the ledger cannot answer
    "store_unavailable": (
        Text(
            "La base de datos no responde",
            "Envíe la misma petición otra vez: no se duplicará.",
        ),
        Text(
            "O banco de dados não responde",
            "Envie o mesmo pedido outra vez: ele não será duplicado.",
        ),
        Text(
            "The database does not answer",
            "Send the same request again: it will not be doubled.",
        ),
    ),
    "outcome_unknown": (
        Text(
            "No se sabe si quedó registrado",
            "Envíe la misma petición otra vez, con el mismo id: no se duplicará.",
        ),
        Text(
            "Não se sabe se ficou registrado",
            "Envie o mesmo pedido outra vez, com o mesmo id: ele não será duplicado.",
        ),
        Text(
            "Whether it was recorded is not known",
            "Send the same request again, with the same id: it will not be doubled.",
        ),
    ),
    "writer_replaced": (
        Text(
            "Otro proceso lleva ahora el libro",
            "Envíe la misma petición otra vez, al otro proceso: no se duplicará.",
        ),
        Text(
            "Outro processo mantém agora o livro",
            "Envie o mesmo pedido outra vez, ao outro processo: ele não será duplicado.",
        ),
        Text(
            "Another process keeps the ledger now",
            "Send the same request again, to the other process: it will not be doubled.",
        ),
    ),
    "clock_ahead": (
        Text(
            "El reloj del servicio va adelantado",
            "Nada se registró. Avise al operador y envíe la misma petición otra vez: no se "
            "duplicará.",
        ),
        Text(
            "O relógio do serviço está adiantado",
            "Nada foi registrado. Avise o operador e envie o mesmo pedido outra vez: ele não "
            "será duplicado.",
        ),
        Text(
            "The service's clock runs ahead",
            "Nothing was recorded. Tell the operator and send the same request again: it "
            "will not be doubled.",
        ),
    ),
    "signer_stopped": (
        Text(
            "El libro está en sólo lectura",
            "La firma del diario se detuvo hasta que el operador la revise. Envíe después la "
            "misma petición otra vez: no se duplicará.",
        ),
        Text(
            "O livro está só para leitura",
            "A assinatura do diário parou até que o operador a revise. Envie depois o mesmo "
            "pedido outra vez: ele não será duplicado.",
        ),
        Text(
            "The ledger is read-only",
            "The journal's signing stopped until the operator has looked. Send the same "
            "request again later: it will not be doubled.",
        ),
    ),
    "overloaded": (
        Text(
            "Hay demasiado en espera",
            "Espere un momento y envíe la misma petición otra vez: no se duplicará.",
        ),
        Text(
            "Há coisas demais em espera",
            "Espere um momento e envie o mesmo pedido outra vez: ele não será duplicado.",
        ),
        Text(
            "Too much is waiting",
            "Wait a moment and send the same request again: it will not be doubled.",
        ),
    ),
    "not_ready": (
        Text("El servicio aún no está listo", "Está arrancando o se está deteniendo."),
        Text("O serviço ainda não está pronto", "Está iniciando ou parando."),
        Text("The service is not ready", "It is starting or stopping."),
    ),
    "journal_broken": (
        Text(
            "El diario no se sostiene",
            "El libro encontró un error en su propio diario y se detuvo. Avise al operador.",
        ),
        Text(
            "O diário não se sustenta",
            "O livro encontrou um erro no seu próprio diário e parou. Avise o operador.",
        ),
        Text(
            "The journal does not hold",
            "The ledger found a mistake in its own journal and stopped. Tell the operator.",
        ),
    ),
    "internal_error": (
        Text(
            "Error del servicio",
            "El servicio falló. Avise al operador con el número de la petición; si envía la "
            "misma otra vez, no se duplicará.",
        ),
        Text(
            "Erro do serviço",
            "O serviço falhou. Avise o operador com o número do pedido; se enviar o mesmo "
            "outra vez, ele não será duplicado.",
        ),
        Text(
            "The service failed",
            "Tell the operator the number of the request; sent again, it will not be doubled.",
        ),
    ),
}


def title(code: str, language: str) -> str:
    """What happened, in a few words. KeyError for a code that has no text."""
    return TEXTS[code][LANGUAGES.index(language)].title


def sentence(code: str, language: str, **facts: object) -> str:
    """What happened and what can be done, with those facts that are known.

    `line` is the place in the batch counted from 1, as people count.

    >>> sentence("exceeds_credit_limit", "en", account="a", available="5.00", currency="MXN")
    'The debit passes the limit of account a: 5.00 MXN would be accepted.'
    >>> sentence("accounts_must_differ", "en", line=3)
    'An account cannot make a transfer to itself. It is transfer 3 of the batch.'
    """
    text = TEXTS[code][LANGUAGES.index(language)]
    said = text.sentence
    if text.exact:
        try:
            said = text.exact.format_map(facts)
        except KeyError:
            said = text.sentence
    return said + _LINE[language].format_map(facts) if "line" in facts else said
