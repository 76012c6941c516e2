#!/bin/sh
# Follows docs/container.md and docs/compose.md with Docker, by the commands that stand in them, and makes pictures.
#
#   sh scripts/check_engine.sh
#
# Needs Docker with Compose 2.24 or newer, curl, the ports 80, 443 and 8000, and images that Docker has or can pull. Builds
# from a copy of the checkout. What the pages make is removed again; where there is something of those names, nothing is
# done.
set -eu

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

main() {
    docker compose version >/dev/null
    [ -z "$(docker volume ls --quiet --filter name='^limner')$(docker ps --all --quiet --filter name='^limner')" ] ||
        { echo "check_engine: there are containers or volumes named limner already" >&2; exit 2; }
    git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - | tar --extract --directory "$work"
    cd "$work"
    container
    one_machine
    cluster
    echo "The commands of both pages work."
}

container() {
    export OPENAI_API_KEY=sk-none
    key=$(sh -eu -c "$(block docs/container.md 'docker build')" | tail -n 1)
    until [ "$(docker inspect limner --format '{{.State.Health.Status}}')" = healthy ]; do sleep 1; done
    [ -n "$(task http://127.0.0.1:8000)" ]
    docker stop -t 60 limner >/dev/null
    [ "$(docker inspect limner --format '{{.State.ExitCode}}')" = 0 ]
    echo "container: healthy, takes a task, stops with 0; $(docker image inspect limner --format '{{.Size}}') bytes"
    docker rm limner >/dev/null
    docker volume rm limner >/dev/null
    unset OPENAI_API_KEY
}

one_machine() {
    key=$(sh -eu -c "$(block docs/compose.md 'cd deploy/compose
docker compose up')" | tail -n 1)
    found=$(task http://127.0.0.1:8000)
    (cd deploy/compose && docker compose restart)
    succeeds http://127.0.0.1:8000 "$found"
    (cd deploy/compose && docker compose down --volumes)
    echo "compose.yaml: a picture, over a restart"
}

# As the page says of a machine without a public name: without SITE and LIMNER_PUBLIC_URL.
cluster() {
    key=$(sh -eu -c "$(block docs/compose.md 'cd deploy/compose
sh make_secrets' | sed 's/SITE=[^ ]* LIMNER_PUBLIC_URL=[^ ]* //')" | tail -n 1)
    made=
    for number in 1 2 3 4 5 6 7 8; do made="$made $(task https://localhost)"; done
    reads "$made" >"$work/statuses" &
    reading=$!
    docker stop -t 60 limner-cluster-api-1 >/dev/null
    docker start limner-cluster-api-1 >/dev/null
    (cd deploy/compose && docker compose -f cluster.yaml up --detach --scale worker=4 --wait)
    wait "$reading"
    [ "$(sort -u "$work/statuses")" = 200 ] || { sort "$work/statuses" | uniq -c >&2; exit 1; }
    for each in $made; do succeeds https://localhost "$each"; done
    (cd deploy/compose && docker compose -f cluster.yaml down --volumes)
    echo "cluster.yaml: eight pictures, and no read refused while an API was away"
}

# The block of a page that begins with these words: PAGE WORDS
block() {
    awk -v words="$2" '
        /^    / { text = text substr($0, 5) "\n"; next }
        { if (index(text, words) == 1) printf "%s", text; text = "" }' "$1"
}

# Sends a task with the key, and prints its id: URL
task() {
    curl -skf "$1/v2/openapi/task" -H "Authorization: Bearer $key" -d '{"type":"generate_image","prompt":"a lighthouse"}' |
        grep -oE '[0-9a-f-]{36}'
}

# Waits until the task has its picture, and fetches it: URL TASK
succeeds() {
    tries=0
    until answer=$(curl -sk "$1/v2/openapi/task/$2" -H "Authorization: Bearer $key") && echo "$answer" | grep -q '"status":"success"'; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || { echo "$answer" >&2; exit 1; }
        sleep 0.5
    done
    curl -skf "$(echo "$answer" | grep -oE '"generated_image":"[^"]*"' | cut -d'"' -f4)" -o "$work/picture"
    [ "$(stat -c %s "$work/picture")" -gt 1000 ]
}

# Prints the statuses of a hundred reads: TASKS
reads() {
    for number in $(seq 100); do
        curl -sk -o /dev/null -w '%{http_code}\n' "https://localhost/v2/openapi/task/${1##* }" -H "Authorization: Bearer $key"
        sleep 0.1
    done
}

main
