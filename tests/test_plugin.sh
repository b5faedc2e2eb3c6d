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
cmake -S "$work/template" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/usr" >"$work/cmake.log"
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

if command -v pkg-config >/dev/null; then
    found=$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --variable=plugindir polyptych)
    [ -n "$found" ] || fail "polyptych.pc has no plugindir"
fi
echo "the template is built against the installed package and found"
