"""The retrain check: a real potential on every selection."""
