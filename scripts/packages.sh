#!/bin/sh
# Install those of the named Debian packages that this machine lacks; whoever is not root is told which.
set -eu

PATH=$PATH:/usr/sbin:/sbin

is_here() {
    case $1 in
        python3-venv) "${PYTHON:-python3}" -c 'import ensurepip, venv' ;;
        postgresql) command -v initdb || ls /usr/lib/postgresql/*/bin/initdb ;;
        bubblewrap) command -v bwrap ;;
        qemu-utils) command -v qemu-img ;;
        e2fsprogs) command -v mkfs.ext4 ;;
        maven) command -v mvn ;;
        *) command -v "$1" || dpkg -s "$1" ;;
    esac >/dev/null 2>&1
}

missing=
for package in "$@"; do
    is_here "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # shellcheck disable=SC2086  # one word for each package
    apt-get install -q -y --no-install-recommends $missing
else
    echo "This machine lacks what these Debian packages have:$missing" >&2
    echo "Install them (sudo apt-get install$missing), or what your system calls them." >&2
    case $missing in *python3-venv*) exit 1 ;; esac # the others only limit what can be tested and converted
fi
