#!/bin/sh
# Print the path of a Chromium for the browser tests, installing one if need be; print nothing where there is none.
#
#   CHROMIUM=$(sh scripts/ensure_chromium.sh .venv/bin/python)
#
# Everything but the path goes to stderr. The exit status is 0 either way: without a browser its tests skip and say so.

python=${1:-python3}

say() {
    echo "$*" >&2
}

use_if_it_runs() {
    if [ -n "$1" ] && "$1" --version >/dev/null 2>&1; then
        echo "$1"
        exit 0
    fi
}

from_playwright() {
    "$python" -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)' 2>/dev/null
}

use_if_it_runs "${CHROMIUM:-}"
use_if_it_runs "$(command -v chromium)"
use_if_it_runs "$(from_playwright)"

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing chromium with apt-get for the browser tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >&2 || say "apt-get update failed; trying with the lists at hand"
    apt-get install -q -y --no-install-recommends chromium >&2
    use_if_it_runs "$(command -v chromium)"
fi

say "Downloading Playwright's Chromium for the browser tests"
"$python" -m playwright install chromium >&2
use_if_it_runs "$(from_playwright)"

say ""
say "*** No Chromium on this machine, and none could be installed: the browser tests will be SKIPPED."
say "*** Install one, or name it: CHROMIUM=/path/to/chromium make test"
exit 0
