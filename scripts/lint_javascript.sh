#!/bin/sh
# Check the JavaScript of the page: its types (tsc) and its habits (biome); brings axe-core for tests/browser/test_accessibility.py.
# All from npm, for development only.
#
#   sh scripts/lint_javascript.sh
#
# Where npm or its registry cannot be had this says so and succeeds.

cd "$(dirname "$0")/../dev" || exit 1

without() {
    echo "JAVASCRIPT NOT CHECKED: $*" >&2
    exit 0
}

if ! [ node_modules/.stamp -nt package.json ]; then
    command -v npm >/dev/null 2>&1 || without "npm is not installed"
    npm install --no-package-lock --no-audit --no-fund --silent --fetch-retries 1 \
        --fetch-timeout 20000 || without "npm could not fetch them"
    touch node_modules/.stamp
fi
node_modules/.bin/tsc -p tsconfig.json && node_modules/.bin/biome lint --config-path=. --error-on-warnings ../views
