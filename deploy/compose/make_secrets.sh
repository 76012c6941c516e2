#!/bin/sh
# Makes the secrets of cluster.yaml in secrets/, once. Who has them has everything: keep them, and back them up.
set -eu

cd "$(dirname "$0")"
umask 077
mkdir secrets
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
random >secrets/postgres_password
random >secrets/limner_secret
random >secrets/s3_secret_key
printf 'postgresql://limner:%s@postgres/limner' "$(cat secrets/postgres_password)" >secrets/database_url
# Compose binds them into containers whose user is another: the folder keeps others out.
chmod 644 secrets/*
