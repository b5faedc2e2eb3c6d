#!/usr/bin/env bash
# Joint against sequential, both with total variation, at 18 % and 64 % overlap with 2 rad and at 64 % with 6 rad: the error of the
# volume's means over voxels, which the truth holds, and the residual of psi against the model.
# TIMEOUT 600
# LABEL slow
# SPDX-License-Identifier: BSD-3-Clause
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
cd "$work" || exit 1
bad=0
write() { # NAME STEP PHASE JOINT REPORT: the probe is 12.8 pixels wide
    cat >"$1.cfg" <<C
schema = 1; output = "$1"; threads = 1; backend = "cpu";
stages = ( { use = "simulate"; directory = "$work/data-$2-$3"; phantom = "balls"; largest_phase = $3; width = 32; height = 24; views = 24;
                               detector_size = 32; scan_step = $2; photons = 1e5; },
           { use = "ptycho"; iterations = 100; refine_probe = false; },
           { use = "align"; ramp = "none"; vertical = false; horizontal = "none"; },
           { use = "tomo"; method = "tv"; }, $4 { use = "save"; }$5 );
C
}
run() { # NAME
    "$POLYPTYCH" run "$1.cfg" >"$1.log" 2>&1 || { echo "FAILED: $1: exit $?"; tail -5 "$1.log"; exit 1; }
}
means() { sed -n 's/.*of its means over voxels \([0-9.]*\),.*/\1/p' "$1.log"; }
compare() { # STEP PHASE BAR
    local report=", { use = \"report\"; truth_file = \"$work/data-$1-$2/truth.h5\"; }"
    write "apart-$1-$2" "$1" "$2" '' ''
    run "apart-$1-$2" # makes the truth too
    write "apart-$1-$2" "$1" "$2" '' "$report"
    run "apart-$1-$2"
    write "joint-$1-$2" "$1" "$2" '{ use = "joint"; iterations = 30; },' "$report"
    cp -rp "apart-$1-$2" "joint-$1-$2"
    rm "joint-$1-$2/volume.h5"
    run "joint-$1-$2"
    local residual
    residual=$(sed -n 's/.*joint: iteration .*residuals \([0-9.e+-]*\) and.*/\1/p' "joint-$1-$2.log" | tail -1)
    awk -v a="$(means "apart-$1-$2")" -v j="$(means "joint-$1-$2")" -v r="$residual" -v bar="$3" -v name="step $1, $2 rad" 'BEGIN {
        printf "%s: apart %.4f, joint %.4f, ratio %.3f (bar %s), residual %.1e\n", name, a, j, j / a, bar, r
        exit !(a > 0 && j > 0 && j <= bar * a && r <= 1e-3) }' || bad=1
}
compare 10.5 2.0 0.80
compare 4.6 2.0 1.0
compare 4.6 6.0 0.92
exit $bad
