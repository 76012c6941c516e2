#!/bin/sh
# Copies /opt/limner, Python, and the libraries that they load to a folder that becomes the root of the image.
#
#   copy_root.sh /image
set -eu

image=$1
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

main() {
    mkdir -p "$image/usr/bin" "$image/usr/lib" "$image/usr/lib64" "$image/etc/ssl/certs"
    for link in bin lib lib64; do ln -s "usr/$link" "$image/$link"; done
    { files_of_python; libraries; } | sort -u | tar --create --absolute-names --no-recursion --files-from - --file - |
        tar --extract --keep-directory-symlink --directory "$image" --file -
    cp "$(dirname "$0")/healthy.py" "$image/opt/limner/healthy.py"
    cp -L /etc/ssl/certs/ca-certificates.crt "$image/etc/ssl/certs/"
    accounts
    python3 -m compileall -q --invalidation-mode unchecked-hash "$image/usr/lib/python$version" "$image/usr/lib/python3" || :
}

files_of_python() {
    find /opt/limner -not -path '/opt/limner/bin/*'
    echo /opt/limner/bin/limner
    find /opt/limner/bin -name 'python3*'
    dpkg -L python3-minimal "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib" netbase media-types |
        grep -vE '^/usr/share|/py3|/(idlelib|ensurepip|lib2to3|pydoc_data|test|tests|turtledemo|distutils)(/|$)'
}

# What the interpreter and each extension load, under the name they ask for and as the file behind it.
libraries() {
    {
        ldd "/usr/bin/python$version"
        find "/usr/lib/python$version/lib-dynload" /opt/limner \( -name '*.so' -o -name '*.so.[0-9]*' \) -exec ldd {} + 2>/dev/null
    } | awk '$2 == "=>" && $3 ~ /^\/(usr\/)?lib/ { print $3 } $1 ~ /^\/.*[^:]$/ { print $1 }' | sort -u | while read -r library; do
        echo "$library"
        readlink -f "$library"
    done
    # Names of hosts are looked up by these, which nothing links to.
    find /usr/lib /lib -name 'libnss_files.so*' -o -name 'libnss_dns.so*' -o -name 'libresolv.so*'
}

accounts() {
    echo 'limner:x:10001:10001:Limner:/data:/none' >"$image/etc/passwd"
    echo 'limner:x:10001:' >"$image/etc/group"
    echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
    install -d -m 1777 "$image/tmp"
    install -d -m 0700 -o 10001 -g 10001 "$image/data"
}

main
