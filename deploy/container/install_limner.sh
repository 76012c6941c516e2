#!/bin/sh
# Builds Limner's wheels and installs them into /opt/limner, compiled, as nothing can be written there later.
#
#   install_limner.sh none|builtin
set -eu

set -- . $([ "$1" = none ] || echo "packages/limner-$1")
for project; do
    (cd "$project" && /opt/pip/bin/python -m hatchling build --target wheel --directory /opt/pip/wheels)
done
/opt/pip/bin/pip --python /opt/limner/bin/python3 install --no-cache-dir --no-compile --no-deps --no-index \
    /opt/pip/wheels/*.whl

# Sources of C, tests and symbols for debuggers: no program reads them.
cd /opt/limner/lib/python3*/site-packages
find . \( -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.pyi' \) -delete
find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
# Named one by one: the libraries that wheels bundle (numpy.libs) are patched, and would not load any more.
find uvloop aiohttp sqlalchemy PIL ./_awscrt*.so -name '*.so' -exec strip --strip-debug {} +
# SQLAlchemy serves migrations alone, Pygments tracebacks: their bytecode would take more space than it saves time.
python3 -m compileall -q --invalidation-mode unchecked-hash -x '/(sqlalchemy|alembic|pygments)/' .
