#!/usr/bin/env bash
# The joint stage on a small campaign: better than the views solved apart; residuals and fit of the frames as they should be; the same
# bits on 1, 2, 3 ranks, with frames held or read, and after SIGKILL; and each of its choices runs and keeps the result.
# TIMEOUT 900
# LABEL slow
# SPDX-License-Identifier: BSD-3-Clause
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cd "$work" || exit 1
fail() {
    echo "FAILED: $1"
    tail -5 "${2:-/dev/null}"
    exit 1
}
stages() { # ALIGN JOINT
    cat <<C
schema = 1; output = "none"; threads = 1; backend = "cpu";
stages = ( { use = "simulate"; directory = "$work/data"; phantom = "balls"; largest_phase = 1.5; width = 32; views = 12;
                               detector_size = 32; scan_step = 12.0; photons = 1e5; },
           { use = "ptycho"; iterations = 50; refine_probe = false; },
           { use = "align"; $1 },
           { use = "tomo"; method = "tv"; }$2, { use = "save"; } );
C
}
aligned='ramp = "none"; vertical = false; horizontal = "none";'
stages "$aligned" '' >apart.cfg
stages "$aligned" ', { use = "joint"; iterations = 12; checkpoint_every = 1; tolerance = 0; }' >joint.cfg
begin() { # NAME: a run whose views are solved already
    [ -d apart ] || return
    cp -rp apart "$1"
    rm -f "$1/volume.h5"
}
run() { # NAME FILE [COMMAND before the program ...] -- [key=value ...]
    local name=$1 file=$2 before=()
    shift 2
    while [ "$1" != -- ]; do before+=("$1") && shift; done
    shift
    [ -d "$name" ] || begin "$name"
    "${before[@]}" "$POLYPTYCH" run "$file" output="$name" "$@" >"$name.log" 2>&1 || fail "$name: exit $?" "$name.log"
}
undated() { LC_ALL=C sed 's/20[0-9-]*T[0-9:]*Z/DATE/' "$1"; }
same() { cmp <(undated whole/volume.h5) <(undated "$1/volume.h5") || fail "$1/volume.h5 differs from that of one undisturbed rank" "$1.log"; }
figure() { # NAME WORD: the number after the word, of each iteration
    sed -n "s/.*joint: iteration [0-9]*: .*$2 \([0-9.e+-]*\).*/\1/p" "$1.log"
}

run apart apart.cfg --
run whole joint.cfg --
[ ! -e whole/joint-state.h5 ] || fail "the state is still there after the end"

# residuals go down; psi agrees with the volume
figure whole residuals >primal
awk 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR == 12 && last < 0.7 * first && last < 4e-3) }' primal ||
    fail "the primal residual does not go down: $(tr '\n' ' ' <primal)"

# the same bits: ranks, frames read again, killed and started again (on another number of ranks)
if [ -n "${MPIRUN:-}" ]; then
    for ranks in 2 3; do
        run "ranks$ranks" joint.cfg $MPIRUN -n $ranks --
        same "ranks$ranks"
    done
fi
run again joint.cfg -- joint.frames=read
same again
killed() { # NAME: killed once three iterations are done
    begin "$1"
    "$POLYPTYCH" run joint.cfg output="$1" >"$1.log" 2>&1 &
    local job=$!
    for _ in $(seq 6000); do
        [ "$(figure "$1" data | wc -l)" -ge 3 ] && break
        kill -0 $job 2>/dev/null || fail "$1 ended by itself" "$1.log"
        sleep 0.01
    done
    kill -KILL $job
    wait $job 2>/dev/null
    [ -e "$1/joint-state.h5" ] && [ ! -e "$1/volume.h5" ] || fail "$1: killed too late or too early" "$1.log"
}
killed killed1
run killed1 joint.cfg --
grep -q 'joint: goes on after outer iteration' killed1.log || fail "the state was not used" killed1.log
same killed1
if [ -n "${MPIRUN:-}" ]; then
    killed killed2
    run killed2 joint.cfg $MPIRUN -n 2 --
    grep -q 'joint: goes on after outer iteration' killed2.log || fail "the state was not used by two ranks" killed2.log
    same killed2
fi
# a state of other parameters is not used
killed killed3
run killed3 joint.cfg -- joint.total_variation=0.01
! grep -q 'joint: goes on' killed3.log || fail "a state of other parameters was used" killed3.log

# the choices
for choice in 'joint.model=poisson' 'joint.refine_probe=true' 'joint.outside=free' 'joint.linearisation=log' 'joint.shift_every=4' 'joint.positivity=false'; do
    run "with-${choice//[^a-z]/-}" joint.cfg -- "$choice"
done

python=${PYTHON:-/usr/bin/python3}
$python -c 'import h5py, numpy' 2>/dev/null || { echo "SKIPPED: no python3 with h5py, errors are not compared"; exit 77; }
$python - <<'P' || fail "errors"
import glob, sys
import h5py, numpy
truth = h5py.File(glob.glob("data/truth.h5")[0])["delta"][()].astype(float)
def error(name):
    v = h5py.File(name + "/volume.h5")["entry/data/delta"][()].astype(float)
    cut = lambda a, m: a[tuple(slice(s // 2 - m // 2, s // 2 - m // 2 + m) for s in a.shape)]
    m = 3 * truth.shape[0] // 4
    return numpy.linalg.norm(cut(v, m) - cut(truth, m)) / numpy.linalg.norm(cut(truth, m))
apart, whole = error("apart"), error("whole")
print(f"apart {apart:.4f}, joint {whole:.4f}")
bad = not whole <= 0.85 * apart
for name in sorted(glob.glob("with-*/volume.h5")):
    e = error(name[:-10])
    print(f"{name[:-10]}: {e:.4f}")
    bad = bad or not e <= 1.1 * whole
sys.exit(bad)
P
