#!/usr/bin/env bash
# Every C file is as clang-format 14 leaves it.
set -eu
cd "$(dirname "$0")/../.."
format=$(command -v clang-format-14 || command -v clang-format)
git ls-files '*.c' '*.h' '*.cu' '*.cpp' | xargs -r "$format" --dry-run -Werror
