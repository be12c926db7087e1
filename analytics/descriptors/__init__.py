"""What an atom's surroundings look like, in numbers."""
