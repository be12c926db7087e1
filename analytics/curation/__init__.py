"""What repeats, what contradicts and what is shared: looking at data before selecting from it."""
