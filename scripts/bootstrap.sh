#!/bin/sh
# Makes .venv at the root of the checkout and installs what is asked for, by the hashes in requirements/.
#
#   sh scripts/bootstrap.sh run     what `make demo` and `make serve` need
#   sh scripts/bootstrap.sh dev     that, and what `make test` needs, PostgreSQL's programs included
#   sh scripts/bootstrap.sh diffusers
#                                   what `make test-diffusers` needs, in .venv-diffusers: torch weighs gigabytes
#   sh scripts/bootstrap.sh cluster what `make cluster` needs: `dev`, and Debian's Patroni, etcd, HAProxy, nftables and faketime
#   sh scripts/bootstrap.sh ray     what `make test-ray` needs, in .venv-ray: Ray has versions of its own
#   sh scripts/bootstrap.sh make    only `make` itself
#
# Nothing happens when it has been done already. Debian packages are installed when this runs as root;
# otherwise the one command that installs them is printed. PYTHON names another interpreter than python3, TORCH another
# release of torch than the tested one.
set -eu

python=${PYTHON:-python3}
env=.venv

main() {
    cd "$(dirname "$0")/.."
    case "${1-}" in
    make)
        have make || debian_packages make
        ;;
    cluster)
        sh scripts/bootstrap.sh dev
        missing=
        for each in patroni:patroni etcd:etcd-server haproxy:haproxy nft:nftables faketime:faketime pgbouncer:pgbouncer ip:iproute2; do
            have "${each%:*}" || [ -x "/usr/sbin/${each%:*}" ] || missing="$missing ${each#*:}"
        done
        # shellcheck disable=SC2086 # one word per package
        [ -z "$missing" ] || debian_packages $missing
        ;;
    run | dev | diffusers | ray)
        case "$1" in diffusers | ray) env=.venv-$1 ;; esac
        up_to_date "$1" || up_to_date dev && return
        system "$1"
        environment
        install "$1"
        [ "$1" != diffusers ] || install_torch
        fingerprint "$1" >"$env/installed-$1"
        ;;
    *)
        sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
}

have() { command -v "$1" >/dev/null 2>&1; }

say() { printf 'bootstrap: %s\n' "$*" >&2; }

