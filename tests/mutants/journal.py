"""Damage to the journal: batches as bytes, replay, snapshots, trees."""

from tests.mutants.mutant import of

JOURNAL = (
    "tests/journal/test_batches.py",
    "tests/journal/test_replay.py",
    "tests/journal/test_verify.py",
)
SNAPSHOTS = ("tests/journal/test_snapshots.py",)
TREE = ("tests/journal/test_merkle.py",)

MUTANTS = (
    *of(
        "ledger/core/state.py",
        (
            "a journal may skip sequences",
            "(line.number, line.first_sequence) != (self.batches, first)",
            "line.number != self.batches",
        ),
        tests=JOURNAL,
    ),
    *of(
        "ledger/journal/batches.py",
        (
            "lines are left out of a batch",
            "if len(transfers) != manifest.count:",
            "if len(transfers) > manifest.count:",
        ),
        ("the last line has no end", "if lines.pop():", "if lines.pop() is None:"),
        (
            "outcomes stand as they come",
            "sorted(lines, key=lambda line: line.position)",
            "lines",
        ),
        tests=JOURNAL,
    ),
    *of(
        "ledger/journal/batches.py",
        ("a row that is not there is read back", "* ((note.amount != 0)", "* (True"),
        ("a reason is read back without its amount", "else int(line.available)", "else None"),
    ),
    *of(
        "ledger/journal/replay.py",
        (
            "the root is not compared",
            "root_of_lines(body) != root_named(leaf)",
            "not root_named(leaf)",
        ),
        (
            "other outcomes are believed",
            "(leaf.posted, leaf.outcomes) != (len(outcome.amount), expected)",
            "leaf.posted != len(outcome.amount)",
        ),
        (
            "the header counts as it likes",
            "if leaf.count != len(transfers):",
            "if leaf.count < 0:",
        ),
        (
            "a batch stands under another's name",
            "if manifest.origin != batch_origin(opening.origin, leaf.batch):",
            "if not manifest.origin:",
        ),
        (
            "a note signs more than was posted",
            "note.size != leaf.count + 1",
            "note.size < leaf.count + 1",
        ),
        tests=JOURNAL,
    ),
    *of(
        "ledger/journal/replay.py",
        (
            "only the last taking back counts",
            "taken=before.taken + link.amount",
            "taken=link.amount",
        ),
        (
            "the last row of a batch has no past",
            "first + len(posted.amount))",
            "first + len(posted.amount) - 1)",
        ),
        ("at replay a reversal is reversed", "is_link=True", "is_link=False"),
        (
            "at replay a hold is reversed",
            "phase=posted.phases[i] if posted.phases else Phase.POSTED",
            "phase=Phase.POSTED",
        ),
    ),
    *of(
        "ledger/journal/snapshots.py",
        (
            "a snapshot of something else is restored",
            "if root_of_lines(chunk.data) != chunk.hash:",
            "if not chunk.hash:",
        ),
        (
            "a snapshot's root is not compared",
            "if found != (snapshot.root,",
            "if found[1:] != (snapshot.root,",
        ),
        tests=SNAPSHOTS,
    ),
    *of(
        "ledger/core/state.py",
        (
            "a restart takes accounts for those of another place",
            "if count and cut.number != self.accounts + 1:",
            "if False:",
        ),
        tests=SNAPSHOTS,
    ),
    *of(
        "ledger/journal/merkle.py",
        (
            "a leaf poses as a node",
            'sha256(b"\\x01" + left + right)',
            'sha256(b"\\x00" + left + right)',
        ),
        (
            "a path leaves out the last sibling",
            "if sibling < len(nodes):",
            "if sibling < len(nodes) - 1:",
        ),
        tests=TREE,
    ),
)
