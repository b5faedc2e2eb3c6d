#!/usr/bin/env bash
# The installed package in a folder of its own; the plugin template built against it; found, described, and refused where it
# must be.
# SPDX-License-Identifier: BSD-3-Clause
# TIMEOUT 240
set -eu
work=$PWD/test_plugin
rm -rf "$work"
mkdir -p "$work"
fail() {
    echo "$*"
    exit 1
}
cmake --install . --prefix "$work/usr" >"$work/install.log"
lib=$(dirname "$(find "$work/usr" -name 'libpolyptych.so' | head -1)")
cp -r "$SOURCE/plugin/template" "$work/template"
cmake -G Ninja -S "$work/template" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/usr" >"$work/cmake.log"
cmake --build "$work/build" >>"$work/cmake.log"
program=$work/usr/bin/polyptych
unset PP_PLUGIN_PATH

# one exported symbol
symbols=$(nm -D --defined-only "$work/build/clip.so" | awk '{print $3}' | grep -v '^_' | tr '\n' ' ')
[ "$symbols" = "pp_plugin_v1 " ] || fail "exported: $symbols"

"$program" stages clip >"$work/out" 2>&1 && fail "clip is there without its plugin"
PP_PLUGIN_PATH=$work/build "$program" stages clip | grep -q "largest" || fail "clip is not described"
cmake --install "$work/build" >>"$work/install.log"
[ -e "$lib/polyptych/plugins-1/clip.so" ] || fail "clip.so is not beside the installed library"
"$program" stages clip | grep -q "largest" || fail "clip is not found beside the library"

# two of one name, and no plugin at all: refused, with the reason
mkdir "$work/bad"
cp "$work/build/clip.so" "$work/bad/second.so"
echo nonsense >"$work/bad/nonsense.so"
PP_PLUGIN_PATH=$work/bad "$program" stages >"$work/list" 2>&1
grep -q "there is a stage 'clip' already" "$work/list" || fail "no word on the second clip"
grep -q "nonsense.so.*cannot be loaded" "$work/list" || fail "no word on nonsense.so"

# another ABI: refused with both numbers
sed 's/^#include <polyptych.polyptych.h>/&\n#undef PP_ABI_MAJOR\n#define PP_ABI_MAJOR 99/' "$work/template/clip.c" >"$work/old.c"
mkdir "$work/old"
${CC:-cc} -std=c17 -shared -fPIC -fvisibility=hidden -I"$work/usr/include" "$work/old.c" -o "$work/old/old.so" >>"$work/cmake.log" 2>&1 ||
    fail "a plugin of another ABI does not compile"
PP_PLUGIN_PATH=$work/old "$program" stages >"$work/list" 2>&1
grep -q 'old.so.*another major version' "$work/list" || fail "no word on the ABI of old.so"

# in a pipeline, found in both ways that do not need the installed folder; what it does is in the result
rm "$lib/polyptych/plugins-1/clip.so"
export XDG_CACHE_HOME=$work/cache OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cat >"$work/clip.cfg" <<C
schema = 1;
stages = ( { use = "simulate"; views = 1; width = 32; }, { use = "ptycho"; iterations = 2; refine_probe = false; },
           { use = "stitch"; }, { use = "clip"; largest = 0.5; }, { use = "save"; } );
C
status=0
"$program" check "$work/clip.cfg" >"$work/log" 2>&1 || status=$?
[ $status = 2 ] || fail "clip is known without its plugin: $status"
PP_PLUGIN_PATH=$work/build "$program" run "$work/clip.cfg" output="$work/one" >"$work/log" 2>&1 || fail "clip does not run: $(tail -1 "$work/log")"
"$program" run "$work/clip.cfg" plugins="$work/build/clip.so" output="$work/two" >"$work/log" 2>&1 || fail "clip does not run: $(tail -1 "$work/log")"
cmp "$work/one/views/0000.h5" "$work/two/views/0000.h5" || fail "the two ways differ"
grep -q '"clip"' "$work/one/provenance.json" || fail "provenance.json does not name the plugin"
for python in python3 /usr/bin/python3; do
    "$python" -c 'import h5py' 2>/dev/null || continue
    "$python" -c '
import sys, h5py
with h5py.File(sys.argv[1]) as f: largest = abs(f["entry_1/object/data"][()]).max()
sys.exit(not 0.49 < largest < 0.5001)' "$work/one/views/0000.h5" || fail "the object is not clipped"
    break
done

if command -v pkg-config >/dev/null; then
    found=$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --variable=plugindir polyptych)
    [ -n "$found" ] || fail "polyptych.pc has no plugindir"
fi
echo "the template is built against the installed package and found"
