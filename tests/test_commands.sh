#!/usr/bin/env bash
# The command line: help at every level, exit codes, nearest names, what goes to which stream, new.
# SPDX-License-Identifier: BSD-3-Clause
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export XDG_CACHE_HOME=$folder/cache # what a user's cache has gathered of transforms' plans goes into the output too: a small disk would not hold it
bad=0

# try EXIT STREAM PATTERN ARGUMENTS...: STREAM is out or err
try() {
    local want=$1 stream=$2 pattern=$3
    shift 3
    "$POLYPTYCH" "$@" >out 2>err
    local got=$?
    if [ $got != "$want" ] || ! grep -qE -- "$pattern" "$stream"; then
        bad=$((bad + 1))
        echo "polyptych $*: wanted exit $want and /$pattern/ in $stream, got $got:"
        head -3 out err
    fi
}

try 2 err 'usage: polyptych COMMAND'
try 0 out 'usage: polyptych COMMAND' --help
try 0 out '^polyptych [0-9]+\.[0-9]+' --version
for command in run check plan stages new inspect report bench devices; do
    try 0 out "^polyptych $command" $command --help
    try 0 out "^polyptych $command" help $command
    try 2 err "polyptych $command: unknown option '--hepl'.*'--help'" $command --hepl
done
for command in run check plan new inspect report bench; do
    try 2 err "polyptych $command: something is missing" $command
done
try 2 err "unknown command 'chekc', did you mean 'check'" chekc x.cfg
try 2 err "unknown command 'zzzzzz'" zzzzzz
try 2 err "'b.cfg' is no key=value" run a.cfg b.cfg
try 2 err "FILE comes before 'threads=1'" check threads=1 a.cfg
try 2 err "none.cfg: cannot be opened" check none.cfg
try 2 err "none.cfg: cannot be opened" run none.cfg
try 2 err "none.cfg: cannot be opened" plan none.cfg

try 0 out '^  load  ' stages
try 0 out 'iterations = ' stages ptycho
try 0 out 'on_error = ' stages settings
try 2 err "no stage 'ptyco', did you mean 'ptycho'" stages ptyco
try 0 out '^# Stages' stages --markdown

try 2 err "no bench 'ptyco', did you mean 'ptycho'.: expected ptycho or tomo" bench ptyco
# what an option takes, and what was found
try 2 err "bench: --positions: expected nearest, fourier or bilinear, found 'foo'" bench ptycho --positions foo
try 2 err "bench: --positions: .* found 'fourrier'; did you mean 'fourier'?" bench ptycho --positions fourrier
try 2 err "bench: --backend: expected auto, cpu, cuda or mock, found 'gpu'" bench ptycho --backend gpu
try 2 err "bench: --backend: expected auto, cpu, cuda or mock, found 'gpu'" bench tomo --backend gpu
try 2 err "bench: --refine-probe: expected off or on, found 'auto'" bench ptycho --refine-probe auto
try 2 err "bench: --keep-far-field: expected off, on or auto, found 'yes'" bench ptycho --keep-far-field yes
try 2 err "bench: --method: expected hybrid or gradient, found 'halo'" bench ptycho --devices 2 --method halo
try 2 err "bench: --passes: expected beside or in_turn, found 'x'" bench ptycho --devices 2 --passes x
for option in size patterns modes devices; do
    try 2 err "bench: --$option: expected a whole number from 1 to 1000000 .*, found '1.5'" bench ptycho --$option 1.5
    try 2 err "bench: --$option: expected a whole number from 1 to 1000000 .*, found '0'" bench ptycho --$option 0
done
try 2 err "bench: --threads: expected a whole number from 0 to 1000000 .*, found '-1'" bench ptycho --threads -1
try 2 err "bench tomo takes no --positions: it takes .*--angles" bench tomo --positions nearest
try 2 err "no template 'campain', did you mean 'campaign'" new campain
try 0 out 'wrote campaign.cfg: give the values marked REQUIRED' new campaign
grep -q 'views = "REQUIRED"' campaign.cfg || { echo "campaign.cfg does not mark views"; bad=$((bad + 1)); }
cp campaign.cfg before
try 2 err 'campaign.cfg: is there already' new campaign
cmp campaign.cfg before || bad=$((bad + 1))
try 0 out 'schema = 1;' new quickstart -
try 0 out 'wrote q.cfg: polyptych run q.cfg' new quickstart q.cfg
try 5 err 'cannot be written' new quickstart no/such/folder.cfg
try 0 out '^cores  .*may be used' devices
try 0 out '^cpu .*built in' devices
try 3 err 'none.h5' inspect none.h5
try 2 err 'none' report none

