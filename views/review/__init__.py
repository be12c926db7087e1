"""The Review stage: what repeats, what contradicts, what is shared, what a cut would cost."""
