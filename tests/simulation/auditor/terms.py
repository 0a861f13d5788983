"""The form of terms: which of them go with which."""

from collections.abc import Mapping
from typing import Any

# Which actions each term goes with; an amount that is simply moved has none.
GOES_WITH = {
    "entry": ("", "hold", "post", "void", "reverse", "clear"),
    "expires": ("hold",),
    "rate": ("",),
    "release": ("post",),
    "residue": ("",),
    "rest": ("", "reverse"),
    "suspense": ("", "reverse"),
    "target": ("post", "void", "reverse", "clear"),
    "up_to": ("", "hold", "reverse"),
    "adjusting": ("", "reverse"),
}


def is_misplaced(terms: Mapping[str, Any]) -> bool:
    """Whether a term does not go with the others, or one is missing."""
    action = terms.get("action", "")
    is_exchange = "rate" in terms or "residue" in terms
    return (
        not terms
        or any(action not in GOES_WITH[term] for term in terms if term != "action")
        or (action == "hold" and "expires" not in terms)
        or (action not in ("", "hold") and "target" not in terms)
        or ("rest" in terms and terms.get("up_to") not in ("debit", "credit"))
        or ("suspense" in terms and "rest" in terms)
        or (is_exchange and ("entry" not in terms or "up_to" in terms))
        or ("residue" in terms and ("rate" in terms or "suspense" in terms))
    )
