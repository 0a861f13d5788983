"""What is said of levies, schedules, demurrage, fees and reserves."""

from typing import Final

from ledger.core.texts.text import Text, Texts

TEXTS: Final[dict[str, Texts]] = {
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
    "schedule_code_used": (
        Text(
            "Ese código ya es de otro movimiento programado",
            "Tu clave no puede cambiar el que hay. Usa otro código.",
        ),
        Text(
            "Esse código já é de outro lançamento programado",
            "Sua chave não pode mudar o que existe. Use outro código.",
        ),
        Text(
            "Another scheduled transfer has that code",
            "Your key may not change the one that is there. Choose another code.",
        ),
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
}
