#!/usr/bin/env bash
# clang-tidy 14 over every C file of the product: tidy.sh BUILD_FOLDER
set -eu
build=$(realpath "$1")
cd "$(dirname "$0")/../.."
tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
git ls-files 'src/*.c' 'stages/*.c' 'plugin/*.c' ':!plugin/template' |
    xargs -r -n 1 -P "${JOBS:-2}" "$tidy" -p "$build" --quiet 2>/dev/null
