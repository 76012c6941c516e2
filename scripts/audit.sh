#!/bin/sh
# Asks which of the versions in a lock have known weaknesses.
#
#   sh scripts/audit.sh requirements/run.txt
#
# pip-audit asks the package index itself; not every mirror passes the question on. A version that nobody could say
# anything about counts as not audited, and the answer is an error: silence is no clean bill of health.
set -eu

lock=${1:?name a lock, as requirements/run.txt}
found=$(mktemp)
trap 'rm -f "$found"' EXIT

if .venv/bin/uv tool run --quiet pip-audit --strict --require-hashes --disable-pip --requirement "$lock" >"$found" 2>&1; then
    echo "No version in $lock has a weakness that is known."
elif grep -q '^Name .*ID' "$found"; then
    cat "$found"
    exit 1
else
    tail -n 3 "$found" >&2
    echo "audit: the package index says nothing about weaknesses, or cannot be reached: nothing was audited." >&2
    echo "audit: point pip and uv at an index that passes them on, and try again." >&2
    exit 2
fi
