"""What is said of rules of approval, workflows, proposals and disputes."""

from typing import Final

from ledger.core.texts.text import Text, Texts

TEXTS: Final[dict[str, Texts]] = {
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
            "Nadie acepta lo que inició; sólo se retiene lo que inicia quien paga; y lo que se "
            "acepta por sí solo, se acepta antes de vencer.",
        ),
        Text(
            "Esse fluxo não é possível",
            "Ninguém aceita o que iniciou; só se retém o que inicia quem paga; e o que se "
            "aceita por si só, aceita-se antes de vencer.",
        ),
        Text(
            "That workflow is not possible",
            "Nobody accepts what they started, only what a payer starts is held, and what is "
            "accepted by itself is so before it expires.",
        ),
    ),
    "workflow_in_use": (
        Text(
            "Ese flujo está en uso",
            "Un movimiento programado va por ese flujo: no se quita, ni lo inicia otra parte.",
        ),
        Text(
            "Esse fluxo está em uso",
            "Um lançamento programado o segue: não se remove, nem o inicia outra parte.",
        ),
        Text(
            "That workflow is in use",
            "A scheduled transfer goes by it: it cannot end, or be started by another side.",
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
            "Una regla pide que otra persona autorice lo que se traspasaría. Traspase primero "
            "el saldo con un movimiento, que espera autorización, y cierre la cuenta en cero.",
        ),
        Text(
            "Precisa de autorização",
            "Uma regra pede que outra pessoa autorize o que seria transferido. Transfira antes "
            "o saldo com um lançamento, que espera a autorização, e encerre a conta em zero.",
        ),
        Text(
            "It needs approval",
            "A rule wants somebody else to approve what would be moved. Move the balance with "
            "a transfer first, which waits for that, and close the account at zero.",
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
    "dispute_not_due": (
        Text(
            "La aclaración aún está en plazo",
            "El día para cerrar esa aclaración no ha pasado, o ya consta que pasó.",
        ),
        Text(
            "A contestação ainda está no prazo",
            "O dia para encerrar essa contestação não passou, ou já consta que passou.",
        ),
        Text(
            "The dispute is not overdue",
            "The day by which that dispute should end is not over, or it is said already.",
        ),
    ),
}
