"""The acta de cierre: what a business day was closed with, as a page to print and sign.

Plain text in the reader's language, no wider than a sheet. All of it comes from the line in
the journal and the checkpoint that covers it, so anybody can hold the page to an export.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from textwrap import wrap
from typing import Any, Final, NamedTuple

from ledger.cli.words import language, money, zone_named
from ledger.core.amounts import parse_total, show_amount

WIDTH: Final = 78


class Words(NamedTuple):
    """What stands on the page, in one language."""

    title: str
    ledger: str
    day: str
    closed: str
    by: str
    clock: tuple[str, str]
    transfers: str
    columns: tuple[str, str, str, str, str]
    total: str
    none: str
    cut: str
    late: str
    late_leaves: str
    hash: str
    leaf: str
    leaf_hash: str
    checkpoint: str
    size: str
    root: str
    printed: str
    check: str
    signed: tuple[str, str]


_WORDS: Final[Mapping[str, Words]] = {
    "es": Words(
        title="ACTA DE CIERRE DEL DÍA",
        ledger="Libro",
        day="Día contable",
        closed="Cerrado el",
        by="Por la llave",
        clock=("Por", "el reloj del libro"),
        transfers="Movimientos",
        columns=("moneda", "tipo", "origen", "número", "importe"),
        total="total",
        none="Sin movimientos.",
        cut="Aquí aparecen los primeros {shown} totales; el resumen los cubre todos.",
        late="DESPUÉS DEL CIERRE, MIENTRAS EL MES ESTUVO REABIERTO",
        late_leaves="Hojas del diario que lo dicen",
        hash="Resumen de los totales",
        leaf="Hoja del diario",
        leaf_hash="Resumen de la hoja",
        checkpoint="Punto de control",
        size="Tamaño",
        root="Raíz",
        printed="Impreso el",
        check="Se comprueba con: tequio export journal, y tequio verify.",
        signed=("Tesorería", "Vigilancia"),
    ),
    "pt": Words(
        title="ATA DE FECHAMENTO DO DIA",
        ledger="Livro",
        day="Dia contábil",
        closed="Fechado em",
        by="Pela chave",
        clock=("Por", "o relógio do livro"),
        transfers="Movimentos",
        columns=("moeda", "tipo", "origem", "número", "valor"),
        total="total",
        none="Sem movimentos.",
        cut="Aqui estão os primeiros {shown} totais; o resumo cobre todos.",
        late="DEPOIS DO FECHAMENTO, ENQUANTO O MÊS ESTEVE REABERTO",
        late_leaves="Folhas do diário que o dizem",
        hash="Resumo dos totais",
        leaf="Folha do diário",
        leaf_hash="Resumo da folha",
        checkpoint="Ponto de controle",
        size="Tamanho",
        root="Raiz",
        printed="Impresso em",
        check="Confere-se com: tequio export journal, e tequio verify.",
        signed=("Tesouraria", "Conselho fiscal"),
    ),
    "en": Words(
        title="RECORD OF THE CLOSING OF A DAY",
        ledger="Ledger",
        day="Business day",
        closed="Closed at",
        by="By the key",
        clock=("By", "the ledger's clock"),
        transfers="Transfers",
        columns=("currency", "kind", "source", "count", "amount"),
        total="total",
        none="No transfers.",
        cut="These are the first {shown} totals; the hash covers all of them.",
        late="AFTER IT WAS CLOSED, WHILE THE MONTH WAS REOPENED",
        late_leaves="Leaves of the journal that say so",
        hash="Hash of the totals",
        leaf="Leaf of the journal",
        leaf_hash="Hash of the leaf",
        checkpoint="Checkpoint",
        size="Size",
        root="Root",
        printed="Printed at",
        check="To check it: tequio export journal, and tequio verify.",
        signed=("Treasurer", "Supervisory committee"),
    ),
}


def write_acta(ledger: Mapping[str, Any], closed: Mapping[str, Any], printed: datetime) -> str:
    """The page of a day that was closed.

    Args:
        ledger: as the service answers it.
        closed: the answer that has the day, its line and a checkpoint.
        printed: when the page is made, in any time zone.
    """
    words = _WORDS[language()]
    day = closed["day"]
    zone = zone_named(ledger["time_zone"])
    origin, size, root = closed["checkpoint"].split("\n")[:3]
    facts = [
        (words.ledger, f"{ledger['name']} ({ledger['code']})"),
        (words.day, day["date"]),
        (words.closed, _at(datetime.fromisoformat(day["closed_at"]), zone)),
        (words.by, day["closed_by"]) if "closed_by" in day else words.clock,
        (words.transfers, f"{day['count']:,}"),
    ]
    seals = [
        (words.hash, day["totals_hash"]),
        (words.leaf, str(day["leaf_index"])),
        (words.leaf_hash, day["leaf_hash"]),
        (words.checkpoint, origin),
        (words.size, size),
        (words.root, root),
        (words.printed, _at(printed, zone)),
    ]
    note = (line for line in closed["checkpoint"].split("\n")[3:] if line)
    lines = [
        words.title,
        "=" * len(words.title),
        "",
        *_facts(facts),
        "",
        *_totals(words, day["totals"], day["count"]),
        "",
        *_late(words, day),
        *_facts(seals),
        *(part for line in note for part in wrap(line, WIDTH, break_on_hyphens=False)),
        "",
        words.check,
        "",
        "",
        "",
        *_signed(words.signed),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _at(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {zone} (UTC{local:%z})"


def _facts(facts: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max(len(name) for name, _ in facts) + 2
    for name, value in facts:
        yield f"{name + ':':<{width}}{value}"


def _late(words: Words, day: Mapping[str, Any]) -> Iterator[str]:
    """What came after the day was closed, if anything did."""
    if "late" not in day:
        return
    yield from (words.late, "-" * len(words.late), "")
    yield from _totals(words, day["late"], day["late_count"])
    if "late_leaves" in day:
        leaves = ", ".join(map(str, day["late_leaves"]))
        yield from ("", *_facts([(words.late_leaves, leaves)]))
    yield ""


def _totals(words: Words, totals: Sequence[Mapping[str, Any]], counted: int) -> Iterator[str]:
    """The totals with a sum for each currency, the numbers to the right."""
    if not totals:
        yield words.none
        return
    rows: list[tuple[str, ...]] = [words.columns]
    names = ("currency", "kind", "source")
    for currency in dict.fromkeys(total["currency"] for total in totals):
        own = [total for total in totals if total["currency"] == currency]
        rows += [(*(t[n] for n in names), f"{t['count']:,}", money(t["amount"])) for t in own]
        scale = len(own[0]["amount"].partition(".")[2])
        amount = sum(parse_total(total["amount"], scale) for total in own)
        count = sum(total["count"] for total in own)
        shown = money(show_amount(amount, scale))
        rows.append((currency, words.total, "", f"{count:,}", shown))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for number, row in enumerate(rows):
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:3], widths[:3], strict=True)]
        cells += [f"{cell:>{width}}" for cell, width in zip(row[3:], widths[3:], strict=True)]
        rule = "  ".join("-" * width for width in widths)
        is_total = row[1:3] == (words.total, "")
        if is_total or (number and rows[number - 1][1:3] == (words.total, "")):
            yield rule
        yield "  ".join(cells)
        if number == 0:
            yield rule
    if sum(total["count"] for total in totals) != counted:
        yield words.cut.format(shown=len(totals))


def _signed(names: Sequence[str]) -> Iterator[str]:
    rule = "_" * 32
    yield f"{rule}      {rule}"
    yield "      ".join(f"{name:<32}" for name in names)
