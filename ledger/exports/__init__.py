"""What others read: the journal as a folder that stands alone, and books for other programs.

Knows core and journal. Everything is written beside its place and moved there whole.
"""
