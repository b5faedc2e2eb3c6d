# The misaligned campaign from its CXI files to the volume in one run: shifts, axis and the error of delta; then total variation with
# positivity, below the limit of filtered back-projection of exact projections, from frames fitted by either model.
# SPDX-License-Identifier: BSD-3-Clause
# TIMEOUT 600
# LABEL slow
set -u
campaign=$SHARED/data/campaign-misaligned
[ -d "$campaign" ] || { echo "skipped: no ../shared/data"; exit 77; }
/usr/bin/python3 -c 'import h5py, numpy, scipy' 2>/dev/null || { echo "skipped: python3 has no h5py, numpy, scipy"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
for stage in load ptycho stitch tomo save; do
  "$POLYPTYCH" stages "$stage" > /dev/null 2>&1 || { echo "skipped: this build has no stage $stage"; exit 77; }
done
export XDG_CACHE_HOME=$work/cache
cat > "$work/run.cfg" <<C
schema = 1; name = "misaligned"; output = "$work/out"; backend = "cpu";
stages = (
  { use = "load"; views = "$campaign/angles.txt"; probe_file = "$campaign/view_0000.cxi"; },
  { use = "ptycho"; method = "cg"; model = "amplitude"; positions = "fourier"; iterations = 40; refine_probe = false; },
  { use = "stitch"; },
  { use = "align"; ramp = "air"; vertical = true; horizontal = "projection_matching"; },
  { use = "tomo"; method = "fbp"; filter = "ramp"; },
  { use = "save"; } );
C
"$POLYPTYCH" run "$work/run.cfg" 2> "$work/log" || { tail -20 "$work/log"; exit 1; }
/usr/bin/python3 "$SHARED/tools/compare_volume.py" "$work/out/volume.h5" "$campaign/truth.h5" --max 0.115 || exit 1
/usr/bin/python3 - "$work/out/projections.h5" "$campaign/truth.h5" <<'P'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2]) as g:
    s, view = f["process/shifts"][()], f["process/view"][()]
    t = np.radians(g["angles_deg"][()])[view]
    e = s + g["shifts"][()][view]
    data, psi, shape = f["exchange/data"][()], f["exchange1/data"][()], f["exchange/data"].shape
basis = np.stack([0 * t + 1, np.cos(t), np.sin(t)], 1)
c = np.linalg.lstsq(basis, e[:, 1], rcond=None)[0]
own = np.linalg.lstsq(basis, s[:, 1], rcond=None)[0]
y, x = e[:, 0].std(), np.sqrt(np.mean((e[:, 1] - basis[:, 1:] @ c[1:]) ** 2))
print(f"shifts off by y {y:.4f} x {x:.4f} px rms, axis off by {c[0]:.4f} px, stack {shape}")
bad = []
if not (y <= 0.02 and x <= 0.02 and abs(c[0]) <= 0.02): bad.append("shifts")
if not (abs(s[:, 0].mean()) < 1e-9 and np.hypot(*own[1:]) < 1e-6): bad.append("a translation is left in the shifts")
if shape[1] % 2 or shape[2] % 2: bad.append("odd sides")
if abs(np.angle(np.exp(1j * data) * np.conj(psi))).max() > 1e-4: bad.append("phase and complex data differ")
sys.exit(", ".join(bad) or 0)
P
variation="tomo.method=tv tomo.positivity=true tomo.quantity=phase"
# shellcheck disable=SC2086
"$POLYPTYCH" run "$work/run.cfg" $variation --restart 2> "$work/log" || { tail -20 "$work/log"; exit 1; }
/usr/bin/python3 "$SHARED/tools/compare_volume.py" "$work/out/volume.h5" "$campaign/truth.h5" --max 0.089 || exit 1
# the amplitude model makes weak counts weaker, and with them fine detail; the likelihood of counts does not
# shellcheck disable=SC2086
"$POLYPTYCH" run "$work/run.cfg" $variation ptycho.model=poisson output="$work/counts" 2> "$work/log" || { tail -20 "$work/log"; exit 1; }
/usr/bin/python3 "$SHARED/tools/compare_volume.py" "$work/counts/volume.h5" "$campaign/truth.h5" --max 0.075 > "$work/said" || { cat "$work/said"; exit 1; }
cat "$work/said"
awk '{ exit !($NF > 0.98 && $NF < 1.02) }' "$work/said" || { echo "the scale is off"; exit 1; }
