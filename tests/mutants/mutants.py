"""All the mutants there are."""

from tests.mutants import journal, posting, proposals, rules, schedules

MUTANTS = (
    *posting.MUTANTS,
    *rules.MUTANTS,
    *schedules.MUTANTS,
    *proposals.MUTANTS,
    *journal.MUTANTS,
)
