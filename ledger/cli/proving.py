"""A transfer's proof checked on this machine: by its line, its batch, its leaf and the journal.

transfer line -> root of its batch -> leaf that names the root -> signed checkpoint
"""

from typing import Any

from msgspec import UNSET, Struct

from ledger.core.leaves import BatchPosted
from ledger.core.lines import Transfer
from ledger.journal.canonical import decode_leaf, decode_transfers
from ledger.journal.checkpoints import Checkpoint
from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import check_inclusion, leaf_hash
from ledger.journal.notes import decode_base64, parse_vkey
from ledger.journal.proofs import verify_proof
from ledger.journal.replay import root_named


class ProvenTransfer(Struct, frozen=True):
    """What a proof has shown."""

    transfer: Transfer
    index: int
    size: int
    root: bytes
    leaf: BatchPosted
    checkpoint: Checkpoint


def check_proof(answer: dict[str, Any], vkey: str) -> ProvenTransfer:
    """Check what the service gave as a proof, believing nothing of it but the key.

    Raises:
        BrokenProof, MalformedLine: it does not hold.
    """
    line = answer["line"].encode()
    leaf_data = answer["leaf"].encode()
    leaf = decode_leaf(leaf_data)
    if not isinstance(leaf, BatchPosted):
        raise BrokenProof("the leaf is no batch's")
    if answer["size"] != leaf.count + 1 or answer["index"] != answer["position"] + 1:
        raise BrokenProof("another place in the batch than the leaf allows")
    root = root_named(leaf)
    path = [decode_base64(text) for text in answer["path"]]
    check_inclusion(leaf_hash(line), answer["index"], answer["size"], path, root)
    if leaf.outcomes is not UNSET:
        _check_outcome(answer, leaf.count, leaf.outcomes)
    verifier = parse_vkey(vkey)
    proven = verify_proof(answer["log_proof"].encode(), leaf_data, [verifier], verifier.name)
    if proven.index != answer["leaf_index"]:
        raise BrokenProof("another leaf than the answer says")
    transfer = decode_transfers(line + b"\n")[0]
    return ProvenTransfer(
        transfer, answer["index"], answer["size"], root, leaf, proven.checkpoint
    )


def _check_outcome(answer: dict[str, Any], count: int, root: bytes) -> None:
    outcome = answer["outcome"]
    path = [decode_base64(text) for text in outcome["path"]]
    line = outcome["line"].encode()
    check_inclusion(leaf_hash(line), answer["position"], count, path, root)
