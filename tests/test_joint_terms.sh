#!/usr/bin/env bash
# The joint stage with what the views were solved with beside object and probe: a background under every frame, and beams of another
# intensity in each; on one device, on two, and by both models.
# TIMEOUT 300
# SPDX-License-Identifier: BSD-3-Clause
set -u
. "$SOURCE/tests/support/python.sh"
bad=0
stages() { # SOURCE-STAGE PTYCHO
    cat <<C
schema = 1; output = "none"; threads = 1; backend = "cpu";
stages = ( $1, { use = "ptycho"; iterations = 40; refine_probe = false; $2 },
           { use = "align"; ramp = "none"; vertical = false; horizontal = "none"; }, { use = "tomo"; method = "fbp"; },
           { use = "joint"; iterations = 8; tolerance = 0; }, { use = "save"; } );
C
}
stages '{ use = "simulate"; directory = "data"; phantom = "balls"; largest_phase = 1.5; width = 24; views = 10; detector_size = 32; scan_step = 8.0; photons = 1e5; }' "" >clean.cfg
stages '{ use = "load"; views = "data-under/angles.txt"; background_file = "dark.h5"; }' 'background = "given";' >under.cfg
stages '{ use = "load"; views = "data-beams/angles.txt"; }' 'refine_intensities = true;' >beams.cfg
run() { # NAME FILE [key=value ...]
    local out=$1 file=$2
    shift 2
    "$POLYPTYCH" run "$file" output="$out" "$@" >"$out.log" 2>&1 || { echo "$out: $(head -3 "$out.log")"; exit 1; }
}
run clean clean.cfg
"$python" - <<'P' || exit 1
import glob, os, shutil, h5py, numpy as np
y, x = np.mgrid[:32, :32] - 16
under = np.round(2 + 60 * np.exp(-(y**2 + (x - 3)**2) / 60)).astype("f4")
with h5py.File("dark.h5", "w") as f: f["background"] = under
for kind in "under", "beams":
    os.makedirs("data-" + kind)
    shutil.copy("data/angles.txt", "data-" + kind)
    for k, path in enumerate(sorted(glob.glob("data/*.cxi"))):
        random = np.random.default_rng(k)
        name = shutil.copy(path, "data-" + kind)
        with h5py.File(name, "r+") as f:
            data = f["entry_1/instrument_1/detector_1/data"]
            counts = data[()].astype("f8")
            if kind == "under":
                counts += random.poisson(under, counts.shape)
            else:
                beam = random.uniform(0.6, 1.4, len(counts))
                counts = random.poisson(counts * (beam / beam.mean())[:, None, None])
            data[...] = counts.astype(data.dtype)
P
run under under.cfg
run beams beams.cfg
again() { # NAME FROM [key=value ...]: another joint solve of the same views
    cp -rp "$2" "$1" && rm "$1/volume.h5" && run "$1" "$2.cfg" "${@:3}"
}
for name in under beams; do again $name-two $name joint.devices_per_view=2 joint.frames=read; done
again under-amplitude under joint.model=amplitude
"$python" - <<'P' || bad=1
import h5py, numpy as np
truth = h5py.File("data/truth.h5")["delta"][()]
def off(name):
    found = h5py.File(name + "/volume.h5")["entry/data/delta"][()]
    edge = (len(found) - len(truth)) // 2
    found = found[edge:edge + len(truth), edge:edge + len(truth), edge:edge + len(truth)]
    error = np.linalg.norm(found - truth) / np.linalg.norm(truth)
    print(f"# {name}: volume off by {error:.4f}")
    return error
clean, under, beams, amplitude = off("clean"), off("under"), off("beams"), off("under-amplitude")
assert under < 1.5 * clean, (under, clean)
assert beams < 1.5 * clean, (beams, clean)
assert amplitude < 1.8 * clean, (amplitude, clean)
for name, one in ("under", under), ("beams", beams):
    assert abs(off(name + "-two") - one) < 1e-3 * one, name
P
exit $bad
