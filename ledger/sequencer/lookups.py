"""Look-ups: what the database knows of batches before they are decided.

Nothing of a ledger is decided meanwhile, so all that waits is looked up at once.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import AskedDecision, Caller
from ledger.core.faults import StoreUnavailable
from ledger.core.leaves import BatchPosted, ProposalDecided
from ledger.core.store import Store, StoredBatch
from ledger.journal.canonical import decode_leaf
from ledger.sequencer.deciding import Decider
from ledger.sequencer.pending import Post
from ledger.sequencer.posting import (
    Reference,
    has_descriptions,
    receipt_again,
    references_of,
)
from ledger.sequencer.signed import SignedLog

EVER: Final = 2**62  # Above every sequence.


class Lookups:
    """What is asked of the database about one ledger's past, for its writer."""

    def __init__(
        self, store: Store, ledger_id: int, decider: Decider, signed: SignedLog
    ) -> None:
        self._store = store
        self._ledger_id = ledger_id
        self._decider = decider
        self._signed = signed

    async def of_all(self, posts: Sequence[Post]) -> Mapping[UUID, StoredBatch]:
        """Those of these batches whose ids are spent; of the others, what they name."""
        if not posts:
            return {}
        self._decider.forget_committed()
        found = await self._store.lookup(self._ledger_id, [post.asked.id for post in posts])
        # What others decided just now is perhaps not signed yet: Post.again knows of it.
        ended = self._decider.ended
        known = {batch: stored for batch, stored in found.items() if ended(batch) is None}
        for each in known.values():
            self._check_signed(each)
        await self._find_used([post for post in posts if post.asked.id not in known])
        for post in posts:
            there = known.get(post.asked.id)
            if there is not None:
                post.salts = await self._salts(post, there)
            elif post.targets:
                await self._find_past(post)
        return known

    async def of_one(self, post: Post) -> StoredBatch | None:
        """What has the id of a batch, once nothing of it is on its way."""
        batch = post.asked.id
        stored = (await self._store.lookup(self._ledger_id, [batch])).get(batch)
        if stored is not None:
            if self._decider.ended(batch) is None:  # Else it is ours, and signed by the answer.
                self._check_signed(stored)
            post.salts = await self._salts(post, stored)
        return stored

    async def of_preview(self, post: Post) -> None:
        """What a batch names, whether or not its id is spent."""
        await self._find_used([post])
        await self._find_past(post)

    async def decided_so(
        self, asked: AskedDecision, caller: Caller
    ) -> Receipt | RefusedReceipt | None:
        """The receipt of a batch whose proposal this caller ended so before."""
        stored = (await self._store.lookup(self._ledger_id, [asked.batch])).get(asked.batch)
        if stored is None:
            return None
        index = stored.leaf_index
        (line,) = await self._store.lines(self._ledger_id, index - 1, index)
        last = decode_leaf(line)
        is_mine = isinstance(last, ProposalDecided) and (
            (last.batch, last.by, last.decision) == (asked.batch, caller.key, asked.decision)
        )
        if not is_mine:
            return None
        self._check_signed(stored)
        return receipt_again(stored)

    def _check_signed(self, stored: StoredBatch) -> None:
        """What is ours is signed before anybody asks for it again.

        Another wrote what is not, and nobody here knows whether it is signed: taking the
        ledger again will tell.
        """
        if stored.leaf_index >= self._signed.size:
            raise StoreUnavailable("a batch is there that this writer did not sign")

    async def _salts(self, post: Post, stored: StoredBatch) -> Mapping[int, bytes]:
        if not stored.amount or not has_descriptions(post.asked):
            return {}
        leaf = receipt_again(stored).leaf
        assert isinstance(leaf, BatchPosted)
        sequences = range(leaf.first_sequence, leaf.first_sequence + leaf.posted)
        return await self._store.detail_salts(self._ledger_id, sequences)

    async def _find_used(self, posts: Sequence[Post]) -> None:
        """Which references of some batches were used before: asked once for all of them."""
        opening = self._decider.book.opening
        if opening is None or not opening.unique_references:
            return
        named = [references_of(post.asked.source, post.asked.transfers) for post in posts]
        all_named = frozenset[Reference]().union(*named)
        used = await self._store.used_references(self._ledger_id, all_named, EVER)
        for post, own in zip(posts, named, strict=True):
            post.used = own & used

    async def _find_past(self, post: Post) -> None:
        """The transfers recorded before that a batch names."""
        post.past = await self._store.past(self._ledger_id, post.targets, EVER)
