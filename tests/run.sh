#!/usr/bin/env bash
# Installs what the tests need (Debian 12), builds with gcc and clang, warnings as errors, runs every test, once more with
# the address and undefined-behaviour sanitizers, those of groups of devices with the thread sanitizer, some with the leak sanitizer, and checks the style. The first build
# compiles the CUDA back end too, where there is nvcc.
#   tests/run.sh [quick]     quick: gcc and its tests only
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"
cd "$root"
install_packages $(packages test)
export JOBS=${JOBS:-$(nproc)}
failed=()

step() {
    local name=$1
    shift
    echo "== $name"
    local start=$SECONDS
    "$@" || failed+=("$name")
    echo "== $name: $((SECONDS - start)) s"
}

suite() { # FOLDER [ctest options]
    local folder=$1
    shift
    [ -e "$folder/built" ] || { echo "$folder was not built"; return 1; }
    ctest --test-dir "$folder" --output-on-failure -j "$JOBS" "$@"
}

make_build() { # FOLDER [cmake options]
    rm -f "$1/built"
    build "$@" && touch "$1/built"
}

# clang with libomp: gcc's libgomp is not instrumented and reports races that are none.
threads=(test_group test_split test_split_view test_split_apart test_split_local test_sweep)
make_threads() {
    rm -f build-tsan/built
    cmake -S . -B build-tsan -G Ninja -DPP_SANITIZE=thread -DPP_CUDA=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang \
        -DCMAKE_CXX_COMPILER=clang++ >build-tsan.configure.log 2>&1 || { cat build-tsan.configure.log; return 1; }
    rm -f build-tsan.configure.log
    cmake --build build-tsan -j "$JOBS" --target "${threads[@]}" && touch build-tsan/built
}

run_threads() {
    local name
    [ -e build-tsan/built ] || { echo "build-tsan was not built"; return 1; }
    for name in "${threads[@]}"; do
        TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1" PP_TEST_BACKEND=cpu OMP_NUM_THREADS=2 "build-tsan/$name" || return 1
    done
}

# Programs that start no MPI, whose modules leak: what their error paths leave. The leak sanitizer is loaded into the plain build.
leaks=(test_config test_cxi test_device_callbacks test_device_group test_device_projector test_device_sweep test_group test_joint test_joint_groups test_link test_projector test_result test_split_view test_sweep)
run_leaks() {
    local sanitizer name
    [ -e build-gcc/built ] || { echo "build-gcc was not built"; return 1; }
    sanitizer=$(gcc -print-file-name=liblsan.so)
    { [ -e "$sanitizer" ] && LD_PRELOAD=$sanitizer true; } || { echo "skipped: the leak sanitizer does not run here"; return 0; }
    for name in "${leaks[@]}"; do
        (cd build-gcc && PP_TEST_BACKEND=cpu OMP_NUM_THREADS=2 SOURCE=$root LD_PRELOAD=$sanitizer "./$name") || return 1
    done
}

step "gcc: build" make_build build-gcc -DPP_WERROR=ON -DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++
if [ "${1:-}" != quick ]; then
    step "clang: build" make_build build-clang -DPP_WERROR=ON -DPP_CUDA=OFF -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++
    step "sanitizers: build" make_build build-asan -DPP_WERROR=ON -DPP_CUDA=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPP_SANITIZE=address,undefined
    step "threads: build" make_threads
    step "style: format" tests/style/format.sh
    step "style: tidy" tests/style/tidy.sh build-clang
    step "clang: tests" suite build-clang -L unit
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
    step "sanitizers: tests" suite build-asan -L unit
    unset ASAN_OPTIONS
    step "threads: tests" run_threads
    step "leaks: tests" run_leaks
fi
step "gcc: tests" suite build-gcc
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}"
    exit 1
fi
echo "all steps passed"
