#!/usr/bin/env bash
# A whole campaign on emulated devices, from simulated frames to the volume of the joint solve, against the same on processors: views on
# groups of two and of three devices, projection matching, least squares and joint on 2 and on 3, its views on one device each and on all. Agreement over 8 iterations: 1e-3.
# TIMEOUT 600
# SPDX-License-Identifier: BSD-3-Clause
set -u
device=${PP_TEST_BACKEND:-mock} # cuda: on a machine with two GPUs or three
. "$SOURCE/tests/support/python.sh"
export PYTHONDONTWRITEBYTECODE=1
fail() { echo "FAILED: $1"; tail -6 log; exit 1; }
stages() { # TAIL
    cat <<C
schema = 1; output = "none"; threads = 1; backend = "cpu";
stages = ( { use = "simulate"; directory = "data"; phantom = "balls"; largest_phase = 1.5; width = 32; views = 8;
                               detector_size = 32; scan_step = 7.0; photons = 1e6; },
           { use = "partition"; devices_per_view = 1; },
           { use = "ptycho"; iterations = 8; refine_probe = false; }, { use = "stitch"; },
           { use = "align"; horizontal = "projection_matching"; matching_iterations = 6; },
           { use = "tomo"; method = "cg"; iterations = 6; }, $1{ use = "save"; } );
C
}
stages '' >apart.cfg
stages '{ use = "joint"; iterations = 3; tolerance = 0; checkpoint_every = 0; shift_every = 2; }, ' >joint.cfg
# each group of joint's is given a view of its own to work on: planned for all of them
planned() { # DEVICES: bytes
    POLYPTYCH_MOCK_DEVICES=$1 "$POLYPTYCH" plan joint.cfg output=planned backend=mock |
        sed -n 's/.*what steps of views are given \([0-9.]*\) \([kM]\)B.*/\1 \2/p' | awk '{ print $1 * ($2 == "M" ? 1e6 : 1e3) }'
}
awk -v one="$(planned 1)" -v three="$(planned 3)" 'BEGIN { exit !(one > 0 && three > 1.1 * one && three < 1.5 * one) }' ||
    { echo "FAILED: joint's views: planned $(planned 1) bytes with one device, $(planned 3) with three"; exit 1; }
run() { # NAME DEVICES METHOD BACKEND
    export POLYPTYCH_MOCK_DEVICES=$2
    for part in apart joint groups; do
        local out=$1-$part file=joint more=
        [ "$part $4" = "groups cpu" ] && continue
        [ $part = apart ] && file=apart
        [ $part = apart ] || cp -rp "$1-apart" "$out" && rm -f "$out/volume.h5"
        [ $part = groups ] && more=joint.devices_per_view=$2
        "$POLYPTYCH" run $file.cfg output="$out" backend="$4" partition.devices_per_view="$2" partition.method="$3" $more >log 2>&1 ||
            fail "$out: exit $?"
        ! grep -q 'was dropped' log || fail "$out: projection matching found nothing"
        grep -q "\"backend\": \"$4\"" "$out/provenance.json" || fail "$out: not on $4"
    done
}
run cpu 1 hybrid cpu
run two 2 hybrid "$device"
run three 3 gradient "$device"
"$python" - <<'P' || { echo "FAILED: too far apart"; exit 1; }
import h5py, numpy as np, sys
def read(name, path):
    with h5py.File(name) as f:
        return f[path][()].astype(np.complex128)
bad = False
for devices in ("two", "three"):
    for file, path, bar in (("apart/views/0005.h5", "entry_1/object/data", 1e-3), ("apart/projections.h5", "exchange1/data", 1e-3),
                            ("apart/volume.h5", "entry/data/delta", 1e-3), ("apart/volume.h5", "entry/data/beta", 1e-3),
                            ("joint/volume.h5", "entry/data/delta", 1e-3), ("groups/volume.h5", "entry/data/delta", 1e-3)):
        a, b = read("cpu-" + file.replace("groups", "joint"), path), read(devices + "-" + file, path)
        apart = np.linalg.norm(a - b) / np.linalg.norm(a)
        print(f"{devices} {file} {path}: {apart:.1e}")
        bad = bad or not apart < bar or not np.linalg.norm(a) > 0
        bad = bad or np.array_equal(a, b) # then it was not the device that computed
    a, b = (read(n + "-apart/projections.h5", "process/shifts").real for n in ("cpu", devices))
    print(f"{devices} shifts: {np.abs(a - b).max():.1e} pixels of {np.abs(a).max():.2f}")
    bad = bad or not np.abs(a - b).max() < 1e-3
sys.exit(bad)
P
