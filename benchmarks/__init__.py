"""One question per file; run with ./run bench NAME."""
