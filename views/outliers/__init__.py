"""The Outliers stage: the sparsest structures and atoms as a list."""
