#!/usr/bin/env bash
# Every kind of wrong data, of a wrong place for the results, and every warning: exit code and message of check, on views
# that are damaged here one by one. The kinds that belong to the file alone are in test_errors_config.sh.
# TIMEOUT 120
# SPDX-License-Identifier: BSD-3-Clause
set -u
. "$SOURCE/tests/support/python.sh"
bad=0
tried=0

cat >simulate.cfg <<'C'
schema = 1; output = "simulated";
stages = ( { use = "simulate"; directory = "data"; views = 3; },
           { use = "ptycho"; iterations = 1; refine_probe = false; } );
C
"$POLYPTYCH" run simulate.cfg >log 2>&1 || { echo "no views to damage"; cat log; exit 1; }
cat >damage.py <<'P'
import shutil, sys, h5py, numpy as np
def view(name, source="data/view_0001.cxi"):
    shutil.copy(source, name)
    return h5py.File(name, "r+")
def place(f, name):
    found = []
    f.visit(lambda n: found.append(n) if n.endswith(name) else None)
    return found[0]
def put(f, path, value):
    kept = dict(f[path].attrs)
    del f[path]
    f[path] = value
    f[path].attrs.update(kept)
with view("no_angle.cxi") as f:
    del f[place(f, "rotation_angle")]
with view("other_pixel.cxi") as f:
    p = place(f, "x_pixel_size"); put(f, p, f[p][()] * 1.01)
    p = place(f, "y_pixel_size"); put(f, p, f[p][()] * 1.01)
with view("other_energy.cxi") as f:
    p = place(f, "energy"); put(f, p, f[p][()] * 1.01)
    p = place(f, "wavelength"); put(f, p, f[p][()] / 1.01)
for name in ("long_pixel.cxi", "long_pixel_0.cxi"):
    with view(name) as f:
        p = place(f, "x_pixel_size"); put(f, p, f[p][()] * 1.01)
with view("frame_masks.cxi", "data/view_0000.cxi") as f:
    frames = f["entry_1/data_1/data"].shape
    masks = np.zeros(frames, "u4"); masks[:, 3, 4] = 1; masks[:, 5, 6] = 2; masks[7, 8, 9] = 1
    if "entry_1/instrument_1/detector_1/mask" in f: del f["entry_1/instrument_1/detector_1/mask"]
    f["entry_1/instrument_1/detector_1/mask"] = masks
with view("fewer_positions.cxi") as f:
    hits = []
    f.visititems(lambda n, o: hits.append(n) if isinstance(o, h5py.Dataset) and n.endswith("translation") else None)
    whole = f[hits[0]][()]
    for p in hits[:1]: put(f, p, whole[:-3] if whole.shape[1] == 3 else whole[:, :-3])
with view("huge.cxi") as f:
    hits = []
    f.visititems(lambda n, o: hits.append(n) if isinstance(o, h5py.Dataset) and n.endswith("translation") else None)
    put(f, hits[0], f[hits[0]][()] * 1e6)
with view("nan_position.cxi") as f:
    hits = []
    f.visititems(lambda n, o: hits.append(n) if isinstance(o, h5py.Dataset) and n.endswith("translation") else None)
    v = f[hits[0]][()]; v.flat[4] = np.nan; put(f, hits[0], v)
def frames_of(f):
    hits = []
    f.visititems(lambda n, o: hits.append(n) if isinstance(o, h5py.Dataset) and o.ndim == 3 and o.dtype.kind in "uif" else None)
    return max(hits, key=lambda n: f[n].size)
with view("not_square.cxi") as f:
    p = frames_of(f); put(f, p, f[p][:, :-8, :])
    for n in ("mask",):
        hits = []
        f.visititems(lambda q, o: hits.append(q) if isinstance(o, h5py.Dataset) and q.endswith(n) else None)
        for h in hits: put(f, h, f[h][()][..., :-8, :])
with view("smaller.cxi") as f:
    p = frames_of(f); put(f, p, f[p][:, 16:-16, 16:-16])
    hits = []
    f.visititems(lambda q, o: hits.append(q) if isinstance(o, h5py.Dataset) and (q.endswith("mask") or q.endswith("illumination")) else None)
    for h in hits: put(f, h, f[h][()][..., 16:-16, 16:-16])
with view("no_frames.cxi") as f:
    f.visititems(lambda q, o: None); p = frames_of(f)
    targets = []
    f.visititems(lambda q, o: targets.append(q) if isinstance(o, h5py.Dataset) and o.ndim == 3 and o.shape == f[p].shape else None)
    for t in targets: del f[t]
    hits = []
    f.visit(lambda q: hits.append(q) if q.endswith("/data") and q not in f else None)
with view("dead_link.cxi") as f:
    p = frames_of(f)
    del f[p]; f[p] = h5py.ExternalLink("gone.h5", "/data")
with view("no_probe.cxi") as f:
    hits = []
    f.visit(lambda q: hits.append(q) if q.split("/")[-1] in ("illumination", "probe") else None)
    for h in hits:
        if h in f: del f[h]
with open("data/view_0001.cxi", "rb") as f: head = f.read(5000)
open("short.cxi", "wb").write(head)
open("text.cxi", "w").write("no HDF5 at all\n")
P
"$python" damage.py || { echo "the views cannot be damaged"; exit 1; }

