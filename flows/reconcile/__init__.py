"""MLflow, DVC and the disk against the ledger: what was edited, deleted or collected outside of Hallmark, by name."""
