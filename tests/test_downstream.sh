# Other packages given projections.h5 of an asymmetric object agree with our volume; and the half campaigns' shell correlation is
# in volume.h5 and on the report, the same from three ranks.
# TIMEOUT 120
# SPDX-License-Identifier: BSD-3-Clause
set -eu
. "$SOURCE/tests/support/python.sh"
"$python" - <<'P'
import h5py, numpy as np
n, rows, views, pixel, wavelength = 48, 7, 70, 50e-9, 1.4e-10
angles = np.arange(views) * np.pi / views
u = np.arange(n) - n // 2
wave = 2 * np.pi / wavelength * pixel
phase = np.zeros((views, rows, n))
for x, y, s, d in ((9, 4, 2.0, 2e-5), (-6, -10, 3.0, 1e-5), (3, 11, 2.5, 1.5e-5)):
    for v, t in enumerate(angles):
        line = d * s * np.sqrt(2 * np.pi) * np.exp(-((u - x * np.cos(t) - y * np.sin(t)) ** 2) / (2 * s * s))
        phase[v] -= wave * np.arange(1, rows + 1)[:, None] / rows * line
phase += 0.01 * np.random.default_rng(1).normal(size=phase.shape)
with h5py.File("projections.h5", "w") as f:
    for name, value, units in (("exchange/data", np.float32(phase), "rad"),
                               ("exchange/data_amplitude", np.ones(phase.shape, np.float32), "1"),
                               ("exchange/theta", np.degrees(angles), "degree"), ("exchange/pixel_size", pixel, "m")):
        f[name] = value
        f[name].attrs["units"] = units
    f["exchange1/data"] = np.exp(1j * phase).astype(np.complex64)
P
cat > run.cfg <<'C'
schema = 1; backend = "cpu"; threads = 2;
stages = ( { use = "load"; file = "projections.h5"; format = "projections"; energy = 8856.0; },
           { use = "align"; ramp = "none"; vertical = false; horizontal = "none"; },
           { use = "tomo"; method = "fbp"; filter = "ramp"; split = "angles"; },
           { use = "save"; }, { use = "report"; } );
C
"$POLYPTYCH" run run.cfg output=one > log.txt 2>&1 || { cat log.txt; exit 1; }
$MPIRUN -n 3 "$POLYPTYCH" run run.cfg output=three > log.txt 2>&1 || { cat log.txt; exit 1; }
"$python" - <<'P'
import h5py, numpy as np
where = "process/shell_correlation"
with h5py.File("one/volume.h5") as a, h5py.File("three/volume.h5") as b:
    for name in ("entry/data/delta", "entry/data/beta", where):
        assert np.array_equal(a[name][()], b[name][()]), name + " differs on three ranks"
    curves = a[where][()]
assert curves.shape == (24, 5) and np.allclose(curves[:, 0], np.arange(24) / 48)
# smooth objects: their low frequencies stand far above the noise, the highest ones are noise alone
assert (curves[1:5, 1] > 0.98).all() and abs(curves[18:, 1].mean()) < 0.2, curves[:, 1]
P
grep -q "Fourier shell and ring correlation" one/report.html || { echo "no shell correlation on the report"; exit 1; }
# whichever python has one of the packages
result=77
for one in "$python" python3 /usr/bin/python3; do
    "$one" -c 'import h5py, numpy' 2>/dev/null || continue
    result=0
    "$one" "$SOURCE/examples/downstream/other_packages.py" one || result=$?
    [ "$result" = 77 ] || break
done
[ "$result" != 77 ] || echo "skipped: neither scikit-image nor ASTRA is installed"
exit "$result"
