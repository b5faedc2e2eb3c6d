#!/usr/bin/env bash
# A background measured beforehand, in a file: as good as none where it is planted, named where it does not fit, part of the identity.
# SPDX-License-Identifier: BSD-3-Clause
set -u
. "$SOURCE/tests/support/python.sh"
bad=0
cat >simulate.cfg <<'C'
schema = 1; output = "simulated";
stages = ( { use = "simulate"; directory = "data"; views = 1; detector_size = 32; width = 64; scan_step = 5.0; photons = 1e6; },
           { use = "ptycho"; iterations = 1; refine_probe = false; } );
C
"$POLYPTYCH" run simulate.cfg >log 2>&1 || { echo "no view: $(tail -2 log)"; exit 1; }
"$python" - <<'P' || exit 1
import shutil, h5py, numpy as np
shutil.copy("data/view_0000.cxi", "under.cxi")
y, x = np.mgrid[:32, :32] - 16
under = np.round(40 + 400 * np.exp(-(y**2 + (x - 3)**2) / 60)).astype("f4")
with h5py.File("under.cxi", "r+") as f:
    hits = []
    f.visititems(lambda n, o: hits.append(n) if isinstance(o, h5py.Dataset) and o.ndim == 3 and o.shape[1:] == (32, 32) and o.dtype.kind in "iu" else None)
    f[hits[0]][...] = f[hits[0]][()] + under.astype(f[hits[0]].dtype)
def write(name, value, path="background"):
    with h5py.File(name, "w") as f: f[path] = value
write("dark.h5", under)
write("darks.h5", np.stack([under - 1, under + 1]), "entry_1/instrument_1/detector_1/data_dark")
write("small.h5", under[:16])
v = under.copy(); v[3, 4] = -1; write("negative.h5", v)
v = under.copy(); v[3, 4] = np.nan; write("nan.h5", v)
write("other.h5", under, "nothing")
write("huge.h5", 1e6 * under)
P
cat >view.cfg <<'C'
schema = 1; stages = ( { use = "load"; file = "under.cxi"; }, { use = "ptycho"; iterations = 30; } );
C
error_of() { # OUTPUT
    "$python" -c "import h5py; print(float(h5py.File('$1/views/0000.h5')['entry_1/process_1/error'][()]))"
}
run() { # OUTPUT SETTING...
    local out=$1; shift
    "$POLYPTYCH" run view.cfg output="$out" "$@" >log 2>&1 || { echo "$out: $(cat log)"; bad=1; return; }
    echo "# $out: error $(error_of "$out")"
}
run clean load.file=data/view_0000.cxi
run left
run given load.background_file=dark.h5 ptycho.background=given
run frames load.background_file=darks.h5 ptycho.background=given
run pixel load.background_file=dark.h5 ptycho.background=pixel
"$python" - "$(error_of clean)" "$(error_of left)" "$(error_of given)" "$(error_of frames)" "$(error_of pixel)" <<'P' || bad=1
import sys
clean, left, given, frames, pixel = map(float, sys.argv[1:])
assert given < 1.3 * clean + 1e-4, (given, clean)
assert left > 3 * given, (left, given)
assert abs(frames - given) < 0.02 * given, (frames, given)
assert pixel < 1.3 * clean + 1e-4, (pixel, clean)
P
# both sweeps take a background, and bilinear positions with it
for positions in fourier bilinear; do
    for sweep in fused fftw; do
        run $positions-$sweep load.background_file=dark.h5 ptycho.background=given ptycho.positions=$positions ptycho.sweep=$sweep ptycho.iterations=8
        grep -q "\"ptycho.sweep\": \"$sweep" $positions-$sweep/provenance.json || { echo "$positions: not by the $sweep sweep"; bad=1; }
    done
    "$python" -c "import sys; a, b = map(float, sys.argv[1:]); sys.exit(not abs(a - b) < 0.02 * a)" "$(error_of $positions-fused)" "$(error_of $positions-fftw)" ||
        { echo "$positions: the sweeps differ"; bad=1; }
done
"$python" - <<'P' || bad=1
import h5py, numpy as np
want = h5py.File("dark.h5")["background"][()]
have = h5py.File("given/views/0000.h5")["entry_1/process_1/background"][()]
assert np.allclose(np.fft.fftshift(have), want), "the stored background is another one"
P
refused() { # EXIT PATTERN SETTING...
    local code=$1 pattern=$2; shift 2
    "$POLYPTYCH" check view.cfg output=none "$@" >log 2>&1
    local got=$?
    [ $got = "$code" ] && grep -qE "$pattern" log || { echo "check $*: exit $got, $(grep -E "error|view.cfg" log | head -2)"; bad=1; }
}
refused 3 'small.h5: /background: .* shape .*\(32, 32\).*\(16, 32\)' load.background_file=small.h5 ptycho.background=given
refused 3 'negative.h5: /background: 1 pixels .* below 0' load.background_file=negative.h5 ptycho.background=given
refused 3 'nan.h5: /background: 1 pixels .* not finite' load.background_file=nan.h5 ptycho.background=given
refused 0 'counts in' load.background_file=nan.h5 ptycho.background=given 'load.dead_pixels=[3,4]'
refused 3 'other.h5: no background at /background' load.background_file=other.h5 ptycho.background=given
refused 2 'background = "given"' load.background_file=dark.h5
refused 3 'missing.h5' load.background_file=missing.h5 ptycho.background=given
"$POLYPTYCH" run view.cfg output=none load.background_file=huge.h5 ptycho.background=given >log 2>&1
[ $? = 3 ] && grep -q "counts a frame" log || { echo "a background of more counts than the frames: $(tail -2 log)"; bad=1; }
# where values are saturated, the background under them is not measured either: less is left than it has in all
run saturated load.background_file=dark.h5 ptycho.background=given load.saturation=300 ptycho.iterations=2
"$POLYPTYCH" run view.cfg output=none load.background_file=dark.h5 >log 2>&1
[ $? = 2 ] && grep -q 'background = "given"' log || { echo "a measured background that nobody uses: $(tail -2 log)"; bad=1; }
# another file is another result; the same is not made again
"$POLYPTYCH" run view.cfg output=given load.background_file=dark.h5 ptycho.background=given >log 2>&1
grep -q "all results are there" log || { echo "made again: $(tail -2 log)"; bad=1; }
"$POLYPTYCH" run view.cfg output=given load.background_file=darks.h5 ptycho.background=given >log 2>&1
[ $? = 2 ] && grep -q "background_file" log || { echo "another background was taken for the same: $(tail -2 log)"; bad=1; }
# a stack has no frames
"$POLYPTYCH" check view.cfg load.format=projections load.background_file=dark.h5 load.mask_file=dark.h5 >log 2>&1
grep -q "background_file is not used" log && grep -q "mask_file is not used" log || { echo "files that a stack does not use: $(head -3 log)"; bad=1; }
exit $bad
