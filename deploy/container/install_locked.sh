#!/bin/sh
# Installs what Limner needs into /opt/limner by the hashes of its locks; pip and what builds stay in /opt/pip.
#
#   install_locked.sh none|builtin
set -eu

python3 -m venv --without-pip /opt/limner
python3 -m venv /opt/pip
build='^(editables|hatchling|packaging|pathspec|pluggy|trove-classifiers)=='
awk -v build="$build" '$0 ~ build { on = 1 } on { print } !/\\$/ { on = 0 }' requirements/run.txt >/opt/pip/build.txt
/opt/pip/bin/pip install --no-cache-dir --require-hashes --no-deps -r /opt/pip/build.txt
/opt/pip/bin/pip --python /opt/limner/bin/python3 install --no-cache-dir --no-compile --require-hashes --no-deps \
    -r "requirements/extras/$1.txt"
