#!/usr/bin/env bash
# The release preset compiles every CUDA source for every architecture that is promised, Turing to Hopper, and PTX of the last; asked of
# the build's own commands, nothing is compiled.
# SPDX-License-Identifier: BSD-3-Clause
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --preset release -S "$SOURCE" -B "$work" >"$work/log" 2>&1 || { tail -5 "$work/log"; exit 1; }
grep -q "cuda back end for" "$work/log" || { echo "skipped: no CUDA toolkit"; exit 77; }
ninja -C "$work" -t commands pp_cuda_objects | grep -- '-c .*\.cu ' >"$work/commands"
for source in "$SOURCE"/src/backend/cuda/*.cu; do
    name=$(basename "$source")
    command=$(grep -- "/$name " "$work/commands") || { echo "$name is not compiled"; exit 1; }
    for a in 75 80 86 89 90; do
        case "$command" in *"arch=compute_$a,code=sm_$a"*) ;; *) echo "$name: no code for sm_$a"; exit 1 ;; esac
    done
    case "$command" in *"arch=compute_90,code=compute_90"*) ;; *) echo "$name: no PTX of 90"; exit 1 ;; esac
    case "$command" in *"-Werror all-warnings"*) ;; *) echo "$name: warnings are no errors"; exit 1 ;; esac
done
# cuFFT's callbacks: LTO-IR for each, in an object of the program
ninja -C "$work" -t commands pp_cuda_objects >"$work/commands"
for source in "$SOURCE"/src/backend/cuda/callbacks/*.cu; do
    name=$(basename "$source" .cu)
    command=$(grep -- "-fatbin .*/$name.cu " "$work/commands") || { echo "$name has no image"; exit 1; }
    for a in 75 80 86 89 90; do
        case "$command" in *"arch=compute_$a,code=lto_$a"*) ;; *) echo "$name: no LTO-IR for $a"; exit 1 ;; esac
    done
    case "$command" in *"-Werror all-warnings"*) ;; *) echo "$name: warnings are no errors"; exit 1 ;; esac
    grep -q "incbin .*cuda_$name.fatbin" "$work/generated/cuda_images.s" || { echo "the image of $name is not in the program"; exit 1; }
done
