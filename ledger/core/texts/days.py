"""What is said of business days and months."""

from typing import Final

from ledger.core.texts.text import Text, Texts

TEXTS: Final[dict[str, Texts]] = {
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
    "day_not_due": (
        Text(
            "El reloj aún no cierra ese día",
            "El reloj sólo cierra un día cuando ya terminó y pasó el plazo que fija el libro.",
        ),
        Text(
            "O relógio ainda não fecha esse dia",
            "O relógio só fecha um dia quando ele acabou e passou o prazo fixado pelo livro.",
        ),
        Text(
            "The clock does not close that day yet",
            "The clock closes a day only when it is over, and as long ago as the ledger says.",
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
        Text(
            "El periodo está cerrado en definitiva",
            "Un cierre definitivo no se deshace, ni se reabre un mes anterior a uno "
            "definitivo.",
        ),
        Text(
            "O período está fechado em definitivo",
            "Um fechamento definitivo não se desfaz, nem se reabre um mês anterior a um "
            "definitivo.",
        ),
        Text(
            "The period is final",
            "What was closed for ever is not opened again, nor what a later month that is "
            "final stands on.",
        ),
    ),
    "period_before_is_open": (
        Text(
            "Un periodo anterior no está cerrado en definitiva",
            "Cierre antes en definitiva los meses anteriores que ya se cerraron, y el mes 13 "
            "del año que terminó: sus movimientos cambiarían los saldos con que este abre.",
        ),
        Text(
            "Um período anterior não está fechado em definitivo",
            "Feche antes em definitivo os meses anteriores já fechados, e o mês 13 do ano que "
            "terminou: seus lançamentos mudariam os saldos com que este abre.",
        ),
        Text(
            "An earlier period is not final",
            "First make the earlier months that were closed final, and month 13 of the year "
            "that ended: what is posted for them would change the balances this one opens "
            "with.",
        ),
    ),
}
