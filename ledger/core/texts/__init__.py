"""What the ledger says to people, in the words of a treasurer: one place for every "no".

    sentence("exceeds_credit_limit", "es", account="caja:1", available="5.00", currency="MXN")

The HTTP service and the command line both speak from here. Programs read the code; the
code never changes, the words may.
"""

from typing import Final

from ledger.core.texts import accounts, approvals, days, rules, service, transfers
from ledger.core.texts.text import LANGUAGES, Texts

_LINE: Final = {
    "es": " Es el movimiento {line} del lote.",
    "pt": " É o movimento {line} do lote.",
    "en": " It is transfer {line} of the batch.",
}

# By code. The files beside this one each have those of one subject.
TEXTS: Final[dict[str, Texts]] = {
    **accounts.TEXTS,
    **days.TEXTS,
    **rules.TEXTS,
    **approvals.TEXTS,
    **transfers.TEXTS,
    **service.TEXTS,
}


def title(code: str, language: str) -> str:
    """What happened, in a few words. KeyError for a code that has no text."""
    return TEXTS[code][LANGUAGES.index(language)].title


def sentence(code: str, language: str, **facts: object) -> str:
    """What happened and what can be done, with those facts that are known.

    `line` is the place in the batch counted from 1, as people count; `mistake` one of
    service.MISTAKES, what is wrong with a `field`.

    >>> sentence("exceeds_credit_limit", "en", account="a", available="5.00", currency="MXN")
    'The debit passes the limit of account a: 5.00 MXN would be accepted.'
    >>> sentence("accounts_must_differ", "en", line=3)
    'An account cannot make a transfer to itself. It is transfer 3 of the batch.'
    """
    text = TEXTS[code][LANGUAGES.index(language)]
    said = text.sentence
    if "field" in facts:
        mistake = str(facts.get("mistake", "malformed"))
        facts["mistake"] = service.MISTAKES[mistake][LANGUAGES.index(language)]
    if text.exact:
        try:
            said = text.exact.format_map(facts)
        except KeyError:
            said = text.sentence
    return said + _LINE[language].format_map(facts) if "line" in facts else said