# What was installed, and where.
fingerprint() {
    set -- "requirements/$1.txt" scripts/bootstrap.sh scripts/index_of_pip.py pyproject.toml packages/*/pyproject.toml
    { pwd -P && cat "$@" 2>/dev/null; } | cksum
}

up_to_date() {
    [ -x "$env/bin/python" ] && [ -f "$env/installed-$1" ] && [ "$(cat "$env/installed-$1")" = "$(fingerprint "$1")" ]
}

# --- the system -------------------------------------------------------------------------------------------

system() {
    python_is_new_enough
    missing=
    python_can_make_environments || missing="$missing python3-venv"
    [ "$1" != dev ] || have_postgres || missing="$missing postgresql"
    [ "$1" != dev ] || have pgbouncer || [ -x /usr/sbin/pgbouncer ] || missing="$missing pgbouncer"
    [ "$1" != dev ] || have chromium || missing="$missing chromium"
    [ "$1" != dev ] || have firefox-esr || have firefox || missing="$missing firefox-esr"
    [ "$1" != dev ] || have promtool || missing="$missing prometheus"
    [ "$1" != dev ] || have systemd-analyze || missing="$missing systemd"
    have make || missing="$missing make"
    # shellcheck disable=SC2086 # one word per package
    [ -z "$missing" ] || debian_packages $missing
}

python_is_new_enough() {
    have "$python" || return 0
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        say "Limner needs Python 3.11 or newer, and $python is $("$python" --version). Name another: PYTHON=python3.12 make ..."
        exit 1
    }
}

python_can_make_environments() {
    environment_works || "$python" -c 'import ensurepip, venv' 2>/dev/null
}

have_postgres() {
    have pg_ctl && return
    for program in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$program" ] && return
    done
    return 1
}

debian_packages() {
    if ! have apt-get; then
        say "please install these with your system's package manager (Debian calls them): $*"
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        may_be_skipped "$@" && return
        say "please type this once, then try again:"
        printf '\n    sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n\n' "$*" >&2
        exit 1
    fi
    say "installing Debian's $*"
    no_cluster "$@"
    no_service "$@"
    log=$(mktemp)
    apt_install "$@" || { apt update && apt_install "$@"; } || {
        cat "$log" >&2
        exit 1
    }
    rm -f "$log"
}

apt_install() {
    apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
}

# apt's many lines are shown only when it fails.
apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >"$log" 2>&1 </dev/null
}

# Without PostgreSQL's programs, PgBouncer, Chromium, Firefox, promtool or systemd-analyze the suite still runs: it skips what needs them, and says so at its end.
may_be_skipped() {
    [ -z "${CI-}" ] || return 1
    for package in "$@"; do
        case "$package" in postgresql | pgbouncer | chromium | firefox-esr | prometheus | systemd) ;; *) return 1 ;; esac
    done
    say "missing, so the tests that need them will be skipped: $* (apt-get install --no-install-recommends $*)"
}

# The tests start a server of their own: Debian's package is to bring programs, not a running database.
no_cluster() {
    case " $* " in *" postgresql "*) ;; *) return 0 ;; esac
    [ -e /etc/postgresql-common/createcluster.conf ] && return
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
}

# The tests start what they need: Debian's packages are to bring programs, not servers that run from then on.
no_service() {
    [ -d /etc/systemd/system ] || return 0
    for package in "$@"; do
        package=${package%-server}
        case "$package" in prometheus | pgbouncer | patroni | etcd | haproxy | nftables) ;; *) continue ;; esac
        [ -e "/etc/systemd/system/$package.service" ] || ln -s /dev/null "/etc/systemd/system/$package.service"
    done
}

# --- the environment --------------------------------------------------------------------------------------

environment() {
    environment_works && return
    say "making $env"
    rm -rf "$env"
    "$python" -m venv "$env"
}

# Its scripts hold its path, so a checkout that was moved or copied needs a new one.
environment_works() {
    grep -qsF "$(pwd -P)/$env/" "$env/bin/pip" &&
        "$env/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The lock is complete, so there is nothing to resolve (--no-deps); Limner itself is linked, not copied: what
# you edit, or pull, is what runs. uv takes seconds where pip takes a minute or two.
install() {
    lock=requirements/$1.txt
    set -- -e .
    for package in packages/*/pyproject.toml; do
        [ ! -f "$package" ] || set -- "$@" -e "$(dirname "$package")"
    done
    if ! { uv_is_there && say "installing $lock" && install_with uv "$lock" "$@"; }; then
        say "installing $lock with pip (the first time takes a minute or two)"
        install_with pip "$lock" "$@"
    fi
    grep -q '^uv==' "$lock" || pip uninstall --yes uv # sixty megabytes that nothing else needs
}

install_with() {
    "$1" install --require-hashes --no-deps -r "$2" || return
    with=$1
    shift 2
    "$with" install --no-deps --no-build-isolation "$@"
}

# uv in the version and by the hashes that requirements/dev.txt has, if it can ask what pip is set to ask.
uv_is_there() {
    index_of_pip >/dev/null || return
    awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements/dev.txt >"$env/uv.txt"
    pip install --require-hashes --no-deps -r "$env/uv.txt"
}

# The one thing that no lock pins: which of its builds runs here depends on the machine's card.
install_torch() {
    "$env/bin/python" -c 'import torch' 2>/dev/null && return
    say "installing torch (200 MB for the CPU alone, 3 GB with what CUDA needs)"
    pip install "${TORCH:-torch==2.13.0}"
}

# In a shell of its own, which alone knows the index, and forgets it: no file names one.
uv() (
    variables=$(index_of_pip) || return
    eval "$variables"
    export UV_INDEX_STRATEGY=unsafe-best-match # as pip does; the hashes decide what is let in
    "$env/bin/uv" pip --quiet "$@" --python "$env/bin/python"
)

index_of_pip() {
    "$env/bin/python" -m pip --disable-pip-version-check config list | "$env/bin/python" scripts/index_of_pip.py
}

pip() {
    "$env/bin/python" -m pip --disable-pip-version-check --no-input --quiet --quiet "$@"
}

main "$@"
