"""What keeps an account open: what is held, stood in for, offered, or named by a rule."""

from tests.simulation.auditor.books import Books


def why_needed(books: Books, number: int, size: int) -> str | None:
    """Why an account that has nothing cannot be closed after so many leaves."""
    shelf, place = books.shelf, books.at(number, size)
    if place is None:
        return None
    if place.pending_debits or place.pending_credits:
        return "account_has_holds"
    if any(item.account == number for item in shelf.all_at("item", size).values()):
        return "account_has_suspense"
    for proposal in shelf.all_at("proposal", size).values():
        if number in (proposal.fields.get("payer"), proposal.fields.get("payee")):
            return "account_has_proposals"
    used = [levy["treasury"] for levy in shelf.all_at("levy", size).values()]
    for rule in shelf.all_at("reserve", size).values():
        used += [rule["issuer"], rule["reserve"]]
    for one in shelf.all_at("schedule", size).values():
        if one.day is not None:
            used += [one.rule["debit_account"], one.rule["credit_account"]]
    return "account_in_use" if number in used else None


def is_closed(books: Books, number: int, size: int) -> bool:
    """Whether an account was closed after so many leaves, so that no rule may name it."""
    place = books.at(number, size)
    return place is not None and place.status == "closed"
