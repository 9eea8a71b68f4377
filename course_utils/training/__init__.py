"""Training, counting, and the ledger of what was measured."""
