"""What is said of batches and their transfers."""

from typing import Final

from ledger.core.texts.text import Text, Texts

TEXTS: Final[dict[str, Texts]] = {
    "holds_not_due": (
        Text("Las retenciones no han vencido", "Alguna retención no ha llegado a su hora."),
        Text("As retenções não venceram", "Alguma retenção ainda não chegou à sua hora."),
        Text("The holds are not due", "The time of one of these holds is not up yet."),
    ),
    # ---- a batch as a whole
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
    "signature_missing": (
        Text(
            "Falta la firma",
            "Este remitente firma sus lotes, y este no viene firmado. Envíelo firmado; nada se "
            "registró.",
        ),
        Text(
            "Falta a assinatura",
            "Este remetente assina seus lotes, e este não vem assinado. Envie-o assinado; nada "
            "foi registrado.",
        ),
        Text(
            "The signature is missing",
            "This poster signs its batches, and this one is not signed. Send it signed; "
            "nothing was recorded.",
        ),
    ),
    "signature_not_accepted": (
        Text(
            "La firma no vale",
            "La firma no es de una llave registrada de este remitente, o no es de este lote. "
            "Nada se registró.",
        ),
        Text(
            "A assinatura não vale",
            "A assinatura não é de uma chave registrada deste remetente, ou não é deste lote. "
            "Nada foi registrado.",
        ),
        Text(
            "The signature is not accepted",
            "The signature is by no registered key of this poster, or over another batch. "
            "Nothing was recorded.",
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
    # ---- a transfer
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
            "no se reversa: registre un movimiento nuevo. Un cobro se reversa con el "
            "movimiento que lo causó, y un cambio de moneda con lo que se compró.",
        ),
        Text(
            "Esse movimento não se estorna",
            "Uma retenção se libera e uma partida na conta transitória se regulariza; um "
            "estorno não se estorna: registre um movimento novo. Uma cobrança se estorna com o "
            "movimento que a causou, e um câmbio com o que se comprou.",
        ),
        Text(
            "That transfer is not reversed",
            "A hold is voided and an item in suspense is cleared; a reversal is not reversed: "
            "post a new transfer. A levy is taken back with the transfer it was on, and an "
            "exchange with what was bought.",
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
    "residue_differs": (
        Text(
            "Falta el residuo del cambio",
            "Lo que no alcanza a comprar nada se registra aparte, en el movimiento que sigue "
            "al del tipo de cambio, en la misma póliza.",
            "De lo entregado, {available} {currency} no compran nada: regréselos desde "
            "{account}, o mándelos a otra cuenta, en el movimiento que sigue al del tipo de "
            "cambio.",
        ),
        Text(
            "Falta o resíduo do câmbio",
            "O que não chega a comprar nada se registra à parte, no movimento que segue ao da "
            "taxa de câmbio, no mesmo lançamento.",
            "Do que foi entregue, {available} {currency} não compram nada: devolva-os a partir "
            "de {account}, ou mande-os a outra conta, no movimento que segue ao da taxa.",
        ),
        Text(
            "The residue of the exchange is missing",
            "What buys nothing is booked by itself, in the transfer after that with the rate, "
            "in the same entry.",
            "Of what is sold {available} {currency} buy nothing: give them back from "
            "{account}, or book them elsewhere, in the transfer after that with the rate.",
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
            "La cuenta que se carga está congelada y no admite cargos hasta que se libere.",
            "La cuenta {account} está congelada y no admite cargos hasta que se libere.",
        ),
        Text(
            "A conta de débito está bloqueada",
            "A conta debitada está bloqueada e não aceita débitos até que seja liberada.",
            "A conta {account} está bloqueada e não aceita débitos até que seja liberada.",
        ),
        Text(
            "The debit account is frozen",
            "The account to be debited is frozen: no debits until it is released.",
            "Account {account} is frozen: no debits until it is released.",
        ),
    ),
    "credit_account_frozen": (
        Text(
            "La cuenta de abono está congelada",
            "La cuenta que se abona está congelada y no admite abonos hasta que se libere.",
            "La cuenta {account} está congelada y no admite abonos hasta que se libere.",
        ),
        Text(
            "A conta de crédito está bloqueada",
            "A conta creditada está bloqueada e não aceita créditos até que seja liberada.",
            "A conta {account} está bloqueada e não aceita créditos até que seja liberada.",
        ),
        Text(
            "The credit account is frozen",
            "The account to be credited is frozen: no credits until it is released.",
            "Account {account} is frozen: no credits until it is released.",
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
}
