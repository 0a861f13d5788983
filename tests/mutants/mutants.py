"""All the mutants there are."""

from tests.mutants import journal, posting, rules, waiting

MUTANTS = (*posting.MUTANTS, *rules.MUTANTS, *waiting.MUTANTS, *journal.MUTANTS)
