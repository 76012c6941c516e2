#!/bin/sh
# Follows docs/systemd.md where systemd runs, by the commands that stand in it: restarts under load, a hang, removal.
#
#   sh scripts/check_service.sh
#
# As root, on a machine or in a container that may be thrown away: packages are installed into /opt/limner, units into /etc.
# Needs python3-venv and curl. Takes three minutes, one of which the watchdog waits.
set -eu

cd "$(dirname "$0")/.."
url=http://127.0.0.1:8000

main() {
    [ -d /run/systemd/system ] || { echo "check_service: systemd does not run this machine" >&2; exit 2; }
    [ ! -e /etc/limner ] && [ ! -e /opt/limner ] || { echo "check_service: Limner is installed here" >&2; exit 2; }
    work=$(mktemp -d)
    cp -r pyproject.toml README.md LICENSE NOTICE src packages docs "$work"
    cd "$work"
    sh -eu -c "$(block docs/install.md 'python3 -m venv limner' | grep -v 'limner serve')"
    sh -eu -c "$(block docs/systemd.md 'python3 -m venv')"
    sh -eu -c "$(block docs/systemd.md 'limner service install' | head -n 1)"
    key=$(cat /var/lib/limner/first-key)
    serves
    restarts_without_refusal
    is_restarted_when_it_hangs
    other_commands
    apart
    limner service remove
    [ -z "$(ls /etc/systemd/system/*limner* 2>/dev/null)" ] && [ -e /var/lib/limner/limner.db ]
    echo "removed: units are gone, settings and data stay"
    echo "The commands of the page work."
}

serves() {
    curl -sf "$url/readyz" >/dev/null
    task=$(curl -sf "$url/v2/openapi/task" -H "Authorization: Bearer $key" -d '{"type":"generate_image","prompt":"a cat"}' |
        grep -oE '[0-9a-f-]{36}')
    tries=0
    until curl -sf "$url/v2/openapi/task/$task" -H "Authorization: Bearer $key" | grep -q '"status":"success"'; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || exit 1
        sleep 0.5
    done
    echo "installed: a task succeeded; $(systemd-analyze security --no-pager "${1:-limner}" | tail -n 1)"
}

restarts_without_refusal() {
    for number in $(seq 150); do
        curl -s -o /dev/null -w '%{http_code}\n' "$url/v2/openapi/task/$task" -H "Authorization: Bearer $key"
        sleep 0.05
    done >statuses &
    reading=$!
    systemctl restart limner
    systemctl restart limner
    wait "$reading"
    [ "$(sort -u statuses)" = 200 ] || { sort statuses | uniq -c >&2; exit 1; }
    echo "restarted twice: 150 reads, none refused"
}

is_restarted_when_it_hangs() {
    hung=$(systemctl show -p MainPID --value limner)
    kill -STOP "$hung"
    tries=0
    until now=$(systemctl show -p MainPID --value limner) && [ "$now" != "$hung" ] && [ "$now" != 0 ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || exit 1
        sleep 1
    done
    serves
    [ "$(systemctl show -p NRestarts --value limner)" = 1 ]
    echo "stopped by SIGSTOP: ended by the watchdog and started again within $tries s"
}

other_commands() { bash -eu -c "$(block docs/systemd.md 'set -a')" | grep '^tsk_' >/dev/null; }

apart() {
    limner service remove
    sh -eu -c "$(block docs/systemd.md 'limner service install' | sed -n 's/ *#.*//; 3p' | sed 's/--workers 4/--workers 2/')"
    systemctl restart limner-api 'limner-worker@*'
    [ "$(systemctl is-active limner-api limner-worker@1 limner-worker@2 | sort -u)" = active ]
    serves limner-api
}

# The block of a page that begins with these words: PAGE WORDS
block() {
    awk -v words="$2" '
        /^    / { text = text substr($0, 5) "\n"; next }
        { if (index(text, words) == 1) printf "%s", text; text = "" }' "$1"
}

main
