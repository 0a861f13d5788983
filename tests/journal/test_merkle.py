"""The tree judged by known answers, by a second spelling of the rules, and by its enemies."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.faults import LedgerFault
from ledger.journal import merkle
from ledger.journal.faults import BrokenProof
from tests.journal import oracle

SIZES = 70  # Past 64, so that every shape of a right edge of six levels occurs.
LEAVES = [oracle.leaf(b"leaf %d" % n) for n in range(SIZES + 2)]
ROOTS = [oracle.mth(LEAVES[:n]) for n in range(SIZES + 1)]
OTHER = b"\xa5" * 32

# The leaves and roots that the tests of Certificate Transparency have had since RFC 6962.
KNOWN_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def reader(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    """Nodes straight from the leaves; a node that is not complete is not there."""

    def read_node(level: int, index: int) -> bytes:
        covered = leaves[index << level : (index + 1) << level]
        assert len(covered) == 1 << level, "a proof reads complete subtrees only"
        return oracle.mth(covered)

    return read_node


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")


def damaged(path: list[bytes]) -> Iterator[list[bytes]]:
    """Every way one hash too many, too few or wrong."""
    for at in range(len(path)):
        for bit in (0, 131, 255):
            yield [*path[:at], flipped(path[at], bit), *path[at + 1 :]]
        yield [*path[:at], *path[at + 1 :]]
        yield [*path[:at], path[at][:-1], *path[at + 1 :]]
        yield [*path[:at], path[at] + b"\x00", *path[at + 1 :]]
        if at and path[at] != path[at - 1]:
            yield [*path[: at - 1], path[at], path[at - 1], *path[at + 1 :]]
    for extra in (OTHER, b"", merkle.EMPTY_ROOT):
        yield [*path, extra]
        yield [extra, *path]


def holds(check: Callable[..., None], *evidence: object) -> bool:
    try:
        check(*evidence)
    except BrokenProof:
        return False
    return True


@pytest.mark.parametrize("size", range(9))
def test_known_answers(size: int) -> None:
    hashes = merkle.leaf_hashes(KNOWN_LEAVES[:size])
    assert merkle.root_of(hashes).hex() == KNOWN_ROOTS[size]
    assert oracle.mth(hashes).hex() == KNOWN_ROOTS[size], "the oracle agrees with the world"


def test_one_leaf_hashes_as_many_do() -> None:
    assert [merkle.leaf_hash(data) for data in KNOWN_LEAVES] == merkle.leaf_hashes(KNOWN_LEAVES)
    assert merkle.leaf_hash(b"x") == oracle.leaf(b"x")
    assert merkle.node_hash(OTHER, LEAVES[0]) == oracle.node(OTHER, LEAVES[0])


def test_a_leaf_cannot_pose_as_a_node() -> None:
    """The bytes of two hashes, logged as a leaf, hash to something else than their node."""
    two = LEAVES[:2]
    assert merkle.leaf_hash(b"".join(two)) != merkle.root_of(two)
    assert merkle.leaf_hash(b"\x01" + b"".join(two)) != merkle.root_of(two)


def test_roots_of_all_small_sizes() -> None:
    assert [merkle.root_of(LEAVES[:n]) for n in range(SIZES + 1)] == ROOTS
    assert merkle.root_of([]) == merkle.EMPTY_ROOT


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 3000))
def test_roots_of_larger_sizes(size: int) -> None:
    leaves = [n.to_bytes(32, "big") for n in range(size)]
    assert merkle.root_of(leaves) == oracle.mth(leaves)


def test_the_callers_list_stays_as_it_was() -> None:
    leaves = LEAVES[:7]
    merkle.root_of(leaves)
    merkle.inclusion_path(leaves, 6)
    assert leaves == LEAVES[:7]


@pytest.mark.parametrize("size", range(1, SIZES + 1))
def test_every_inclusion_and_no_damaged_one(size: int) -> None:
    leaves, root = LEAVES[:size], ROOTS[size]
    for index in range(size):
        path = oracle.path(index, leaves)
        assert merkle.inclusion_path(leaves, index) == path
        assert merkle.inclusion_proof(index, size, reader(leaves)) == path
        merkle.check_inclusion(leaves[index], index, size, path, root)
        assert merkle.root_from_inclusion(leaves[index], index, size, path) == root

        for wrong in damaged(path):
            assert not holds(merkle.check_inclusion, leaves[index], index, size, wrong, root)
        assert not holds(merkle.check_inclusion, OTHER, index, size, path, root)
        assert not holds(merkle.check_inclusion, leaves[index], index, size, path, OTHER)
        assert not holds(merkle.check_inclusion, leaves[index][1:], index, size, path, root)
        assert not holds(merkle.check_inclusion, leaves[index], index, size, path, root[1:])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33, 64, 70])
def test_a_leaf_is_at_its_own_index_only(size: int) -> None:
    leaves = LEAVES[:size]
    for index in range(size):
        path = oracle.path(index, leaves)
        accepted = [
            other
            for other in range(-2, 2 * size + 2)
            if holds(merkle.check_inclusion, leaves[index], other, size, path, ROOTS[size])
        ]
        assert accepted == [index]


@pytest.mark.parametrize("size", range(1, 34))
def test_another_size_holds_exactly_when_it_gives_the_path_the_same_shape(size: int) -> None:
    """A root does not name its size; the checkpoint binds the two. Nothing else passes."""
    leaves = LEAVES[:size]
    for index in range(size):
        path = oracle.path(index, leaves)
        for claimed in range(-1, 2 * size + 2):
            expected = False
            if index < claimed:
                try:
                    found = oracle.root_by_path(leaves[index], index, claimed, path)
                    expected = found == ROOTS[size]
                except oracle.Not:
                    pass
            evidence = leaves[index], index, claimed, path, ROOTS[size]
            assert holds(merkle.check_inclusion, *evidence) is expected


@pytest.mark.parametrize("size2", range(1, SIZES + 1))
def test_every_consistency_and_no_damaged_one(size2: int) -> None:
    leaves, root2 = LEAVES[:size2], ROOTS[size2]
    for size1 in range(1, size2):
        root1 = ROOTS[size1]
        proof = oracle.proof(size1, leaves)
        assert merkle.consistency_proof(size1, size2, reader(leaves)) == proof
        merkle.check_consistency(size1, root1, size2, root2, proof)

        check = merkle.check_consistency
        for wrong in damaged(proof):
            assert not holds(check, size1, root1, size2, root2, wrong)
        assert not holds(check, size1, OTHER, size2, root2, proof)
        assert not holds(check, size1, root1, size2, OTHER, proof)
        assert not holds(check, size1, root2, size2, root1, proof)
        assert not holds(check, size1, root1, size2, root2, [])
        assert not holds(check, size2, root2, size1, root1, proof)
        assert not holds(check, size1, root1[1:], size2, root2, proof)
        for claimed1, claimed2 in (
            (size1 - 1, size2),
            (size1 + 1, size2),
            (size1, size2 - 1),
            (size1, size2 + 1),
            (size1, size2 * 2),
        ):
            expected = False
            if 0 < claimed1 < claimed2:
                try:
                    found = oracle.roots_by_proof(claimed1, claimed2, proof, root1)
                    expected = found == (root1, root2)
                except oracle.Not:
                    pass
            assert holds(check, claimed1, root1, claimed2, root2, proof) is expected


def test_bytes_cannot_move_between_neighbours() -> None:
    """A node is the hash of two joined strings; where they join must be beyond dispute."""
    leaves = LEAVES[:6]
    path = oracle.path(0, leaves)
    lent = [leaves[0][-1:] + path[0], *path[1:]]
    assert oracle.root_by_path(leaves[0][:-1], 0, 6, lent) == ROOTS[6], "the hashes agree"
    assert not holds(merkle.check_inclusion, leaves[0][:-1], 0, 6, lent, ROOTS[6])

    first, second, *rest = oracle.proof(3, leaves)
    lent = [first[:-1], first[-1:] + second, *rest]
    roots = oracle.roots_by_proof(3, 6, lent, ROOTS[3])
    assert roots[1] == ROOTS[6], "the hashes agree"
    assert not holds(merkle.check_consistency, 3, roots[0], 6, ROOTS[6], lent)


def test_a_rewritten_leaf_is_not_consistent() -> None:
    rewritten = [*LEAVES[:5], OTHER, *LEAVES[6:SIZES]]
    root1, root2 = ROOTS[40], oracle.mth(rewritten)
    for proof in (oracle.proof(40, rewritten), oracle.proof(40, LEAVES[:SIZES])):
        assert not holds(merkle.check_consistency, 40, root1, SIZES, root2, proof)


def test_equal_sizes_need_equal_roots_and_no_proof() -> None:
    merkle.check_consistency(9, ROOTS[9], 9, ROOTS[9], [])
    assert not holds(merkle.check_consistency, 9, ROOTS[9], 9, OTHER, [])
    assert not holds(merkle.check_consistency, 9, ROOTS[9], 9, ROOTS[9], [OTHER])
    assert not holds(merkle.check_consistency, 9, b"", 9, b"", [])
    assert merkle.consistency_proof(9, 9, reader([])) == []


def test_everything_extends_the_empty_log_by_an_empty_proof() -> None:
    """The policy of C2SP tlog-witness; who asks for proofs from 0 is refused elsewhere."""
    empty = merkle.EMPTY_ROOT
    merkle.check_consistency(0, empty, 9, ROOTS[9], [])
    merkle.check_consistency(0, empty, 0, empty, [])
    assert merkle.consistency_proof(0, 9, reader([])) == []
    assert not holds(merkle.check_consistency, 0, OTHER, 9, ROOTS[9], [])
    assert not holds(merkle.check_consistency, 0, empty, 9, ROOTS[9], [OTHER])
    assert not holds(merkle.check_consistency, 0, empty, 0, empty, [OTHER])
    assert not holds(merkle.check_consistency, 0, OTHER, 0, OTHER, [])
    assert not holds(merkle.check_consistency, 9, ROOTS[9], 0, empty, [])


@pytest.mark.parametrize(
    ("size1", "size2"), [(-1, 3), (3, -1), (2**63, 2**63), (1, 2**63), (4, 3)]
)
def test_sizes_that_cannot_be(size1: int, size2: int) -> None:
    assert not holds(merkle.check_consistency, size1, OTHER, size2, OTHER, [])
    with pytest.raises(BrokenProof):
        merkle.consistency_proof(size1, size2, reader([]))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (0, 2**63), (0, -1)])
def test_leaves_that_cannot_be(index: int, size: int) -> None:
    with pytest.raises(BrokenProof):
        merkle.inclusion_proof(index, size, reader(LEAVES[:3]))
    assert not holds(merkle.check_inclusion, OTHER, index, size, [], OTHER)
    if size <= 3:
        with pytest.raises(BrokenProof):
            merkle.inclusion_path(LEAVES[: max(size, 0)], index)


def test_a_path_of_the_largest_log() -> None:
    """Index 0 of a log of 2**63 - 1 leaves: 63 hashes, folded without the leaves."""
    path = [bytes([n]) * 32 for n in range(63)]
    root = oracle.root_by_path(OTHER, 0, 2**63 - 1, path)
    merkle.check_inclusion(OTHER, 0, 2**63 - 1, path, root)
    assert not holds(merkle.check_inclusion, OTHER, 0, 2**63 - 1, path[:-1], root)


HASHES = st.lists(st.sampled_from(LEAVES), max_size=12)


@given(st.integers(1, 2**40), st.data(), HASHES)
def test_any_path_means_what_the_definition_says(
    size: int, data: st.DataObject, path: list[bytes]
) -> None:
    """For sizes no test can build: the fold from below equals the unwinding from above."""
    index = data.draw(st.integers(0, size - 1))
    if data.draw(st.booleans()):  # Random lengths seldom fit; half the time, make it fit.
        fits = 0
        while fits < 60:
            try:
                oracle.root_by_path(OTHER, index, size, LEAVES[:fits])
                break
            except oracle.Not:
                fits += 1
        path = LEAVES[:fits]
    try:
        expected = oracle.root_by_path(OTHER, index, size, path)
    except oracle.Not:
        with pytest.raises(BrokenProof):
            merkle.root_from_inclusion(OTHER, index, size, path)
    else:
        assert merkle.root_from_inclusion(OTHER, index, size, path) == expected


@given(st.integers(2, 2**40), st.data())
def test_any_consistency_proof_means_what_the_definition_says(
    size2: int, data: st.DataObject
) -> None:
    size1 = data.draw(st.integers(1, size2 - 1))
    for length in range(60):
        proof = LEAVES[:length]
        try:
            root1, root2 = oracle.roots_by_proof(size1, size2, proof, OTHER)
        except oracle.Not:
            assert not holds(merkle.check_consistency, size1, OTHER, size2, OTHER, proof)
        else:
            merkle.check_consistency(size1, root1, size2, root2, proof)


def test_a_broken_proof_is_a_fault_and_a_value_error() -> None:
    with pytest.raises(BrokenProof, match="no such leaf: leaf 3 of 3") as caught:
        merkle.inclusion_path(LEAVES[:3], 3)
    assert isinstance(caught.value, LedgerFault)
    assert isinstance(caught.value, ValueError)
    assert caught.value.facts == ("no such leaf", "leaf 3 of 3")
