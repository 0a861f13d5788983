"""Merkle trees, as RFC 6962 words them."""

from collections.abc import Sequence
from hashlib import sha256

from tests.simulation.auditor.forms import must


def leaf_hash(line: bytes) -> bytes:
    return sha256(b"\x00" + line).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _half(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def root_of(lines: Sequence[bytes]) -> bytes:
    """The root over lines (section 2.1)."""
    if len(lines) == 1:
        return leaf_hash(lines[0])
    half = _half(len(lines))
    return _node_hash(root_of(lines[:half]), root_of(lines[half:]))


def root_by(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path leads to (section 2.1.1)."""
    if size == 1:
        must(not path, "a path that is too long")
        return leaf
    half = _half(size)
    *below, sibling = path
    if index < half:
        return _node_hash(root_by(leaf, index, half, below), sibling)
    return _node_hash(sibling, root_by(leaf, index - half, size - half, below))


class Growing:
    """A tree that grows leaf by leaf."""

    def __init__(self) -> None:
        self._peaks: list[tuple[bytes, int]] = []  # Whole subtrees and their leaves.

    def grow(self, leaf: bytes) -> bytes:
        """One leaf more; the root over all (section 2.1)."""
        peaks = self._peaks
        peaks.append((leaf, 1))
        while len(peaks) > 1 and peaks[-2][1] == peaks[-1][1]:
            (left, count), (right, _) = peaks[-2:]
            peaks[-2:] = [(_node_hash(left, right), 2 * count)]
        root = peaks[-1][0]
        for left, _ in reversed(peaks[:-1]):
            root = _node_hash(left, root)
        return root
