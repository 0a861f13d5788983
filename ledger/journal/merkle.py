"""The Merkle tree of RFC 6962: hashes, roots, and proofs of inclusion and consistency.

A tree of n leaves splits after the largest power of two below n. Leaves and nodes are
hashed behind different first bytes, so no leaf can pose as a node. A node is named by
(level, index): it covers the 2**level leaves from index * 2**level, all of them there.

Proofs are made from whatever can read nodes (tiles.py has a reader) and are checked with
nothing but hashes. All hashes are 32 bytes. What does not hold raises BrokenProof.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from ledger.journal.faults import BrokenProof

HASH_SIZE = 32  # Bytes of SHA-256.
SIZE_MAX = 2**63 - 1  # Leaves. Go and PostgreSQL count in signed 64 bits; so do we.

EMPTY_ROOT = sha256(b"").digest()

ReadNode = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + data).digest()


def leaf_hashes(lines: Iterable[bytes]) -> list[bytes]:
    """The hash of each leaf, in order: leaf_hash without a call for each."""
    hashed = sha256
    return [hashed(b"\x00" + line).digest() for line in lines]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def paired(nodes: Iterable[bytes]) -> list[bytes]:
    """The level above: one node for each two. A last one without a neighbour is left out."""
    hashed = sha256
    each = iter(nodes)
    return [
        hashed(b"\x01" + left + right).digest() for left, right in zip(each, each, strict=False)
    ]


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over all leaves (RFC 6962, section 2.1), or EMPTY_ROOT.

    Built upwards: a node without a right neighbour rises as it is. That is the split
    after the largest power of two, seen from below.
    """
    nodes = list(leaf_hashes)
    if not nodes:
        return EMPTY_ROOT
    while len(nodes) > 1:
        nodes = _level_above(nodes)
    return nodes[0]


def inclusion_path(leaf_hashes: Iterable[bytes], index: int) -> list[bytes]:
    """The path of the leaf `index` from all leaves, its sibling first (section 2.1.1).

    For trees that are at hand, such as a batch's. A tree kept as tiles has
    inclusion_proof.

    Raises:
        BrokenProof: there is no such leaf.
    """
    nodes = list(leaf_hashes)
    _check_leaf_exists(index, len(nodes))
    path = []
    while len(nodes) > 1:
        sibling = index ^ 1
        if sibling < len(nodes):
            path.append(nodes[sibling])
        nodes = _level_above(nodes)
        index >>= 1
    return path


def root_from_inclusion(
    leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]
) -> bytes:
    """The root that follows from a leaf and its path (RFC 9162, section 2.1.3.2).

    Raises:
        BrokenProof: the index is outside the tree, the path has another length than
            its place asks for, or something is not a hash.
    """
    _check_size(size)
    _check_leaf_exists(index, size)
    _check_hashes(leaf_hash, *path)
    sides = list(_sides(index, size - 1))
    if len(path) != len(sides):
        raise BrokenProof("inclusion path of another length", f"leaf {index} of {size}")
    root = leaf_hash
    for sibling, on_left in zip(path, sides, strict=True):
        root = node_hash(sibling, root) if on_left else node_hash(root, sibling)
    return root


