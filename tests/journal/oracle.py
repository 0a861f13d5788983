"""RFC 6962 and RFC 9162 written a second time, the way the definitions read.

Slow and recursive on purpose, and sharing no line with ledger/journal/merkle.py: what the
two agree on is probably so.
"""

import hashlib


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf(data: bytes) -> bytes:
    return sha(b"\x00" + data)


def node(left: bytes, right: bytes) -> bytes:
    return sha(b"\x01" + left + right)


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(mth(leaves[:k]), mth(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: list[bytes]) -> list[bytes]:
    """PROOF of RFC 6962, section 2.1.2, for 0 < m < n."""
    return subproof(m, leaves, True)


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


class Not(Exception):
    """The proof has the wrong length."""


def root_by_path(start: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root a path leads to, unwound from the top of the tree."""
    if size == 1:
        if hashes:
            raise Not
        return start
    if not hashes:
        raise Not
    k = split(size)
    *below, sibling = hashes
    if index < k:
        return node(root_by_path(start, index, k, below), sibling)
    return node(sibling, root_by_path(start, index - k, size - k, below))


def roots_by_proof(
    m: int, n: int, hashes: list[bytes], root1: bytes, whole: bool = True
) -> tuple[bytes, bytes]:
    """Both roots a consistency proof leads to, unwound from the top of the second tree."""
    if m == n:
        if len(hashes) != (0 if whole else 1):
            raise Not
        return (root1, root1) if whole else (hashes[0], hashes[0])
    if not hashes:
        raise Not
    k = split(n)
    *below, sibling = hashes
    if m <= k:
        first, second = roots_by_proof(m, k, below, root1, whole)
        return first, node(second, sibling)
    first, second = roots_by_proof(m - k, n - k, below, root1, False)
    return node(sibling, first), node(sibling, second)