# told EXIT PATTERN [key=value...]: the table comes from standard input
told() {
    local want=$1 pattern=$2
    shift 2
    cat >views.txt
    cat >x.cfg <<'C'
schema = 1; output = "out";
stages = ( { use = "load"; views = "views.txt"; },
           { use = "ptycho"; refine_probe = false; iterations = 1; }, { use = "stitch"; }, { use = "save"; } );
C
    "$POLYPTYCH" check x.cfg "$@" >log 2>&1
    local got=$?
    tried=$((tried + 1))
    if [ $got != "$want" ] || ! grep -qE -- "$pattern" log; then
        bad=$((bad + 1))
        echo "wanted exit $want and /$pattern/, got $got:"
        sed 's/^/    /' views.txt
        head -6 log
    fi
}
good='data/view_0000.cxi 0\n'
one() { printf "$good$1 60\n"; }

one data/view_0001.cxi >t; told 0 'views: 2' <t
one data/gone.cxi >t; told 3 'gone.cxi' <t
one short.cxi >t; told 3 'short.cxi' <t
one text.cxi >t; told 3 'text.cxi' <t
one no_frames.cxi >t; told 3 'no_frames.cxi' <t
one dead_link.cxi >t; told 3 'dead_link.cxi: .*dead link' <t
one no_probe.cxi >t; told 3 'zone_plate' <t
one fewer_positions.cxi >t; told 3 'fewer_positions.cxi.*(97|100).*(97|100)' <t
one nan_position.cxi >t; told 3 'nan_position.cxi' <t
one huge.cxi >t; told 3 'object_limit' <t
one other_pixel.cxi >t; told 3 'other_pixel.cxi: object pixel .*must agree within 0.0001' <t
one other_energy.cxi >t; told 3 'other_energy.cxi: wavelength .*must agree within 0.0001' <t
one smaller.cxi >t; told 3 'smaller.cxi' <t
one not_square.cxi >t; told 3 'crop' <t
printf 'no_angle.cxi\ndata/view_0000.cxi 3\n' >t; told 3 'no_angle.cxi.*angle' <t
printf 'data/view_0000.cxi nan\n' >t; told 3 'views.txt:1' <t
printf 'data/view_0000.cxi 0 extra words\n' >t; told 3 'views.txt:1' <t
printf '# nothing\n' >t; told 3 'views.txt' <t
# warnings: exit 0
printf 'data/view_0000.cxi 10\ndata/view_0001.cxi 10\n' >t; told 0 'warning: .*repeat' <t
for k in 0 1 2 3 4 5 6 7; do cp data/view_0000.cxi copy$k.cxi; echo "copy$k.cxi 0.$((k * 4 + 10))"; done >t
awk '{ printf "%s %.2f\n", $1, NR * 0.42 }' t >u; told 0 'warning: .*radian' <u
printf 'data/view_0001.cxi 61\n' >t; told 0 'warning: .*the file says' <t
one data/view_0001.cxi >t; told 0 'angle_sign = -1' load.angle_sign=-1 <t
one data/view_0001.cxi >t; told 0 '1 dead pixel|[0-9]+ dead pixels' 'load.dead_pixels=[1, 1]' <t
printf 'frame_masks.cxi 0\n' >t; told 0 ' 2 dead pixels .*, 1 single values not measured' <t
# object pixels that are not square: a view may have them, a volume may not
printf 'long_pixel_0.cxi 0\nlong_pixel.cxi 60\n' >t; told 0 'views: 2' <t
sed -i 's/{ use = "save"; }/{ use = "tomo"; }, &/' x.cfg
"$POLYPTYCH" check x.cfg >log 2>&1
code=$?
tried=$((tried + 1))
{ [ $code = 3 ] && grep -q 'view 0: object pixels of .*square.*detector_pixel' log; } || { echo "pixels that are not square: exit $code"; head -3 log; bad=$((bad + 1)); }
# what follows from an error is not told beside it
printf "$good" >t; told 2 'no data is named' load.views= <t
if grep -q 'gives no view' log; then echo "no data and no view are told both"; bad=$((bad + 1)); fi
# 2 goes before 3
one data/gone.cxi >t; told 2 'iterations = -1' ptycho.iterations=-1 <t
# the place of the results
one data/view_0001.cxi >t
mkdir other && echo data >other/results.txt
told 2 'output = .*another program made' output=other <t
echo file >plain; told 2 'output = .*is a file' output=plain <t
[ "$(cat other/results.txt)" = data ] || { echo "the other program's file was touched"; bad=$((bad + 1)); }
told 5 'command line: output = .*cannot be written' output=/dev/null/out <t
# more than this machine has: the plan says so, and what to change
sed "s/} );/}, { use = \"tomo\"; } );/" simulate.cfg >large.cfg
"$POLYPTYCH" plan large.cfg simulate.width=8192 >log 2>&1
code=$?
tried=$((tried + 1))
{ [ $code = 5 ] && grep -q 'output = .* of disk and .* are free' log && grep -q 'of host memory and .* available: change tomo.oversampling, or' log; } ||
    { echo "a plan that is too large: exit $code"; cat log; bad=$((bad + 1)); }
# ranks
if $MPIRUN -n 2 true 2>/dev/null; then
    printf "$good" >views.txt
    $MPIRUN -n 2 "$POLYPTYCH" check x.cfg >log 2>&1
    code=$?
    tried=$((tried + 1))
    { [ $code = 0 ] && [ "$(grep -c 'warning: .*ranks' log)" = 1 ]; } || { echo "2 ranks, 1 view: exit $code"; cat log; bad=$((bad + 1)); }
fi
echo "$tried kinds of data, $bad wrong answers"
[ "$tried" -ge 26 ] && [ $bad -eq 0 ]