def check_inclusion(
    leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Raise unless the path shows the leaf at `index` under this root of `size` leaves.

    Raises:
        BrokenProof: it does not, or see root_from_inclusion.
    """
    if root_from_inclusion(leaf_hash, index, size, path) != root:
        raise BrokenProof("inclusion path leads to another root", f"leaf {index} of {size}")


def check_consistency(
    size1: int, root1: bytes, size2: int, root2: bytes, proof: Sequence[bytes]
) -> None:
    """Raise unless the tree of `size2` begins with the tree of `size1` (section 2.1.4.2).

    Everything extends the empty tree: for size 0 the proof must be empty and the root
    EMPTY_ROOT, as C2SP tlog-witness has it. Such a proof shows nothing about the second
    root; who wants to be shown something refuses size 0 beforehand.

    Raises:
        BrokenProof: it does not; the sizes fall; the proof has another length than
            the sizes ask for; something is not a hash.
    """
    _check_size(size1)
    _check_size(size2)
    _check_hashes(root1, root2, *proof)
    where = f"{size1} to {size2}"
    if size1 > size2:
        raise BrokenProof("a log only grows", where)
    for size, root in ((size1, root1), (size2, root2)):
        if size == 0 and root != EMPTY_ROOT:
            raise BrokenProof("the root of an empty log is another", where)
    if size1 in (0, size2):
        if proof:
            raise BrokenProof("consistency proof too long", where)
        if size1 == size2 and root1 != root2:
            raise BrokenProof("two roots for one size", where)
        return

    # The walk starts at the largest complete subtree that ends the first tree. Where that
    # is the whole first tree, its root is known and the proof leaves it out.
    nodes = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    ending = (size1 & -size1).bit_length() - 1  # Its level.
    sides = list(_sides((size1 - 1) >> ending, (size2 - 1) >> ending))
    if len(nodes) != len(sides) + 1:
        raise BrokenProof("consistency proof of another length", where)
    first = second = nodes[0]
    for sibling, on_left in zip(nodes[1:], sides, strict=True):
        if on_left:  # What stands left of the first tree's end is in both trees.
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
        else:
            second = node_hash(second, sibling)
    if first != root1:
        raise BrokenProof("consistency proof leads to another first root", where)
    if second != root2:
        raise BrokenProof("consistency proof leads to another second root", where)


def subtree_root(begin: int, end: int, read_node: ReadNode) -> bytes:
    """The root over the leaves begin to end - 1, from complete nodes.

    `begin` must be a multiple of the power of two that reaches or passes the length, as
    it is for every subtree RFC 6962 names. subtree_root(0, size, ...) is the tree's root.
    """
    length = end - begin
    if length == 0:
        return EMPTY_ROOT
    if length & (length - 1) == 0:
        level = length.bit_length() - 1
        return read_node(level, begin >> level)
    middle = begin + _split(length)
    return node_hash(
        subtree_root(begin, middle, read_node), subtree_root(middle, end, read_node)
    )


def inclusion_proof(index: int, size: int, read_node: ReadNode) -> list[bytes]:
    """The path of the leaf `index` in the tree of `size` leaves (RFC 6962, section 2.1.1).

    Reads at most some 2 * log2(size) nodes, all complete within `size`.

    Raises:
        BrokenProof: there is no such leaf; whatever read_node raises.
    """
    _check_size(size)
    _check_leaf_exists(index, size)
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(subtree_root(middle, end, read_node))
            end = middle
        else:
            path.append(subtree_root(begin, middle, read_node))
            begin = middle
    path.reverse()  # It was found from the root down and is written from the leaf up.
    return path


def consistency_proof(size1: int, size2: int, read_node: ReadNode) -> list[bytes]:
    """The proof that the tree of `size2` begins with that of `size1` (section 2.1.2).

    Empty from size 0 and between equal sizes, where there is nothing to show.

    Raises:
        BrokenProof: size1 is above size2; whatever read_node raises.
    """
    _check_size(size1)
    _check_size(size2)
    if size1 > size2:
        raise BrokenProof("a log only grows", f"{size1} to {size2}")
    if size1 in (0, size2):
        return []
    proof: list[bytes] = []
    begin, end = 0, size2
    while size1 != end:
        middle = begin + _split(end - begin)
        if size1 <= middle:
            proof.append(subtree_root(middle, end, read_node))
            end = middle
        else:
            proof.append(subtree_root(begin, middle, read_node))
            begin = middle
    if begin > 0:  # From 0 it would be the first tree's own root, which the reader has.
        proof.append(subtree_root(begin, end, read_node))
    proof.reverse()
    return proof


def _level_above(nodes: list[bytes]) -> list[bytes]:
    """The level above of a whole tree: pairs hashed, a last odd one carried up."""
    above = paired(nodes)
    if len(nodes) & 1:
        above.append(nodes[-1])
    return above


def _sides(node: int, last: int) -> Iterator[bool]:
    """For each hash of a path, whether it stands on the left (RFC 9162, section 2.1.3.2).

    `node` and `last` are places in one level: where the path starts, and the last there
    is. A node that is last without a left neighbour rises alone and needs no hash.
    """
    while last:
        if node & 1 or node == last:
            yield True
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            yield False
        node >>= 1
        last >>= 1


def _split(length: int) -> int:
    """The largest power of two below `length`, which is at least 2."""
    return 1 << ((length - 1).bit_length() - 1)


def _check_size(size: int) -> None:
    if not 0 <= size <= SIZE_MAX:
        raise BrokenProof("no such size of a log", size)


def _check_leaf_exists(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise BrokenProof("no such leaf", f"leaf {index} of {size}")


def _check_hashes(*hashes: bytes) -> None:
    # Two neighbours are hashed as one string: 31 and 33 bytes would pass for 32 and 32.
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise BrokenProof("not a SHA-256 hash", f"{len(value)} bytes")
