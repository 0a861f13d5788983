"""Canonical lines: structs to bytes and back, with one reading in every language.

A line is JSON after RFC 8785 (JCS) in the subset of JOURNAL.md: objects with sorted ASCII
keys, strings, bounded integers, true and false; no null, no float. It is stored and
transported with a line feed at its end, which no hash covers. What was hashed is kept
and never serialised anew.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ledger.core.faults import MalformedLine
from ledger.core.leaves import AnyLeaf
from ledger.core.lines import LEAF_MAX, Line, Manifest, Outcome, Transfer
from ledger.core.state_lines import AnyState

S = TypeVar("S", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder(order="sorted")
_leaf_decoder: msgspec.json.Decoder[AnyLeaf] = msgspec.json.Decoder(AnyLeaf)
_manifest_decoder = msgspec.json.Decoder(Manifest)
_transfer_decoder = msgspec.json.Decoder(Transfer)
_outcome_decoder = msgspec.json.Decoder(Outcome)
_state_decoder: msgspec.json.Decoder[AnyState] = msgspec.json.Decoder(AnyState)


def encode_line(line: Line | Transfer | Outcome) -> bytes:
    """One line, without its line feed."""
    return _encoder.encode(line)


def encode_lines(lines: Sequence[Line] | Sequence[Transfer] | Sequence[Outcome]) -> bytes:
    """Many lines, each with its line feed."""
    return _encoder.encode_lines(lines)


def decode_leaf(data: bytes) -> AnyLeaf:
    """A leaf of the journal from its exact bytes.

    Raises:
        MalformedLine: not a leaf, too long, or not canonical.
    """
    if len(data) > LEAF_MAX:
        raise MalformedLine(f"a leaf of {len(data)} bytes")
    leaf: AnyLeaf = _decode(_leaf_decoder, data)
    return leaf


def reads_back(data: bytes, leaf: AnyLeaf) -> bool:
    """Whether a leaf just written reads as it was meant; then it is written the same again."""
    return len(data) <= LEAF_MAX and _leaf_decoder.decode(data) == leaf


def decode_manifest(data: bytes) -> Manifest:
    """The first line of a batch. Raises MalformedLine."""
    manifest: Manifest = _decode(_manifest_decoder, data)
    return manifest


def decode_transfers(data: bytes) -> list[Transfer]:
    """The transfer lines of a batch, each with its line feed. Raises MalformedLine."""
    return _decode_many(_transfer_decoder, data)


def decode_outcomes(data: bytes) -> list[Outcome]:
    """The outcome lines of a batch. Raises MalformedLine."""
    return _decode_many(_outcome_decoder, data)


def decode_state(data: bytes) -> list[AnyState]:
    """Lines of a snapshot. Raises MalformedLine."""
    return _decode_many(_state_decoder, data)


def _decode(decoder: "msgspec.json.Decoder[Any]", data: bytes) -> Any:
    try:
        line = decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedLine(str(error), excerpt(data)) from None
    if _encoder.encode(line) != data:
        raise MalformedLine("not canonical", excerpt(data))
    return line


def _decode_many(decoder: "msgspec.json.Decoder[Any]", data: bytes) -> list[Any]:
    try:
        lines = decoder.decode_lines(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedLine(str(error), excerpt(data)) from None
    if _encoder.encode_lines(lines) != data:
        raise MalformedLine("not canonical", excerpt(data))
    return lines


def excerpt(data: bytes) -> str:
    """The beginning of some bytes, for a message."""
    return ascii(data[:80].decode("latin-1"))
