"""A progress bar for long work: on stderr, and only where somebody looks."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ledger.cli.words import t
from ledger.journal.directory import Progress as Report

STAGES = {
    "journal": ("Journal", "Diario"),
    "tree": ("Tree and signature", "Árbol y firma"),
    "rules": ("Rules and balances", "Reglas y saldos"),
    "files": ("Files", "Archivos"),
    "books": ("Books", "Libros"),
    "accounts": ("Accounts", "Cuentas"),
    "run": ("Parts", "Partes"),
    "reading": ("Reading the file", "Leyendo el archivo"),
    "transfers": ("Transfers", "Movimientos"),
    "batches": ("Batches", "Lotes"),
}


@contextmanager
def showing() -> Iterator[Report]:
    """Something to tell the stage, how much is done and of how much."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def report(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(t(*STAGES[stage]), total=total)
        bars.update(tasks[stage], completed=done, total=total)

    if not bars.console.is_terminal:
        yield lambda stage, done, total: None
        return
    with bars:
        yield report
