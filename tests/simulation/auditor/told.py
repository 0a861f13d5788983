"""Whether what was told of a change is so: it is, or there was a reason why not."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tests.simulation.auditor.books import Books
from tests.simulation.auditor.forms import must

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.refusals import Refusal

When = Callable[[int], bool]  # Whether it was so after so many leaves.


def changed(
    books: Books,
    refusal: "Refusal | None",
    signed: int,
    since: int,
    so: When,
    excuses: Mapping[str, When],
) -> None:
    """It is so after some leaf that was signed; or was refused for what is or was so.

    Args:
        since: leaves that were there when it was asked; refusals are of that state or later.
        excuses: codes of refusals, and when there is reason for them.
    """
    books.read()
    if refusal is None:
        must(any(map(so, range(signed, -1, -1))), "told what never was so")
        return
    excuse = excuses.get(refusal.code)
    must(excuse is not None, "refused for what cannot be", refusal)
    assert excuse is not None
    sizes = range(len(books.entries), max(0, since - 1), -1)
    must(any(map(excuse, sizes)), "refused without reason", refusal)


def perhaps(_: int) -> bool:
    """An excuse that rests on a clock, or on what was before anybody can say."""
    return True
