#!/usr/bin/env bash
# Alignment that really aligns and every kind of reconstruction on 1, 2, 3 and 5 ranks: the same bits in projections.h5 and
# volume.h5. Views, rows and ranks do not divide each other; shifts up to 2 pixels, planes, noise.
# TIMEOUT 240
# SPDX-License-Identifier: BSD-3-Clause
set -eu
. "$SOURCE/tests/support/python.sh"
export OMP_NUM_THREADS=1
cat > make.py <<'P'
import h5py, numpy as np
n, rows, views, pixel = 50, 34, 23, 50e-9
angles, random = np.arange(views) * np.pi / views, np.random.default_rng(3)
u, v = np.arange(n) - n // 2, np.arange(rows)[:, None] - rows // 2
shifts = random.uniform(-2, 2, (views, 2)) + [0, 1.5]  # the rotation axis is 1.5 pixels off
phase = np.zeros((views, rows, n))
for x, y, z, s, a in ((9, 4, 3, 3, 0.6), (-6, -9, -5, 3.5, 0.5), (3, 8, -2, 2.5, 0.7), (-3, 2, 4, 6, 0.8)):
    for k, t in enumerate(angles):
        at = u - x * np.cos(t) - y * np.sin(t) - shifts[k, 1]
        phase[k] -= a * np.exp(-(at**2 + (v - z - shifts[k, 0]) ** 2) / (2 * s * s))
planes = random.uniform(-0.01, 0.01, (views, 2))
phase += 0.02 * random.normal(size=phase.shape) + planes[:, :1, None] * v + planes[:, 1:, None] * u + random.uniform(-3, 3, (views, 1, 1))
with h5py.File("projections.h5", "w") as f:
    psi = np.exp(1j * phase).astype(np.complex64)
    for name, value, units in (("exchange/data", np.angle(psi), "rad"), ("exchange/data_amplitude", np.abs(psi), "1"),
                               ("exchange/theta", np.degrees(angles), "degree"), ("exchange/pixel_size", pixel, "m")):
        f[name] = np.float32(value) if np.ndim(value) == 3 else value
        f[name].attrs["units"] = units
    f["exchange1/data"] = psi
    f["exchange/data"].attrs["wrapped"] = 1
np.save("shifts.npy", shifts)
P
"$python" make.py
cat > run.cfg <<'C'
schema = 1; backend = "cpu"; threads = 1;
stages = ( { use = "load"; file = "projections.h5"; format = "projections"; energy = 8856.0; },
           { use = "align"; ramp = "tomographic"; horizontal = "projection_matching"; matching_iterations = 12; },
           { use = "tomo"; method = "tv"; positivity = true; iterations = 6; split = "angles"; }, { use = "save"; } );
C
cat > compare.py <<'P'
import sys, h5py, numpy as np
one, other = sys.argv[1:]
for name, where in (("projections.h5", ("exchange/data", "exchange1/data", "process/shifts", "process/sinogram")),
                    ("volume.h5", ("entry/data/delta", "entry/data/beta", "process/shell_correlation"))):
    with h5py.File(one + "/" + name) as a, h5py.File(other + "/" + name) as b:
        for path in where:
            assert np.array_equal(a[path][()], b[path][()]), "%s:%s differs between %s and %s" % (name, path, one, other)
with h5py.File(one + "/projections.h5") as f:
    found, t = f["process/shifts"][()] + np.load("shifts.npy"), f["process/theta"][()]
basis = np.stack([0 * t + 1, np.cos(t), np.sin(t)], 1)
fit = np.linalg.lstsq(basis, found[:, 1], rcond=None)[0]
found[:, 1] -= basis @ fit
off = found.std(0)
print("%s as %s, shifts off by y %.3f x %.3f pixels, axis by %.3f" % (other, one, *off, fit[0]))
assert off.max() < 0.1 and abs(fit[0]) < 0.1, "not aligned"
P
for ranks in 1 2 3 5; do
    $MPIRUN -n "$ranks" "$POLYPTYCH" run run.cfg output="n$ranks" > log.txt 2>&1 || { cat log.txt; exit 1; }
    "$python" compare.py n1 "n$ranks"
done
"$POLYPTYCH" run run.cfg output=sirt tomo.method=sirt tomo.iterations=4 > log.txt 2>&1 || { cat log.txt; exit 1; }
$MPIRUN -n 3 "$POLYPTYCH" run run.cfg output=sirt3 tomo.method=sirt tomo.iterations=4 > log.txt 2>&1 || { cat log.txt; exit 1; }
"$python" compare.py sirt sirt3
