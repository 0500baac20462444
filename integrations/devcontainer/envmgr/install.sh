#!/bin/sh
# Installs envmgr for all users of a dev container. Runs as root while the image is built; DESTDIR is a root other than /.
set -eu
feature=$(cd "$(dirname "$0")" && pwd)
client=${DESTDIR:-}/usr/local/lib/envmgr
programs=${DESTDIR:-}/usr/local/bin
home=${DESTDIR:-}/var/lib/envmgr
user=${_REMOTE_USER:-root}
user_home=${DESTDIR:-}${_REMOTE_USER_HOME:-/root}

fail() {
    printf '%s\n' "error: cannot install envmgr: $1" "hint: $2" >&2
    exit 1
}

find_package() {
    if [ "${PACKAGE:-}" ]; then
        echo "$PACKAGE"
        return
    fi
    for wheel in "$feature"/*.whl; do
        if [ -f "$wheel" ]; then echo "$wheel"; fi
    done
}

# With pip, which Debian packages apart.
has_python() {
    python3 -c 'import pip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

install_python() {
    if command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip
        rm -rf /var/lib/apt/lists/*
    elif command -v apk >/dev/null; then
        apk add --quiet --no-cache python3 py3-pip
    elif command -v dnf >/dev/null; then
        dnf install -y -q python3 python3-pip
    fi
}

# The directory of the tools must be below the user's home: when the user gets the UID of the host's user, only that
# changes its owner, too.
link_home() {
    directory=$user_home
    for name in .local share envmgr; do
        directory=$directory/$name
        if ! [ -d "$directory" ]; then
            mkdir "$directory"
            chown "$user" "$directory"
        fi
    done
    mkdir -p "$(dirname "$home")"
    ln -sfn "$directory" "$home"
}

package=$(find_package)
[ "$package" ] || fail 'no package' 'set the option package, or put a wheel beside install.sh'
has_python || install_python
has_python || fail 'Python 3.11 or newer with pip not found' 'add the feature ghcr.io/devcontainers/features/python'

python3 -m venv --clear --without-pip "$client"
python3 -m pip --python "$client" install --quiet --disable-pip-version-check "$package"
mkdir -p "$programs"
ln -sf "$client/bin/envmgr" "$programs/envmgr"
link_home
