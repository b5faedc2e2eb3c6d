# tomo on projections of known objects: delta and beta in physical units, right handedness; every method; the same bits from
# two ranks; parameters without effect are named.
# TIMEOUT 240
# SPDX-License-Identifier: BSD-3-Clause
set -eu
. "$SOURCE/tests/support/python.sh"
cat > make.py <<'P'
import h5py, numpy as np
n, rows, views, pixel, wavelength = 48, 6, 60, 50e-9, 1.4e-10
angles = np.arange(views) * np.pi / views
u = np.arange(n) - n // 2
wave = 2 * np.pi / wavelength * pixel
blobs = [(9, 4, 3.0, 2e-5), (-6, -10, 4.0, 1e-5)]  # x, y, sigma, delta; beta is a tenth
phase = np.zeros((views, rows, n))
for x, y, s, d in blobs:
    for v, t in enumerate(angles):
        line = d * s * np.sqrt(2 * np.pi) * np.exp(-((u - x * np.cos(t) - y * np.sin(t)) ** 2) / (2 * s * s))
        phase[v] -= wave * np.arange(1, rows + 1)[:, None] / rows * line
constants = np.random.default_rng(1).uniform(-3, 3, (views, 1, 1))
moves = np.random.default_rng(2).uniform(-1.5, 1.5, views)
moved = np.fft.ifft(np.fft.fft(phase) * np.exp(-2j * np.pi * np.fft.fftfreq(n) * moves[:, None, None])).real
np.save("moves.npy", moves)
planes = 0.03 * np.random.default_rng(3).uniform(-1, 1, (2, views, 1, 1))  # rad a pixel
tilted = moved + (planes[0] * (np.arange(rows)[:, None] - rows // 2) + planes[1] * u) / 25
for file, psi in (("projections.h5", np.exp(1j * phase + 0.1 * phase)), ("wrapped.h5", np.exp(25j * phase + 2.5 * phase + 1j * constants)),
                  ("moved.h5", np.exp(25j * moved + 2.5 * moved + 1j * constants)),
                  ("tilted.h5", np.exp(25j * tilted + 2.5 * moved + 1j * constants))):
  with h5py.File(file, "w") as f:
    psi = psi.astype(np.complex64)
    for name, value, units in (("exchange/data", np.angle(psi), "rad"), ("exchange/data_amplitude", np.abs(psi), "1"),
                               ("exchange/theta", np.degrees(angles), "degree"), ("exchange/pixel_size", pixel, "m")):
        f[name] = np.float32(value) if np.ndim(value) == 3 else value
        f[name].attrs["units"] = units
    f["exchange1/data"] = psi
    f["exchange/data"].attrs["wrapped"] = int(file != "projections.h5")
Y, X = np.mgrid[:n, :n] - n // 2
truth = sum(d * np.exp(-((X - x) ** 2 + (Y - y) ** 2) / (2 * s * s)) for x, y, s, d in blobs)
np.save("truth.npy", truth[None] * np.arange(1, rows + 1)[:, None, None] / rows)
P
cat > compare.py <<'P'
import sys
import h5py, numpy as np
truth, bar = np.load("truth.npy") * float(sys.argv[3] if len(sys.argv) > 3 else 1), float(sys.argv[2])
with h5py.File(sys.argv[1]) as f:
    for name, value in (("delta", truth), ("beta", truth / 10)):
        error = np.linalg.norm(f["entry/data/" + name][()] - value) / np.linalg.norm(value)
        print(sys.argv[1], name, "error %.4f" % error)
        if not error < bar:
            sys.exit(1)
P
"$python" make.py
cat > tomo.cfg <<'C'
schema = 1; backend = "cpu"; threads = 2;
stages = ( { use = "load"; file = "projections.h5"; format = "projections"; energy = 8856.0; },
           { use = "tomo"; method = "fbp"; filter = "ramp"; interpolation = "band-limited"; }, { use = "save"; } );
C
"$POLYPTYCH" run tomo.cfg output=fbp 2>log.txt >&2 || { cat log.txt; exit 1; }
"$python" compare.py fbp/volume.h5 0.01
for method in cg sirt tv; do
    "$POLYPTYCH" run tomo.cfg output=$method tomo.method=$method 2>log.txt >&2 || { cat log.txt; exit 1; }
    "$python" compare.py $method/volume.h5 0.1
done
# differences of neighbouring pixels need neither unwrapping nor the views' constants: 8 rad in wrapped.h5
"$POLYPTYCH" run tomo.cfg output=derivative tomo.derivative=true load.file=wrapped.h5 2>log.txt >&2 || { cat log.txt; exit 1; }
"$python" compare.py derivative/volume.h5 0.01 25
# the same, each view moved: aligned by its differences, nothing is unwrapped
sed 's/{ use = "tomo";/{ use = "align"; unwrap = "derivatives"; vertical = false; horizontal = "projection_matching"; }, { use = "tomo";/' tomo.cfg > align.cfg
"$POLYPTYCH" run align.cfg output=aligned tomo.derivative=true load.file=moved.h5 2>log.txt >&2 || { cat log.txt; exit 1; }
"$python" - <<'P'
import h5py, numpy as np
with h5py.File("aligned/projections.h5") as f:
    s, t = f["process/shifts"][()][:, 1] + np.load("moves.npy"), np.radians(f["exchange/theta"][()])
    wrapped, phase, psi = int(f["exchange/data"].attrs["wrapped"]), f["exchange/data"][()], f["exchange1/data"][()]
basis = np.stack([0 * t + 1, np.cos(t), np.sin(t)], 1)
s -= basis @ np.linalg.lstsq(basis, s, rcond=None)[0]
print("aligned by differences: %.4f pixels rms" % np.sqrt(np.mean(s**2)))
assert np.sqrt(np.mean(s**2)) < 0.05, "shifts"
assert wrapped == 1 and abs(np.angle(np.exp(1j * phase) * np.conj(psi))).max() < 1e-5, "the phase is not arg psi"
P
# each view tilted too, and strips that the object covers: what their planes got wrong is found by consistency, from differences as well
sed 's/unwrap = "derivatives";/& ramp = "tomographic"; air_width = 0.35;/' align.cfg > tilted.cfg
"$POLYPTYCH" run tilted.cfg output=tilted tomo.derivative=true load.file=tilted.h5 2>log.txt >&2 || { cat log.txt; exit 1; }
"$python" - <<'P'
import h5py, numpy as np
blobs, wave = [(9, 4, 3.0, 2e-5), (-6, -10, 4.0, 1e-5)], 2 * np.pi / 1.4e-10 * 50e-9
with h5py.File("tilted/projections.h5") as f, h5py.File("tilted/volume.h5") as v:
    s, t = f["process/shifts"][()][:, 1] + np.load("moves.npy"), np.radians(f["exchange/theta"][()])
    psi, delta, beta = f["exchange1/data"][()], v["entry/data/delta"][()], v["entry/data/beta"][()]
basis = np.stack([0 * t + 1, np.cos(t), np.sin(t)], 1)
axis, x0, y0 = np.linalg.lstsq(basis, s, rcond=None)[0]  # the object as a whole may lie elsewhere
shifts = np.sqrt(np.mean((s - basis @ [axis, x0, y0]) ** 2))
rows, n = psi.shape[1:]
ramp = np.arange(1, rows + 1)[:, None] / rows
u = np.arange(n) - n // 2 - axis
lines = sum(d * w * np.sqrt(2 * np.pi) * np.exp(-((u - ((x + x0) * np.cos(t) + (y + y0) * np.sin(t))[:, None]) ** 2) / (2 * w * w)) for x, y, w, d in blobs)
left = psi * np.exp(25j * wave * ramp * lines[:, None])
rms = lambda a, b: np.sqrt(np.mean(np.angle((a * b.conj()).sum((1, 2))) ** 2))
slopes = rms(left[:, 1:], left[:, :-1]), rms(left[:, :, 1:], left[:, :, :-1])
Y, X = np.mgrid[:n, :n] - n // 2
truth = 25 * ramp[:, None] * sum(d * np.exp(-((X - x - x0) ** 2 + (Y - y - y0) ** 2) / (2 * w * w)) for x, y, w, d in blobs)
errors = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in ((delta, truth), (beta, truth / 10))]
print("tilted: shifts %.4f pixels rms, slopes y %.4f x %.4f rad a pixel, errors of delta %.4f and beta %.4f" % (shifts, *slopes, *errors))
# the air alone leaves slopes of 0.047 and 0.0067
assert shifts < 0.05 and slopes[0] < 0.01 and slopes[1] < 0.004 and errors[0] < 0.03 and errors[1] < 0.12
P
# one row: nothing to align, which is said; tomo takes it
"$python" - <<'P'
import h5py
with h5py.File("projections.h5") as whole, h5py.File("row.h5", "w") as row:
    for name in ("exchange/data", "exchange/data_amplitude", "exchange1/data", "exchange/theta", "exchange/pixel_size"):
        row[name] = whole[name][:, 2:3] if whole[name].ndim == 3 else whole[name][()]
        row[name].attrs.update(whole[name].attrs)
P
code=0
"$POLYPTYCH" run align.cfg output=row load.file=row.h5 >log.txt 2>&1 || code=$?
{ [ "$code" = 3 ] && grep -q "2 rows" log.txt && grep -q "tomo takes a single row" log.txt; } || { cat log.txt; echo "one row: exit $code"; exit 1; }
"$POLYPTYCH" run tomo.cfg output=row --restart load.file=row.h5 2>log.txt >&2 || { cat log.txt; exit 1; }
code=0
"$POLYPTYCH" run tomo.cfg output=refused load.file=wrapped.h5 >log.txt 2>&1 || code=$?
{ [ "$code" = 3 ] && grep -q "derivative = true" log.txt; } || { cat log.txt; echo "wrapped projections: exit $code"; exit 1; }
code=0
"$POLYPTYCH" check tomo.cfg tomo.method=sirt tomo.derivative=true > log.txt 2>&1 || code=$?
[ "$code" = 2 ] || { cat log.txt; echo "derivative with sirt: exit $code"; exit 1; }
"$POLYPTYCH" run tomo.cfg output=positive tomo.method=cg tomo.positivity=true 2>log.txt >&2 || { cat log.txt; exit 1; }
grep -q "tomo: delta after [0-9]* to [0-9]* iterations a slice" log.txt || { cat log.txt; echo "cg does not say where it stopped"; exit 1; }
"$POLYPTYCH" run tomo.cfg output=tv tomo.method=tv --restart 2>log.txt >&2 || { cat log.txt; exit 1; }
grep -q "filter has no effect" log.txt && { echo "tv starts from fbp: its filter counts"; exit 1; }
"$POLYPTYCH" check tomo.cfg tomo.method=cg > log.txt 2>&1
grep -q "filter has no effect" log.txt || { cat log.txt; echo "no warning about filter"; exit 1; }
$MPIRUN -n 2 "$POLYPTYCH" run tomo.cfg output=two 2>log.txt >&2 || { cat log.txt; exit 1; }
"$python" - <<'P'
import h5py, numpy as np
with h5py.File("fbp/volume.h5") as a, h5py.File("two/volume.h5") as b:
    for name in ("delta", "beta"):
        assert np.array_equal(a["entry/data/" + name][()], b["entry/data/" + name][()]), name + " differs on two ranks"
P
