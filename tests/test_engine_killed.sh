#!/usr/bin/env bash
# Killed with SIGKILL in the middle and started again: the same results, nothing finished done again, nothing half-written; SIGTERM ends
# with 75; 2 ranks give the same bits as 1, also when killed.
# SPDX-License-Identifier: BSD-3-Clause
# TIMEOUT 120
set -u
work=$PWD/test_engine_killed
rm -rf "$work"
mkdir -p "$work"
fail() {
    echo "$*"
    exit 1
}
pipeline() { # NAME: a file of that name and output
    cat >"$work/$1.cfg" <<C
schema = 1; output = "$1";
stages = ( { use = "fake_source"; count = 12; }, { use = "fake_solve"; }, { use = "fake_sum"; },
           { use = "fake_mean"; }, { use = "fake_save"; } );
C
}
run() { # NAME [key=value ...]
    local name=$1
    shift
    ./test_engine "$work/$name.cfg" "$@" >>"$work/$name.log" 2>&1
}
wait_for() { # NAME COUNT: until so many views are there
    for _ in $(seq 600); do
        [ "$(ls "$work/$1/views" 2>/dev/null | grep -c '^[0-9]*\.h5$')" -ge "$2" ] && return
        sleep 0.05
    done
    fail "$1: views do not appear"
}
same() { # NAME: the results are those of `whole`
    for file in views/0000.h5 views/0005.h5 views/0011.h5 total.h5 mean.h5; do
        cmp "$work/whole/$file" "$work/$1/$file" || fail "$1: $file differs"
    done
    [ -z "$(find "$work/$1" -name '*.part*')" ] || fail "$1: something half-written is left"
}

for name in whole killed stopped two; do pipeline $name; done
run whole || fail "whole: $(cat "$work/whole.log")"

./test_engine "$work/killed.cfg" fake_solve.wait=150 >>"$work/killed.log" 2>&1 &
job=$!
wait_for killed 3
kill -KILL $job
wait $job 2>/dev/null
[ -e "$work/killed/mean.h5" ] && fail "killed too late"
: >"$work/killed/views/0011.h5.part1" # as a kill during a write leaves it
before=$(cd "$work/killed/views" && stat -c '%n %i %y' ./*.h5)
run killed || fail "killed, started again: $(cat "$work/killed.log")"
after=$(cd "$work/killed/views" && stat -c '%n %i %y' ./*.h5)
while read -r line; do
    grep -qF "$line" <<<"$after" || fail "done again: $line"
done <<<"$before"
same killed

./test_engine "$work/stopped.cfg" fake_solve.wait=150 >>"$work/stopped.log" 2>&1 &
job=$!
wait_for stopped 2
kill -TERM $job
wait $job
code=$?
[ $code -eq 75 ] || fail "SIGTERM: exit $code, not 75"
run stopped || fail "stopped, started again: $(cat "$work/stopped.log")"
same stopped

$MPIRUN -n 2 ./test_engine "$work/two.cfg" fake_solve.wait=150 >>"$work/two.log" 2>&1 &
job=$!
wait_for two 3
kill -KILL "$(pgrep -P $job -f test_engine | head -1)"
wait $job 2>/dev/null
$MPIRUN -n 2 ./test_engine "$work/two.cfg" >>"$work/two.log" 2>&1 || fail "two ranks: $(cat "$work/two.log")"
same two
echo "killed, stopped and two ranks: the same results"
