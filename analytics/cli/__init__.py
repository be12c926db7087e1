"""The command line: ``winnow analyse``, and so on."""
