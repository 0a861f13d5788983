"""What is said of requests that cannot be taken, and of faults."""

from typing import Final

from ledger.core.texts.text import Text, Texts

# What is wrong with a field, in the order of LANGUAGES.
MISTAKES: Final[dict[str, tuple[str, str, str]]] = {
    "missing": ("falta", "falta", "it is missing"),
    "unknown": ("no se conoce ese campo", "campo desconhecido", "no such field is known"),
    "malformed": (
        "no tiene la forma debida",
        "não tem a forma devida",
        "it is of another form",
    ),
    "word": (
        "son hasta 32 minúsculas sin acento, cifras y _, sin espacios: acta_consejo",
        "são até 32 minúsculas sem acento, algarismos e _, sem espaços: ata_conselho",
        "it is at most 32 lower-case letters, digits and _, without spaces: board_decision",
    ),
    "day": (
        "un día se escribe como 2026-11-24",
        "um dia se escreve como 2026-11-24",
        "a day is written as 2026-11-24",
    ),
    "moment": (
        "un momento se escribe como 2026-11-24T18:00:00-06:00",
        "um momento se escreve como 2026-11-24T18:00:00-03:00",
        "a moment is written as 2026-11-24T18:00:00-06:00",
    ),
}

TEXTS: Final[dict[str, Texts]] = {
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
    "cancel_instead": (
        Text(
            "Es su propia propuesta",
            "Rechaza quien habría de aceptarla; lo que usted propuso, cancélelo.",
        ),
        Text(
            "É a sua própria proposta",
            "Recusa quem a aceitaria; o que você propôs, cancele.",
        ),
        Text(
            "It is your own proposal",
            "Whoever would accept it declines it; what you proposed yourself, cancel.",
        ),
    ),
    "malformed_request": (
        Text(
            "A la petición le falta o le sobra algo",
            "La petición no tiene la forma que se espera; nada se registró.",
            "No se puede leer {field}: {mistake}. Nada se registró.",
        ),
        Text(
            "Falta ou sobra algo no pedido",
            "O pedido não tem a forma esperada; nada foi registrado.",
            "Não se pode ler {field}: {mistake}. Nada foi registrado.",
        ),
        Text(
            "Something is missing, or too much",
            "The request has not the form that is expected; nothing was recorded.",
            "{field} cannot be read: {mistake}. Nothing was recorded.",
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
    "poster_key_used": (
        Text(
            "Esa llave ya se usó",
            "Esa llave de firma ya fue de un remitente y no puede volver a registrarse. Haga "
            "una llave nueva.",
        ),
        Text(
            "Essa chave já foi usada",
            "Essa chave de assinatura já foi de um remetente e não pode ser registrada de "
            "novo. Faça uma chave nova.",
        ),
        Text(
            "That key was used before",
            "That signing key was a poster's before and cannot be registered again. Make a new "
            "key.",
        ),
    ),
    "poster_key_not_found": (
        Text("No existe esa llave", "El remitente no ha registrado esa llave de firma."),
        Text("Essa chave não existe", "O remetente não registrou essa chave de assinatura."),
        Text("No such key", "The poster has no such signing key registered."),
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
