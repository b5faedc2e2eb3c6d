#!/usr/bin/env bash
# Wrong stacks of projections: exit code and message; angles that were mended in the file count.
# SPDX-License-Identifier: BSD-3-Clause
set -u
. "$SOURCE/tests/support/python.sh"
bad=0
tried=0

cat >make.py <<'P'
import h5py, numpy as np
views, rows, n = 9, 6, 16
u = np.arange(n) - n // 2
phase = -np.exp(-(u - 2) ** 2 / 8)[None, None] * np.ones((views, rows, 1))
def stack(name, drop=(), **given):
    with h5py.File(name + ".h5", "w") as f:
        values = {"exchange/data": (np.float32(phase), "rad"), "exchange/theta": (np.arange(views) * 20.0, "degree"),
                  "exchange1/data": (np.exp(1j * phase).astype("c8"), "1"), "exchange/pixel_size": (5e-8, "m"),
                  "process/theta": (np.deg2rad(np.arange(views) * 20.0), "rad"), "process/view": (np.arange(views), "1"),
                  "process/shifts": (np.zeros((views, 2)), "pixel"), "process/centre": (np.zeros(2, int), "pixel")}
        for path, value in given.items(): values[path.replace("__", "/")] = value
        for path, (value, unit) in values.items():
            if path in drop: continue
            f[path] = value
            if unit: f[path].attrs["units"] = unit
def hole(path):
    value = np.float32(phase) if path == "exchange/data" else np.exp(1j * phase).astype("c8")
    value[4, 2, 3] = np.nan
    return (value, "1")
own = ("process/theta",)
stack("good")
stack("mended", exchange__theta=(np.arange(views) * 10.0, "degree"))
stack("no_theta", drop=own + ("exchange/theta",))
stack("few_theta", drop=own, exchange__theta=(np.arange(views - 1) * 20.0, "degree"))
stack("nan_theta", drop=own, exchange__theta=(np.r_[np.arange(views - 1) * 20.0, np.nan], "degree"))
stack("radians", drop=own, exchange__theta=(np.linspace(0, np.pi, views), None))
stack("repeated", drop=own, exchange__theta=(np.r_[np.arange(views - 1), 0] * 20.0, "degree"))
stack("many_views", process__view=(np.arange(5000), "1"))
stack("few_shifts", process__shifts=(np.zeros((views - 2, 2)), "pixel"))
stack("flat_centre", process__centre=(np.zeros(1, int), "pixel"))
stack("no_pixel", drop=("exchange/pixel_size",))
stack("no_data", drop=("exchange/data",))
stack("two_axes", exchange__data=(np.float32(phase[0]), "rad"))
stack("nan_phase", exchange__data=hole("exchange/data"))
stack("nan_complex", exchange1__data=hole("exchange1/data"))
P
"$python" make.py || { echo "no stacks"; exit 1; }

# told COMMAND EXIT PATTERN STACK
told() {
    cat >x.cfg <<C
schema = 1; output = "out_$4";
stages = ( { use = "load"; file = "$4.h5"; format = "projections"; energy = 8856.0; }, { use = "align"; horizontal = "none"; },
           { use = "tomo"; }, { use = "save"; } );
C
    "$POLYPTYCH" "$1" x.cfg >log 2>&1
    local got=$?
    tried=$((tried + 1))
    if [ $got != "$2" ] || ! grep -qE -- "$3" log; then
        bad=$((bad + 1))
        echo "$4: wanted exit $2 and /$3/ of $1, got $got:"
        head -6 log
    fi
}

told check 0 'load: 9 projections of 6 x 16' good
told check 3 'no_theta.h5: /exchange/theta: missing' no_theta
told check 3 'few_theta.h5: /exchange/theta: 8 numbers, 9 are expected' few_theta
told check 3 'nan_theta.h5: /exchange/theta: number 8 is not finite' nan_theta
told check 0 'warning: .*angles given in radians' radians
told check 0 'warning: .*angle is repeated' repeated
told check 3 'many_views.h5: /process/view: 9 x 1 numbers are expected, found 5000' many_views
told check 3 'no_pixel.h5: /exchange/pixel_size: .*set pixel_size' no_pixel
told check 3 'no_data.h5: /exchange/data: no such dataset' no_data
told check 3 'two_axes.h5: /exchange/data: .*2 axes' two_axes
told run 3 'few_shifts.h5: /process/shifts: 9 x 2 numbers are expected' few_shifts
told run 3 'flat_centre.h5: /process/centre: 2 x 1 numbers are expected' flat_centre
told run 3 'nan_phase.h5: .*projection 4 holds a value that is not finite' nan_phase
told run 3 'nan_complex.h5: .*projection 4 holds a value that is not finite' nan_complex
told run 0 'done in' mended
"$python" -c '
import h5py
with h5py.File("out_mended/projections.h5") as f: angle = f["exchange/theta"][-1]
print("last angle", angle)
raise SystemExit(int(abs(angle - 80) > 1e-9))' || { echo "the angles in /exchange/theta are not used"; bad=$((bad + 1)); }
echo "$tried stacks, $bad wrong answers"
[ $bad -eq 0 ]
