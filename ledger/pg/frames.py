"""Frames: how bodies and chunks lie in the database, plain when short and compressed when long.

What is kept begins with { (canonical JSON) or with a zstd frame's magic number, so it says
itself which it is. What was hashed comes back byte for byte.
"""

from typing import Final

import zstandard

from ledger.core.faults import JournalBroken

PLAIN_MAX: Final = 1024  # Bytes; below, a frame would cost more than it saves.
LEVEL: Final = 1  # Some 400 MB a second and core; higher levels save little of such lines.
MAGIC: Final = b"\x28\xb5\x2f\xfd"


def pack(data: bytes) -> bytes:
    """Lines, or nothing, as they are kept."""
    if len(data) <= PLAIN_MAX:
        return data
    return zstandard.ZstdCompressor(level=LEVEL).compress(data)


def unpack(kept: bytes) -> bytes:
    """The lines that were packed.

    Raises:
        JournalBroken: the bytes are damaged.
    """
    if not kept.startswith(MAGIC):
        return kept
    try:
        return zstandard.ZstdDecompressor().decompress(kept)
    except zstandard.ZstdError as error:
        raise JournalBroken("a compressed body is damaged", error) from error
