"""The tests of the API once more, behind a front: a client sees no difference."""

# ruff: noqa: F403
from tests.api.test_hostile import *
from tests.api.test_lines import *
from tests.api.test_proposals import *
from tests.api.test_refusals import *
from tests.api.test_story import *
