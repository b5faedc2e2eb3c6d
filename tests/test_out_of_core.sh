#!/usr/bin/env bash
# host_memory: large arrays of the campaign lie in scratch files, the plan says how much, the results have the same bits, nothing is
# left behind; less than the rest needs is refused before the run.
# TIMEOUT 120
# SPDX-License-Identifier: BSD-3-Clause
set -eu
. "$SOURCE/tests/support/python.sh"
"$python" - <<'P'
import h5py, numpy as np
n, rows, views = 128, 64, 40
angles, u, v = np.arange(views) * np.pi / views, np.arange(n) - n // 2, np.arange(rows)[:, None] - rows // 2
phase = -np.stack([np.exp(-((u - 20 * np.cos(t) - 9 * np.sin(t)) ** 2 + v**2) / 200) for t in angles])
with h5py.File("projections.h5", "w") as f:
    for name, value, units in (("exchange/data", np.float32(phase), "rad"), ("exchange/data_amplitude", np.float32(np.exp(0.1 * phase)), "1"),
                               ("exchange/theta", np.degrees(angles), "degree"), ("exchange/pixel_size", 5e-8, "m")):
        f[name] = value
        f[name].attrs["units"] = units
P
cat > run.cfg <<'C'
schema = 1; backend = "cpu"; threads = 1;
stages = ( { use = "load"; file = "projections.h5"; format = "projections"; energy = 8856.0; },
           { use = "align"; vertical = false; horizontal = "none"; },
           { use = "tomo"; method = "fbp"; split = "angles"; }, { use = "save"; } );
C
"$POLYPTYCH" plan run.cfg >all.txt 2>&1
if grep -q "scratch files" all.txt; then echo "scratch files without a limit"; exit 1; fi
"$POLYPTYCH" plan run.cfg host_memory=1.6e8 >some.txt 2>&1 || { cat some.txt; exit 1; }
grep -q "scratch files a rank while the campaign is worked on: [0-9.]* MB" some.txt || { cat some.txt; echo "no word of scratch files"; exit 1; }
"$POLYPTYCH" run run.cfg output=all 2>log.txt >&2 || { cat log.txt; exit 1; }
"$POLYPTYCH" run run.cfg output=some host_memory=1.6e8 2>log.txt >&2 || { cat log.txt; exit 1; }
grep "scratch files" log.txt || { cat log.txt; echo "the run does not say what lay in files"; exit 1; }
[ -z "$(find some -name '.scratch*')" ] || { echo "scratch files are left"; exit 1; }
$MPIRUN -n 2 "$POLYPTYCH" run run.cfg output=two host_memory=3.1e8 2>log.txt >&2 || { cat log.txt; exit 1; }
"$python" - <<'P'
import h5py, numpy as np
for other in ("some", "two"):
    for name, where in (("volume.h5", "entry/data/delta"), ("volume.h5", "entry/data/beta"), ("projections.h5", "exchange/data")):
        with h5py.File("all/" + name) as a, h5py.File(other + "/" + name) as b:
            assert np.array_equal(a[where][()], b[where][()]), "%s/%s differs" % (other, name)
P
code=0
"$POLYPTYCH" run run.cfg output=none host_memory=1.0e6 >log.txt 2>&1 || code=$?
{ [ "$code" = 5 ] && grep -q "of host memory" log.txt; } || { cat log.txt; echo "too little memory: exit $code"; exit 1; }
# changing the limit makes nothing anew
"$POLYPTYCH" run run.cfg output=all host_memory=1.6e8 >log.txt 2>&1
grep -q "nothing to do" log.txt || { cat log.txt; echo "host_memory counts for the identity"; exit 1; }
