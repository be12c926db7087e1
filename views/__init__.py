"""The page: everything reactive lives here and nowhere else."""
