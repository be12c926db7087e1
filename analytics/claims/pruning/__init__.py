"""Claims about pruning training data to a hundredth (Hossain et al.), asked of potentials."""
