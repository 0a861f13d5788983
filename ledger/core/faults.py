"""Faults: what stops the ledger doing its work.

A refusal (refusals.py) is an answer; a fault is the lack of one. The docstring of a
fault is the sentence an operator reads first.
"""


class LedgerFault(Exception):
    """The ledger could not finish what it was asked."""

    def __init__(self, *facts: object) -> None:
        self.facts = facts
        super().__init__(": ".join([str(self.__doc__), *map(str, facts)]))


class MalformedRequest(LedgerFault, ValueError):
    """The request has not the form the ledger reads."""

    code = "malformed_request"

    def __init__(self, *facts: object, field: str = "", position: int | None = None) -> None:
        super().__init__(*facts)
        self.field = field
        self.position = position


class MalformedAmount(MalformedRequest):
    """The text is not an amount of this currency."""

    code = "malformed_amount"


class MalformedLine(LedgerFault, ValueError):
    """The bytes are not a canonical line of a journal."""


class JournalBroken(LedgerFault):
    """The journal does not follow from its own beginning; stop and call for help."""


class StoreUnavailable(LedgerFault):
    """The database did not answer; nothing was recorded; send the same request again."""


class OutcomeUnknown(LedgerFault):
    """The database did not say whether it committed; send the same request again."""


class WriterReplaced(LedgerFault):
    """Another process writes this ledger now; nothing was recorded here."""


class ClockAhead(LedgerFault):
    """This machine's clock runs ahead of the database's; nothing was recorded."""


class SignerStopped(LedgerFault):
    """The signer's memory and the journal disagree; the ledger is read-only until resolved."""


class Overloaded(LedgerFault):
    """The ledger has more waiting than it takes on; send the same request again shortly."""

    def __init__(self, *facts: object, retry_after_s: int = 1) -> None:
        super().__init__(*facts)
        self.retry_after_s = retry_after_s
