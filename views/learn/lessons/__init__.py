"""The lessons that come with Winnow, a file each."""
