"""The sequencer: one writer for each ledger, from its queue to a signed checkpoint."""
