"""The bytes that last: lines, Merkle trees, checkpoints, tiles, proofs and keys.

Pure: nothing here waits, reads a clock, draws a number or knows where it is kept.
"""
