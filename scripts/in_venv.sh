#!/bin/sh
# Run a command with the tools of .venv first on the PATH (for the hooks in .pre-commit-config.yaml).

PATH="$PWD/.venv/bin:$PATH" exec "$@"
