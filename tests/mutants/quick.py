"""A profile for damaged code: say that something is wrong, not how little it takes."""

import hypothesis
from hypothesis import Phase

hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    database=None,
    derandomize=True,  # The same mutant is noticed, or not, every time.
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
)
