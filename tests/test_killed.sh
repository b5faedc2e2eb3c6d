#!/usr/bin/env bash
# The whole chain, killed with SIGKILL while it solves views and started again: no finished view is done again, and every result has
# the same bytes as that of an undisturbed run; with one rank and with two.
# TIMEOUT 240
# SPDX-License-Identifier: BSD-3-Clause
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cd "$work" || exit 1
fail() {
    echo "FAILED: $1"
    tail -5 "${2:-whole.log}"
    exit 1
}
cat >campaign.cfg <<'C'
schema = 1; output = "whole"; threads = 1;
stages = ( { use = "simulate"; directory = "data"; views = 8; photons = 1e6; },
           { use = "ptycho"; iterations = 30; refine_probe = false; }, { use = "align"; },
           { use = "tomo"; }, { use = "save"; }, { use = "report"; } );
C
finished() { find "$1/views" -name '[0-9]*.h5' 2>/dev/null | wc -l; }
# start NAME COMMAND...: in a process group of its own, killed once two views are there and before all are
killed() {
    local name=$1
    shift
    setsid "$@" campaign.cfg output="$name" >"$name.log" 2>&1 &
    local job=$!
    for _ in $(seq 2000); do
        [ "$(finished "$name")" -ge 2 ] && break
        kill -0 $job 2>/dev/null || fail "$name ended by itself" "$name.log"
        sleep 0.02
    done
    kill -KILL -- -$job
    wait $job 2>/dev/null
    # ranks outlive their killed launcher until they see that it is gone
    for _ in $(seq 500); do
        pgrep -f "campaign.cfg output=$name\$" >/dev/null || break
        sleep 0.02
    done
    local left
    left=$(finished "$name")
    [ "$left" -ge 2 ] && [ "$left" -lt 8 ] || fail "$name was killed with $left of 8 views" "$name.log"
    [ ! -e "$name/volume.h5" ] || fail "$name: the volume is there already" "$name.log"
}
again() { # NAME COMMAND...: goes on; finished views stay the files that they were
    local name=$1 before
    shift
    before=$(cd "$name/views" && stat -c '%n %i %y' ./[0-9]*.h5)
    "$@" campaign.cfg output="$name" >"$name.log" 2>&1 || fail "$name, started again: exit $?" "$name.log"
    while read -r line; do
        (cd "$name/views" && stat -c '%n %i %y' ./[0-9]*.h5) | grep -qF "$line" || fail "$name: done again: $line" "$name.log"
    done <<<"$before"
    # rank 0 tells of its own views only
    [ "$(grep -c '^view [0-9]*: error' "$name.log")" -le $((8 - $(wc -l <<<"$before"))) ] ||
        fail "$name: more than the missing views were solved" "$name.log"
}
undated() { LC_ALL=C sed 's/20[0-9-]*T[0-9:]*Z/DATE/' "$1"; } # volume.h5 says when it was made
same() {
    for file in views/0000.h5 views/0003.h5 views/0007.h5 projections.h5 volume.h5; do
        cmp <(undated "whole/$file") <(undated "$1/$file") || fail "$1/$file differs from that of the undisturbed run" "$1.log"
    done
    [ -z "$(find "$1" -name '*.part*')" ] || fail "$1: something half-written is left" "$1.log"
}

"$POLYPTYCH" run campaign.cfg >whole.log 2>&1 || fail "the undisturbed run: exit $?"
killed one "$POLYPTYCH" run
again one "$POLYPTYCH" run
same one
killed two $MPIRUN -n 2 "$POLYPTYCH" run
again two $MPIRUN -n 2 "$POLYPTYCH" run
same two
echo "killed and started again, with one rank and with two: the same bytes, nothing done twice"
