# Sourced by examples/quickstart.sh and tests/run.sh: installs Debian packages that are missing, and builds.
# SPDX-License-Identifier: BSD-3-Clause
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install LIST...: the packages of the list that are not there yet
install_packages() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing: ${missing[*]}"
    as_root apt-get update -q >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# packages run|test: names from tests/packages.txt
packages() {
    case $1 in
    run) sed '/^---/,$d; /^#/d' "$root/tests/packages.txt" ;;
    test) sed '/^---/d; /^#/d' "$root/tests/packages.txt" ;;
    esac
}

# build FOLDER [cmake options]: configures once, builds
build() {
    local folder=$1
    shift
    cmake -S "$root" -B "$folder" -G Ninja "$@" >"$folder.configure.log" 2>&1 ||
        { cat "$folder.configure.log"; return 1; }
    rm -f "$folder.configure.log"
    cmake --build "$folder" -j "${JOBS:-$(nproc)}"
}
