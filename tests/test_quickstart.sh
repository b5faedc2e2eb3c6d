#!/usr/bin/env bash
# The quickstart pipeline: a phantom, its patterns, a volume near the truth and a report, in under a minute of two cores; a second
# run does nothing again.
# SPDX-License-Identifier: BSD-3-Clause
# TIMEOUT 300
set -eu
python=/usr/bin/python3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for stage in simulate partition ptycho stitch align tomo save report; do
    "$POLYPTYCH" stages "$stage" >"$folder/stage.txt" 2>&1 || { echo "skipped: stage $stage is not built"; exit 77; }
done
TIMEFORMAT="%U %S"
{ time "$POLYPTYCH" run "$SOURCE/pipelines/quickstart.cfg" output="$folder/run" 2>"$folder/log.txt"; } 2>"$folder/time.txt" ||
    { cat "$folder/log.txt"; exit 1; }
grep -q "views, about" "$folder/log.txt" || { echo "no progress was told"; exit 1; }
grep "about -" "$folder/log.txt" && { echo "a time left that is less than nothing"; exit 1; }
awk '{ print "took", $1 + $2, "s of the processor"; exit $1 + $2 > 100 }' "$folder/time.txt" || { echo "too slow for a minute on two cores"; exit 1; }
for file in volume.h5 projections.h5 report.html config.cfg simulated/truth.h5 pictures/delta_across_z.png; do
    [ -s "$folder/run/$file" ] || { echo "$file is missing"; exit 1; }
done
grep -q "Not shown" "$folder/run/report.html" && { echo "the report lacks something"; grep "Not shown" "$folder/run/report.html"; exit 1; }
before=$(stat -c %Y%s "$folder/run/volume.h5" "$folder/run/simulated/view_0003.cxi" "$folder/run/views/0007.h5")
"$POLYPTYCH" run "$SOURCE/pipelines/quickstart.cfg" output="$folder/run"
[ "$before" = "$(stat -c %Y%s "$folder/run/volume.h5" "$folder/run/simulated/view_0003.cxi" "$folder/run/views/0007.h5")" ] ||
    { echo "the second run made finished things again"; exit 1; }
"$python" -c 'import h5py, scipy' 2>/dev/null || { echo "skipped: no python3 with h5py and scipy for the comparison with the truth"; exit 77; }
"$python" - "$folder/run/volume.h5" "$folder/run/simulated/truth.h5" <<'PY'
import sys
import h5py
import numpy as np
from scipy.ndimage import fourier_shift
from scipy.optimize import minimize

with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2]) as g:
    v, t = f["entry/data/delta"][()].astype(float), g["delta"][()].astype(float)
n = [min(a, b) * 3 // 4 for a, b in zip(v.shape, t.shape)]
middle = lambda a: a[tuple(slice(s // 2 - m // 2, s // 2 - m // 2 + m) for s, m in zip(a.shape, n))]
spectrum, target = np.fft.fftn(v), middle(t)
moved = lambda s: middle(np.fft.ifftn(fourier_shift(spectrum, s)).real)
best = minimize(lambda s: np.linalg.norm(moved(s) - target), np.zeros(3), method="Nelder-Mead",
                options=dict(initial_simplex=np.vstack([np.zeros(3), 2 * np.eye(3)])))
error = np.linalg.norm(moved(best.x) - target) / np.linalg.norm(target)
scale = np.vdot(moved(best.x), target) / np.vdot(target, target)
print(f"relative error of delta {error:.4f}, scale {scale:.3f}, moved by {best.x}")
sys.exit(not (error < 0.2 and abs(scale - 1) < 0.05))
PY
