#!/bin/sh
# Installs the wheels as people do, with every CPython from 3.11 that is found, and makes a picture with each.
#
#   sh scripts/check_install.sh [PYTHON ...]
#   WHEELS=FOLDER UV=/usr/bin/uv sh scripts/check_install.sh     where no checkout is built: wheels that are there, another uv
#
# Wheels of Limner are built from the checkout and stand in for the package index; everything else is fetched. Each
# environment and home is empty. What each took is printed: seconds of the installation, megabytes.
set -eu

cd "$(dirname "$0")/.."
top=$(pwd)
uv=${UV:-$top/.venv/bin/uv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

main() {
    [ -n "${WHEELS-}" ] && cp -r "$WHEELS" "$work/wheels" || wheels
    [ "$#" -gt 0 ] || set -- $(pythons)
    for python; do
        version=$("$python" -c 'import platform; print(platform.python_version())')
        installed pip "$python" "limner" "LIMNER_ENGINE=sandbox"
        installed pip "$python" "limner[builtin,vendors]" ""
        run_by_uvx "$python"
    done
}

wheels() {
    for project in . packages/*/; do
        (cd "$project" && "$top/.venv/bin/python" -m hatchling build --target wheel --directory "$work/wheels" >/dev/null 2>&1)
    done
}

# One of each minor version: what is on PATH, and what pyenv has.
pythons() {
    for minor in 11 12 13 14; do
        for found in $(command -v "python3.$minor" || :) "$HOME/.pyenv/versions/3.$minor".*/bin/python; do
            "$found" -c 'import ensurepip, venv' 2>/dev/null && echo "$found" && break
        done
    done
}

installed() {
    home=$work/$version-$3
    mkdir -p "$home"
    "$2" -m venv "$home/venv"
    began=$(date +%s)
    "$home/venv/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check --find-links "$work/wheels" "$3"
    took=$(($(date +%s) - began))
    picture "$home" "$home/venv/bin/limner" "$4"
    echo "CPython $version, pip install '$3': $took s, $(du -sm "$home/venv" | cut -f1) MB, a picture made"
    rm -rf "$home"
}

run_by_uvx() {
    home=$work/uvx-$version
    mkdir -p "$home"
    export UV_CACHE_DIR="$home/cache" UV_TOOL_DIR="$home/tools"
    uvx="\"$uv\" tool run --quiet --python \"$1\" --find-links \"$work/wheels\" --from \"limner[builtin]\""
    began=$(date +%s)
    eval "$uvx limner --version" >/dev/null
    took=$(($(date +%s) - began))
    printf '#!/bin/sh\nexec %s limner "$@"\n' "$(echo "$uvx" | sed 's/--quiet/--quiet --offline/')" >"$home/limner"
    chmod +x "$home/limner"
    picture "$home" "$home/limner" ""
    echo "CPython $version, uvx --from 'limner[builtin]' limner: $took s the first time, a picture made"
    rm -rf "$home"
}

# Serves, asks by HTTP as the quick start does, and stops: HOME LIMNER VARIABLE
picture() {
    port=18$(($$ % 900 + 100))
    env -i HOME="$1" PATH=/usr/bin:/bin UV_CACHE_DIR="${UV_CACHE_DIR-}" LIMNER_DATA="$1/data" ${3:+"$3"} "$2" serve --port "$port" \
        >"$1/log" 2>&1 &
    server=$!
    tries=0
    until curl -sf "http://127.0.0.1:$port/readyz" >/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] && kill -0 "$server" || { cat "$1/log" >&2; exit 1; }
        sleep 0.2
    done
    key="Authorization: Bearer $(cat "$1/data/first-key")"
    api=http://127.0.0.1:$port/v2/openapi
    task=$(curl -sf "$api/task" -H "$key" -d '{"type":"generate_image","prompt":"a cat"}' | grep -oE '[0-9a-f-]{36}')
    until answer=$(curl -sf "$api/task/$task" -H "$key") && echo "$answer" | grep -q '"status":"success"'; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || { echo "$answer" >&2; exit 1; }
        sleep 0.2
    done
    link=$(echo "$answer" | grep -oE '"generated_image":"[^"]*"' | cut -d'"' -f4)
    curl -sf "$link" -o "$1/picture"
    [ "$(stat -c %s "$1/picture")" -gt 1000 ]
    kill "$server"
    wait "$server"
}

main "$@"