for template in quickstart view cxi campaign joint projections; do try 0 out "^  $template  " new --help; done

# a disk that is full where the output goes is told
for command in "stages --markdown" "new quickstart -" "stages ptycho" "--help" "run --help" "--version"; do
    "$POLYPTYCH" $command >/dev/full 2>err
    got=$?
    [ $got = 5 ] && grep -q 'standard output cannot be written' err || { echo "polyptych $command >/dev/full: exit $got"; bad=$((bad + 1)); }
done

# closed streams: no file takes their numbers, so no message ends up in a result
cat >closed.cfg <<'C'
schema = 1; output = "result";
stages = ( { use = "simulate"; views = 1; width = 16; detector_size = 16; }, { use = "ptycho"; iterations = 1; refine_probe = false; },
           { use = "stitch"; }, { use = "report"; } );
C
"$POLYPTYCH" run closed.cfg >&- 2>&- <&-
got=$?
[ $got = 0 ] || { echo "a run without standard streams: exit $got"; bad=$((bad + 1)); }
"$POLYPTYCH" report result >/dev/null 2>&-
[ $? = 0 ] && [ ! -s result/.polyptych/lock ] || { echo "messages went into a file of the result"; bad=$((bad + 1)); }
try 0 out 'result of one view' inspect result/views/0000.h5

# a file whose name looks like key=value
mkdir T=300K && cp closed.cfg T=300K/x.cfg
try 0 out 'simulate: 1 views' check T=300K/x.cfg threads=1

# what is there already needs no room again
try 0 out 'disk: .* of earlier runs are there' plan closed.cfg
mkdir disk
if mount -t tmpfs -o size=1m none disk 2>/dev/null; then
    trap 'umount "$folder/disk" 2>/dev/null; rm -rf "$folder"' EXIT
    need=$("$POLYPTYCH" plan closed.cfg output=elsewhere 2>/dev/null | sed -n 's/^disk: \([0-9.]*\) kB of .*/\1/p')
    mount -o remount,size=$((${need%.*} + 12))k disk
    try 5 err 'No space left|disk full' run closed.cfg output=disk/out
    mount -o remount,size=$((${need%.*} + 200))k disk
    try 0 err 'done in' run closed.cfg output=disk/out
    try 0 err 'all results are there' run closed.cfg output=disk/out
    mount -o remount,size=$(($(df --output=used -k disk | tail -1) + 32))k disk
    try 0 err 'all results are there' run closed.cfg output=disk/out
    try 5 err 'output = .* needs .* of disk and' run closed.cfg output=disk/other
    umount disk
else
    echo "no small disk here (mount needs root): only the plan's words are tested"
fi

# printed once, whatever the number of ranks
if $MPIRUN -n 2 true 2>err; then
    $MPIRUN -n 2 "$POLYPTYCH" chekc >out 2>err
    [ "$(grep -c "unknown command" err)" = 1 ] || { echo "an error is printed on every rank"; bad=$((bad + 1)); }
    $MPIRUN -n 2 "$POLYPTYCH" --help >out 2>err
    [ "$(grep -c "^usage" out)" = 1 ] || { echo "help is printed on every rank"; bad=$((bad + 1)); }
    $MPIRUN -n 2 "$POLYPTYCH" devices >out 2>err
    [ "$(grep -c "^cores" out)" = 1 ] || { echo "devices is printed on every rank"; bad=$((bad + 1)); }
fi

# the folder of the templates: what is left to give is told with its line, and what is given passes
for template in quickstart view cxi campaign joint projections; do
    rm -f t.cfg
    "$POLYPTYCH" new $template t.cfg >/dev/null || bad=$((bad + 1))
    if grep -q '"REQUIRED"' t.cfg; then try 2 err 't.cfg:[0-9]+: stage .load.: (views|file) is REQUIRED' check t.cfg; fi
done
echo "$bad wrong answers"
[ $bad -eq 0 ]
