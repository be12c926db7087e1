"""Fuzzing: files damaged at random are read and used; each must be read or refused in one line."""
