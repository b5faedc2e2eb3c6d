#!/usr/bin/env bash
# Views that differ, from CXI files to the stack: a view with a smaller scan shrinks the common field, one whose frames are mixed
# up is named and left out where that is asked for; unequal pixel sizes are refused; a sinogram before and after; ramps by
# consistency and shifts by neighbour correlation run from a file.
# TIMEOUT 240
# SPDX-License-Identifier: BSD-3-Clause
set -u
. "$SOURCE/tests/support/python.sh"
fail() { echo "FAILED: $1"; tail -6 log; exit 1; }
cat > simulate.cfg <<'C'
schema = 1; output = "simulated";
stages = ( { use = "simulate"; directory = "data"; phantom = "balls"; views = 9; largest_phase = 1.5; },
           { use = "ptycho"; iterations = 1; refine_probe = false; } );
C
"$POLYPTYCH" run simulate.cfg >log 2>&1 || fail "simulate"
cat > run.cfg <<'C'
schema = 1; output = "out";
stages = ( { use = "load"; views = "data/angles.txt"; probe_file = "data/view_0000.cxi"; },
           { use = "ptycho"; iterations = 12; refine_probe = false; }, { use = "stitch"; },
           { use = "align"; horizontal = "correlation"; leave_out_bad_views = true; },
           { use = "tomo"; }, { use = "save"; }, { use = "report"; truth_file = "data/truth.h5"; } );
C
cat > look.py <<'P'
import sys, h5py
with h5py.File(sys.argv[1] + "/projections.h5") as f:
    print(list(f["process/view"][()]), f["exchange/data"].shape[1], f["exchange/data"].shape[2])
    assert f["process/sinogram"].shape == (f["exchange/data"].shape[0], f["exchange/data"].shape[2])
P
"$POLYPTYCH" run run.cfg output=whole >log 2>&1 || fail "the whole campaign"
grep -q "report: relative error of delta against the truth 0\.[0-9]*" log || fail "no error against the truth"
grep -q "Sinogram before alignment" whole/report.html || fail "no sinogram before alignment on the report"
grep -q "Fourier shell correlation of volume and truth" whole/report.html || fail "no curve against the truth"
whole=$("$python" look.py whole) || fail "whole"
# halves of each view's frames: they start from the same positions and probe as the whole view
"$POLYPTYCH" run run.cfg output=halves threads=1 ptycho.iterations=4 ptycho.ring_correlation=true >log 2>&1 || fail "ring correlation"
[ "$(grep -c "halves of the frames correlate" log)" = 9 ] || fail "halves of some views are not solved"

# view 3 scans less of the object, view 6's frames are in the wrong order
"$python" - <<'P'
import h5py, numpy as np
def rewrite(name, keep):
    with h5py.File(name, "r+") as f:
        frames, places = f["entry_1/instrument_1/detector_1/data"][()], f["entry_1/sample_1/geometry_1/translation"][()]
        order, chosen = keep(places)
        for path, value in (("entry_1/instrument_1/detector_1/data", frames[order]), ("entry_1/sample_1/geometry_1/translation", places[chosen])):
            old = dict(f[path].attrs)
            del f[path]
            f[path] = value
            f[path].attrs.update(old)
        for path, to in (("entry_1/data_1/data", "entry_1/instrument_1/detector_1/data"), ("entry_1/data_1/translation", "entry_1/sample_1/geometry_1/translation")):
            if path in f:
                del f[path]
                f[path] = h5py.SoftLink("/" + to)
def inner(places):
    half = np.abs(places[:, :2]).max()
    chosen = np.where(np.abs(places[:, :2]).max(1) < 0.85 * half)[0]
    return chosen, chosen
def mixed(places):
    order = np.random.default_rng(1).permutation(len(places))
    return order, np.arange(len(places))
rewrite("data/view_0003.cxi", inner)
rewrite("data/view_0006.cxi", mixed)
P
"$POLYPTYCH" run run.cfg output=parts >log 2>&1 || fail "unequal views"
grep -q "view 6 fits badly.*left out" log || fail "the bad view is not named"
parts=$("$python" look.py parts) || fail "parts"
echo "$whole -> $parts"
"$python" - "$whole" "$parts" <<'P' || fail "fields"
import sys
whole, parts = (text.rsplit(" ", 2) for text in sys.argv[1:])
assert "6" not in parts[0] and "3" in parts[0] and "6" in whole[0]
assert int(parts[1]) < int(whole[1]) or int(parts[2]) < int(whole[2])
P
"$POLYPTYCH" run run.cfg output=kept align.leave_out_bad_views=false align.ramp=tomographic align.horizontal=center_of_mass >log 2>&1 || fail "kept views"
grep -q "view 6 fits badly" log || fail "the bad view is not named where it stays"
grep -q "largest slope that no volume has" log || fail "no word of the consistent ramps"
"$python" look.py kept | grep -q "6" || fail "a bad view was left out unasked"

# another distance: another pixel size
"$python" - <<'P'
import h5py
with h5py.File("data/view_0004.cxi", "r+") as f:
    f["entry_1/instrument_1/detector_1/distance"][()] *= 1.01
P
"$POLYPTYCH" check run.cfg >log 2>&1
[ $? = 3 ] || fail "unequal pixel sizes are not refused"
grep -q "pixel" log || fail "the message does not speak of pixels"
echo "views that differ are handled"
