"""Front processes: they take connections, read and check, and ask the one that decides."""
