#!/bin/sh
# Says for which systems, processors and CPythons every package of the locks of installations has a wheel.
#
#   sh scripts/check_platforms.sh
#
# Nothing is installed or run: a package that has a wheel may still not work there. The index is asked. Linux with glibc has
# to have all, on both processors; what the others lack is told.
set -eu

cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never UV_INDEX_STRATEGY=unsafe-best-match MACOSX_DEPLOYMENT_TARGET=14.0
told=$(mktemp)
trap 'rm -f "$told"' EXIT

main() {
    failed=0
    for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28; do
        looked_at "$platform" || failed=1
    done
    for platform in x86_64-unknown-linux-musl aarch64-unknown-linux-musl aarch64-apple-darwin x86_64-apple-darwin x86_64-pc-windows-msvc; do
        looked_at "$platform" || :
    done
    return $failed
}

# One line a platform: what has no wheel there.
looked_at() {
    lacks=
    for lock in requirements/extras/*.txt; do
        for python in 3.11 3.12 3.13 3.14; do
            has_wheels "$1" "$python" "$lock" || lacks="$lacks $(basename "$lock" .txt)/$python:$(sed -n 's/.*Because \([^ ]*\) has no .*wheels.*/\1/p' "$told")"
        done
    done
    echo "$1: ${lacks:-every package has a wheel}"
    [ -z "$lacks" ]
}

has_wheels() {
    .venv/bin/uv pip install --quiet --dry-run --target "${TMPDIR:-/tmp}/none" --python-platform "$1" --python-version "$2" \
        --only-binary :all: --no-deps --require-hashes -r "$3" 2>"$told"
}

main
