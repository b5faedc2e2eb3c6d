#!/usr/bin/env bash
# What devices that share a view cannot do is found by `check`, with the line that asks for it, before any data is read; what only
# tells of a view's quality does not cost the view.
# SPDX-License-Identifier: BSD-3-Clause
. "$SOURCE/tests/support/python.sh"
bad=0
cat >view.cfg <<'C'
schema = 1; output = "out"; stages = (
  { use = "simulate"; phantom = "coins"; views = 1; width = 32; detector_size = 16; scan_step = 6; },
  { use = "partition"; devices_per_view = 2; },
  { use = "ptycho"; iterations = 2; },
  { use = "save"; } );
C
refused() { # LINE WORDS SETTINGS...
    local line=$1 words=$2
    shift 2
    "$POLYPTYCH" check view.cfg "$@" >log 2>&1
    [ $? = 2 ] && grep -q "stage 'ptycho': .*$words" log || { echo "not refused: $* ($(tail -1 log))"; bad=1; }
    [ -z "$line" ] || grep -q "view.cfg:$line: stage 'ptycho'" log || { echo "no line $line: $(tail -1 log)"; bad=1; }
    "$POLYPTYCH" check view.cfg "$@" partition.devices_per_view=1 >log 2>&1 || { echo "one device refuses $*: $(tail -1 log)"; bad=1; }
}
refused "" "one device a view" ptycho.positions=bilinear
refused "" "one device a view" ptycho.object_smoothness=0.1
for how in method=halo method=independent; do
    refused "" "hybrid and gradient" ptycho.background=constant ptycho.iterations=20 partition.$how
done
local=(partition.method=gradient partition.sync=local)
refused 4 "known probe" "${local[@]}"
refused "" "known positions" "${local[@]}" ptycho.refine_probe=false ptycho.refine_positions=true ptycho.iterations=20
refused "" "rule of its own" "${local[@]}" ptycho.refine_probe=false ptycho.method=published
refused "" "rule of its own" "${local[@]}" ptycho.refine_probe=false ptycho.stop=noise
refused "" "gradient_sum" "${local[@]}" ptycho.refine_probe=false ptycho.gradient_sum=float64
"$POLYPTYCH" check view.cfg "${local[@]}" ptycho.refine_probe=false >log 2>&1 || { echo "local steps refused: $(tail -1 log)"; bad=1; }
[ -e out ] && { echo "check has made an output folder"; bad=1; }

# of two frames far apart the halves have nothing in common
"$POLYPTYCH" run view.cfg output=all >log 2>&1 || { echo "run: $(tail -1 log)"; exit 1; }
"$python" - <<'P'
import h5py
with h5py.File("all/simulated/view_0000.cxi", "r+") as f:
    e = f["entry_1"]
    position, frames = e["sample_1/geometry_1/translation"][()], e["instrument_1/detector_1/data"][()]
    pick = [0, len(frames) - 1]
    for path, values in (("sample_1/geometry_1/translation", position), ("instrument_1/detector_1/data", frames)):
        del e[path]
        e[path] = values[pick]
P
cat >two.cfg <<'C'
schema = 1; output = "two"; stages = (
  { use = "load"; file = "all/simulated/view_0000.cxi"; angle = 0.0; translation_layout = "rows"; },
  { use = "ptycho"; iterations = 2; ring_correlation = true; }, { use = "save"; } );
C
"$POLYPTYCH" run two.cfg >log 2>&1 || { echo "a view is lost with its ring correlation: $(tail -2 log)"; bad=1; }
grep -q "warning: view 0000: no ring correlation: half the frames light" log || { echo "no warning: $(tail -3 log)"; bad=1; }
[ -s two/views/0000.h5 ] || { echo "no result"; bad=1; }
exit $bad
