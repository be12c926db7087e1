"""Speed and memory next to other programs; each runs with one command."""
