#!/bin/sh
# Print the path of a Python that can run Winnow (3.11 or newer), or say why there is none.
#
#   sh scripts/find_python.sh [PYTHON]
#
# A PYTHON other than the default `python3` was asked for by name: it is used or refused, never replaced.

wanted=${1:-python3}
others=
if [ "$wanted" = python3 ]; then
    others="python3.13 python3.12 python3.11 python3.14 python"
fi

for candidate in "$wanted" $others; do
    # Run it: a version manager's stub is on the PATH even where the version behind it is not installed.
    if found=$("$candidate" -c '
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
print(sys.executable)' 2>/dev/null); then
        echo "$found"
        exit 0
    fi
done

{
    echo "Winnow needs Python 3.11 or newer."
    if [ -n "$others" ]; then
        echo "Looked for: $wanted $others"
    fi
    if version=$("$wanted" -V 2>&1); then
        echo "'$wanted' is $version."
    else
        echo "'$wanted' does not run here."
    fi
    echo "Install a newer one, or name it: make serve PYTHON=/path/to/python3.12"
} >&2
exit 1
