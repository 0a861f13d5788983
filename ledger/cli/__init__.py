"""The command line: the only room that puts the others together."""
