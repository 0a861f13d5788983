"""Rules of a ledger as people set them: codes and decimals, turned into the lines to record.

Each function sees the book as it stands and returns the lines, none where the rule is already
so, and beside them the rule; or why it cannot be set.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import AMOUNT_MAX, Amount, parse_bound
from ledger.core.book import Book
from ledger.core.faults import MalformedAmount
from ledger.core.lines import Act, AnyLeaf, Levy, LevySet
from ledger.core.model import AccountCode, OneSide, Word
from ledger.core.ports import AskedAct
from ledger.core.refusals import Refusal, RefusalCode

AmountText = Annotated[str, Meta(max_length=24)]
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)  # model.Word.

Kinds = Annotated[list[Word], Meta(min_length=1, max_length=64)]


class AskedRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of an amount, exactly: `n` of `d`."""

    n: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
    d: Amount


NO_RATE = AskedRate(n=0, d=1)


class AskedLevy(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A levy on transfers of some kinds: what `payer` pays to `treasury` in the same entry.

    Amounts are decimals of the treasury's currency; transfers in others are not levied. The
    rate's part is rounded half to even.
    """

    kinds: Kinds
    treasury: AccountCode
    payer: OneSide
    reason: Word
    rate: AskedRate = NO_RATE
    fixed: AmountText = "0"
    minimum: AmountText = "0"
    maximum: AmountText | UnsetType = UNSET
    act: AskedAct | UnsetType = UNSET


def set_levy(
    book: Book, code: str, asked: AskedLevy, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Levy] | Refusal:
    """A levy from now on, unless it is so already.

    Raises:
        MalformedAmount: an amount is none of the treasury's currency.
    """
    treasury = book.numbers.get(asked.treasury)
    if treasury is None:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    scale = book.scales[book.currency_of(treasury)]
    levy = Levy(
        kinds=sorted(set(asked.kinds)),
        treasury=treasury,
        payer=asked.payer,
        n=asked.rate.n,
        d=asked.rate.d,
        fixed=not_negative("fixed", asked.fixed, scale),
        minimum=not_negative("minimum", asked.minimum, scale),
        maximum=UNSET
        if asked.maximum is UNSET
        else not_negative("maximum", asked.maximum, scale),
    )
    if levy.maximum == 0:
        raise MalformedAmount("0", "a levy of at most nothing", field="maximum")
    if book.levies.rules.get(code) == levy:
        return [], levy
    line = LevySet(
        recorded_at=recorded_at,
        code=code,
        by=by,
        reason=asked.reason,
        levy=levy,
        act=act_of(asked.act),
    )
    return book.refuse(line) or ([line], levy)


def remove_levy(
    book: Book, code: str, reason: str, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Levy] | Refusal:
    """No such levy from now on; beside the line, what it was."""
    line = LevySet(recorded_at=recorded_at, code=code, by=by, reason=reason)
    return book.refuse(line) or ([line], book.levies.rules[code])


def not_negative(field: str, text: str, scale: int) -> int:
    """A decimal that is zero or above, as minor units.

    Raises:
        MalformedAmount: it is none.
    """
    try:
        amount = parse_bound(text, scale)
    except MalformedAmount as fault:
        raise MalformedAmount(*fault.facts, field=field) from None
    if amount < 0:
        raise MalformedAmount(text, "below zero", field=field)
    return amount


def act_of(asked: AskedAct | UnsetType) -> Act | UnsetType:
    """The decision that a line cites."""
    if asked is UNSET:
        return UNSET
    return Act(number=asked.number, date=asked.date, hash=bytes.fromhex(asked.hash))


def is_word(text: str) -> bool:
    """Whether a text can be the code of a rule."""
    return _WORD.fullmatch(text) is not None


BODIES: Final[tuple[type[Struct], ...]] = (AskedLevy,)  # What the HTTP service reads.
