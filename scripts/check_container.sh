#!/bin/sh
# Builds the image and runs it without a container engine: as root on Debian, with debootstrap and buildah.
#
#   sh scripts/check_container.sh [none|builtin]
#
# buildah follows the Dockerfile in a chroot. What it made is then run as an unprivileged user over a root that is bound
# read-only. No image is pulled: debootstrap makes the base. PIP_CONF names a configuration of pip for the build.
set -eu

cd "$(dirname "$0")/.."
engine=${1:-none}
kept=${CONTAINER_CHECK:-out/container-check}
limit_mb=200
image=localhost/limner-check

main() {
    for program in debootstrap buildah unshare chroot curl; do
        command -v "$program" >/dev/null || { echo "check_container: install $program (apt-get install debootstrap buildah)" >&2; exit 2; }
    done
    mkdir -p "$kept"
    kept=$(cd "$kept" && pwd)
    base
    build
    root=$(mounted)
    size "$root"
    holds_no_tools "$root"
    runs "$root"
    echo "The image was built, and works."
}

buildah() { command buildah --storage-driver overlay --root "$kept/storage" --runroot "$kept/run" "$@"; }

base() {
    [ -d "$kept/debian" ] || debootstrap --variant=minbase bookworm "$kept/debian" >"$kept/debootstrap.log"
    buildah images --quiet localhost/limner-base >/dev/null 2>&1 && return
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$kept/debian" / >/dev/null
    buildah commit --quiet "$container" localhost/limner-base >/dev/null
    buildah rm "$container" >/dev/null
}

build() {
    set -- --build-arg BASE=localhost/limner-base --build-arg "ENGINE=$engine"
    [ -z "${PIP_CONF-}" ] || set -- "$@" --volume "$PIP_CONF:/etc/pip.conf:ro"
    [ -z "${PIP_CERT-}" ] || set -- "$@" --volume "$PIP_CERT:/run/pip.crt:ro"
    buildah bud --isolation chroot --format docker --layers "$@" --tag "$image" . >"$kept/build.log" 2>&1 || {
        tail -n 30 "$kept/build.log" >&2
        exit 1
    }
}

mounted() { buildah mount "$(buildah from "$image")"; }

size() {
    megabytes=$(du -sm "$1" | cut -f1)
    echo "unpacked: $megabytes MB (engine: $engine)"
    [ "$engine" != none ] || [ "$megabytes" -lt "$limit_mb" ] || { echo "more than $limit_mb MB" >&2; exit 1; }
}

holds_no_tools() {
    found=$(cd "$1" && find . \( -name sh -o -name bash -o -name 'gcc*' -o -name cc -o -name ld -o -name dpkg -o -name apt-get \
        -o -name pip -o -name busybox \) -type f -perm /111; find "$1" -type f -perm /6000)
    [ -z "$found" ] || { echo "the image holds $found" >&2; exit 1; }
}

# The entry point, over a root that nobody can write to, with /data and /tmp alone; then the health check and a task.
runs() {
    data=$(mktemp -d)
    chown 10001:10001 "$data"
    port=18765
    unshare --mount sh -eu -c '
        mount --bind "$1" "$1" && mount --bind "$2" "$1/data" && mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
        mount -o remount,bind,ro "$1"
        exec chroot --userspec=10001:10001 "$1" /opt/limner/bin/python3 -c "
import os
os.environ.clear()
os.environ.update(PATH=\"/opt/limner/bin\", LIMNER_DATA=\"/data\", LIMNER_PORT=\"$3\", LIMNER_ENGINE=\"$4\", PYTHONUTF8=\"1\")
try:
    open(\"/written\", \"w\")
except OSError:
    os.execvp(\"limner\", [\"limner\", \"serve\"])
raise SystemExit(\"the root can be written\")
"' sh "$1" "$data" "$port" "$([ "$engine" = none ] && echo sandbox || echo builtin)" >"$kept/serve.log" 2>&1 &
    server=$!
    trap 'kill $server 2>/dev/null || :' EXIT
    tries=0
    until chroot --userspec=10001:10001 "$1" /opt/limner/bin/python3 /opt/limner/healthy.py "http://127.0.0.1:$port/readyz" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] && kill -0 "$server" || { cat "$kept/serve.log" >&2; exit 1; }
        sleep 1
    done
    api=http://127.0.0.1:$port/v2/openapi
    key="Authorization: Bearer $(cat "$data/first-key")"
    task=$(curl -sf "$api/task" -H "$key" -d '{"type":"generate_image","prompt":"a cat"}' | grep -oE '[0-9a-f-]{36}')
    until curl -sf "$api/task/$task" -H "$key" | grep -q '"status":"success"'; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || { curl -s "$api/task/$task" -H "$key" >&2; exit 1; }
        sleep 0.5
    done
    echo "a task succeeded, as user $(ps -o uid= -p "$server" | tr -d ' ') over a read-only root"
    kill -TERM "$server"
    wait "$server"
    trap - EXIT
    rm -rf "$data"
}

main
