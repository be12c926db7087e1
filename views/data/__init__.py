"""The Data stage: open a file, see what the checks found."""
