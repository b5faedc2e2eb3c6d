#!/usr/bin/env bash
# Includes go one way, up the list of docs/architecture.md, and each foreign library lives in one folder.
# SPDX-License-Identifier: BSD-3-Clause
cd "${SOURCE:-$(dirname "$0")/..}" || exit 1
bad=0
order=(base kernels backend array comm ops models solvers tomo io picture config plugin engine stages app)
level() {
    for k in "${!order[@]}"; do [ "${order[$k]}" = "$1" ] && { echo "$k"; return; }; done
    echo -1
}
say() { echo "$1"; bad=$((bad + 1)); }

# files: folder of a file in the order's words
while read -r file; do
    case $file in
    src/main.c | plugin/template/*) continue ;;
    src/*) from=${file#src/}; from=${from%%/*} ;;
    stages/*) from=stages ;;
    plugin/*) from=plugin ;;
    *) continue ;;
    esac
    here=$(level "$from")
    [ "$here" -ge 0 ] || { say "$file: folder $from is not in the order"; continue; }
    while read -r header; do
        to=${header%%/*}
        there=$(level "$to")
        [ "$there" -ge 0 ] || continue
        [ "$there" -le "$here" ] || say "$file includes $header: $from may not include $to"
        if [ "$from" = stages ] && [ "$there" -gt "$(level picture)" ]; then
            say "$file includes $header: stages may include src/ up to picture"
        fi
    done < <(sed -nE 's/^#include "([a-z]+\/[^"]+)".*/\1/p' "$file")
done < <(git ls-files 'src/*.[ch]' 'src/*.cu' 'stages/*.c' 'plugin/*.[ch]')

[ -d plugin/template ] && grep -rnE '^#include "' include plugin/template --include=*.[ch] && say "public headers and the template use <polyptych/...> only"

only() { # HEADER PATTERN FOLDER...
    local pattern=$1 hits
    shift
    hits=$(git grep -lE "^#include [<\"]$pattern" -- '*.c' '*.h' '*.cu' '*.cpp' | grep -v '^tests/' || true)
    for folder in "$@"; do hits=$(grep -v "^$folder/" <<<"$hits" || true); done
    [ -z "$hits" ] || say "$pattern belongs to $*: $hits"
}
only 'mpi\.h' src/comm
only 'hdf5(_hl)?\.h' src/io
only 'libconfig\.h' src/config
only 'png\.h' src/picture
only 'fftw3\.h' src/backend/cpu src/backend/mock
only 'hwloc\.h' src/backend/cpu
only 'jansson\.h' src/engine src/app
only 'xxhash\.h' src/base
only '(cuda[a-z_]*|cufft[a-zA-Z]*|nccl|cooperative_groups)\.h' src/backend/cuda src/backend/mock

# Nothing foreign in the tree, and limits that are checked: 1000 lines a file, public headers under 250.
while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 1000 ] || say "$file has $lines lines"
done < <(git ls-files '*.c' '*.h' '*.cu')
[ $bad -eq 0 ] && echo "includes go one way"
exit $((bad > 0))
