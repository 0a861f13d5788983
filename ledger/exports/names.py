"""What accounts and currencies are called in hledger and beancount.

Two accounts never get one name. The exact code stands beside every declaration, so that
nobody has to undo what is done here:

    liabilities:MXN:member:ana/2           hledger: a colon of the code is a slash
    Liabilities:MXN:Member:X-xana-c2       beancount: see beancount_code

Above the code stand the side (an account of nature debit is an asset, of nature credit a
liability), the currency and the kind.
"""

from typing import Final

from ledger.core.model import Account, Nature

# Words of beancount's own language; a currency of that name gets a tail no code can have.
_BEANCOUNT_WORDS: Final = frozenset({"TRUE", "FALSE", "NULL"})
_ESCAPES: Final = str.maketrans({"-": "--", ".": "-d", ":": "-c", "_": "-u"})
_START: Final = "X-x"


def hledger_account(account: Account) -> str:
    """The account in hledger, where all but the colon may stand in a name."""
    side = "assets" if account.nature is Nature.DEBIT else "liabilities"
    code = account.code.replace(":", "/")
    return f"{side}:{account.currency}:{account.kind}:{code}"


def hledger_currency(code: str) -> str:
    """The currency in hledger, which wants quotes around digits."""
    return code if code.isalpha() else f'"{code}"'


def beancount_account(account: Account) -> str:
    """The account in beancount."""
    side = "Assets" if account.nature is Nature.DEBIT else "Liabilities"
    kind = account.kind.capitalize().replace("_", "-")
    return f"{side}:{account.currency}:{kind}:{beancount_code(account.code)}"


def beancount_code(code: str) -> str:
    """A code in beancount, where a name has letters, digits and hyphens.

    Hyphen, point, colon and low line become --, -d, -c and -u. What does not begin with a
    capital or a digit then gets X-x in front, which nothing else can begin with.

    >>> beancount_code("0001.A"), beancount_code("ana_2")
    ('0001-dA', 'X-xana-u2')
    """
    escaped = code.translate(_ESCAPES)
    first = escaped[0]
    return escaped if first.isdigit() or first.isupper() else _START + escaped


def beancount_currency(code: str) -> str:
    """The currency in beancount."""
    return f"{code}.C" if code in _BEANCOUNT_WORDS else code
