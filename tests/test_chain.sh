#!/usr/bin/env bash
# What a user meets between the first run and the last: the chain without align, parameters that change, views that are added
# or fail, a run that is moved or stopped; exit codes, and that nothing finished is done again.
# TIMEOUT 240
# SPDX-License-Identifier: BSD-3-Clause
set -u
. "$SOURCE/tests/support/python.sh"
fail() { echo "FAILED: $1"; [ -e log ] && tail -6 log; exit 1; }
# go EXIT ARGUMENTS...
go() {
    local want=$1
    shift
    "$POLYPTYCH" "$@" >log 2>&1
    local got=$?
    [ $got = "$want" ] || fail "polyptych $*: exit $got, not $want"
}
says() { grep -qE -- "$1" log || fail "no word of /$1/"; }
silent() { ! grep -qE -- "$1" log || fail "/$1/ must not be there"; }
solved() { grep -c '^view [0-9]*: error' log; }

cat >simulate.cfg <<'C'
schema = 1; output = "simulated";
stages = ( { use = "simulate"; directory = "data"; views = 6; },
           { use = "ptycho"; iterations = 1; refine_probe = false; } );
C
go 0 run simulate.cfg
head -4 data/angles.txt >data/views.txt # a comment may be among them
rows=$(grep -vc '^#' data/views.txt)
chain() { # STAGES after ptycho
    cat <<C
schema = 1; output = "out";
stages = ( { use = "load"; views = "data/views.txt"; probe_file = "data/view_0000.cxi"; },
           { use = "ptycho"; iterations = 3; refine_probe = false; }, $1 );
C
}

# save directly after stitch: the raw stack, marked as wrapped
chain '{ use = "stitch"; }, { use = "save"; }' >x.cfg
go 0 run x.cfg
[ "$(solved)" = "$rows" ] || fail "not every view was solved"
cat >wrapped.py <<'P'
import sys, h5py, numpy as np
f = h5py.File(sys.argv[1])
assert f["exchange/data"].attrs["wrapped"] == int(sys.argv[2]), f["exchange/data"].attrs["wrapped"]
assert f["exchange/data"].shape[0] == int(sys.argv[3])
if sys.argv[2] == "1":
    assert np.allclose(f["exchange/data"][()], np.angle(f["exchange1/data"][()]), atol=1e-5) or len(sys.argv) > 4
P
"$python" wrapped.py out/projections.h5 1 "$rows" || fail "projections.h5 after stitch"
go 0 run x.cfg
says 'nothing to do'

# tomo directly after stitch: views are not solved again, both files are there
chain '{ use = "stitch"; }, { use = "tomo"; }, { use = "save"; }, { use = "report"; }' >x.cfg
go 0 run x.cfg
[ "$(solved)" = 0 ] || fail "views were solved again"
says 'neither unwrapped nor aligned'
[ -s out/volume.h5 ] && [ -s out/report.html ] || fail "no volume or report"

# align without unwrapping is marked as wrapped, with it is not
chain '{ use = "align"; unwrap = "none"; horizontal = "none"; }, { use = "save"; }' >y.cfg
go 0 run y.cfg output=none
"$python" wrapped.py none/projections.h5 1 "$rows" moved || fail "unwrap = none is not marked"
go 0 run y.cfg output=some align.unwrap=least_squares
"$python" wrapped.py some/projections.h5 0 "$rows" || fail "an unwrapped stack is marked as wrapped"

# what does not count for the identity
go 0 run x.cfg name=other threads=1 on_error=stop
says 'nothing to do'
mv out moved
go 0 run x.cfg output=moved
says 'nothing to do'
mv moved out

# a changed parameter: refused, with its name; --restart makes what is downstream and nothing else
before=$(stat -c '%Y %i' out/views/0000.h5)
go 2 run x.cfg tomo.cutoff=0.5
says '^x.cfg:1: output = .*finished file.*--restart'
says 'tomo.cutoff: 1.0 on file, 0.5 now'
go 0 run x.cfg tomo.cutoff=0.5 --restart
[ "$(solved)" = 0 ] || fail "--restart solved views again"
[ "$before" = "$(stat -c '%Y %i' out/views/0000.h5)" ] || fail "--restart wrote a view again"
go 2 run x.cfg tomo.cutoff=0.5 ptycho.iterations=4
says 'ptycho.iterations: 3 on file, 4 now'
silent 'views.*on file'

# a row more in the table: the other views stay
cp data/angles.txt data/views.txt
go 2 run x.cfg tomo.cutoff=0.5
says 'such as .*h5; give another output'
silent 'ptycho.* on file'
go 0 run x.cfg tomo.cutoff=0.5 --restart
[ "$(solved)" = $((6 - rows)) ] || fail "$(solved) views were solved, not the new ones"

# the effective configuration is runnable, and says nothing that its file did not
go 0 check out/config.cfg
silent 'warning'
go 0 report out
silent 'has no effect'

# plans: --dry-run leaves nothing, the estimate is of the size of the run
go 0 run x.cfg output=dry --dry-run
[ ! -e dry ] || fail "--dry-run made a folder"
go 0 plan x.cfg
says 'estimated time: [0-9.]+ s'

# a data file that is damaged between the check and its turn: left out and listed, exit 4; or it ends the run
"$python" - <<'P'
import h5py
for name in ("view_0002", "view_0004"):
    with h5py.File("data/%s.cxi" % name, "r+") as f:
        chunk = f["entry_1/data_1/data"].id.get_chunk_info(50)
    with open("data/%s.cxi" % name, "r+b") as f:
        f.seek(chunk.byte_offset)
        f.write(b"\xff" * min(chunk.size, 200))
P
go 4 run x.cfg output=partial
says 'failed views, left out: 2 4'
[ -s partial/volume.h5 ] && [ ! -e partial/views/0002.h5 ] || fail "a campaign with failed views"
grep -q '"exit_code": 4' partial/provenance.json || fail "provenance.json does not say 4"
go 4 run x.cfg output=partial # tries them again, and says it again
[ "$(solved)" = 0 ] || fail "finished views were solved again"
says 'failed views, left out: 2 4'
go 3 run x.cfg output=stopped on_error=stop
[ ! -e stopped/volume.h5 ] || fail "on_error = stop went on"
sed -i 's/views = "[^"]*"/file = "data\/view_0002.cxi"/; s/{ use = "tomo"; }, //' x.cfg
go 3 run x.cfg output=single
echo "the chain holds"
