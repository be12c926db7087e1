"""The Retrain stage: what a potential loses when it is trained on each selection."""
