#!/usr/bin/env bash
# Every template passes check once what is marked REQUIRED is given.
# SPDX-License-Identifier: BSD-3-Clause
set -u
for stage in simulate load partition ptycho stitch align tomo save report; do
    "$POLYPTYCH" stages $stage >/dev/null 2>&1 || { echo "skipped: no stage $stage"; exit 77; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
bad=0
skipped=0

passes() { # TEMPLATE VALUE: VALUE in place of REQUIRED
    "$POLYPTYCH" new "$1" "$1.cfg" >/dev/null || { bad=$((bad + 1)); return; }
    sed -i "s|\"REQUIRED\"|\"$2\"|" "$1.cfg"
    if ! "$POLYPTYCH" check "$1.cfg" >log 2>&1; then
        bad=$((bad + 1))
        echo "template $1:"
        cat log
    fi
}

passes quickstart ''
if [ -d "$SHARED/data" ]; then
    passes view "$SHARED/data/siemens-star-aps.cxi"
    passes cxi "$SHARED/data/campaign-aligned/angles.txt"
    passes campaign "$SHARED/data/campaign-aligned/angles.txt"
else
    echo "skipped: view, cxi, campaign (no measured data beside the project)"
    skipped=1
fi
if python3 - 2>/dev/null <<'P'
import h5py, numpy
with h5py.File("stack.h5", "w") as f:
    f["implements"] = "exchange"
    e = f.create_group("exchange")
    e["data"] = numpy.zeros((12, 16, 32), "f4")
    e["data"].attrs["units"] = "rad"
    e["theta"] = numpy.linspace(0, 165, 12)
    e["theta"].attrs["units"] = "degrees"
    e["data_white"] = numpy.ones((1, 16, 32), "f4")
    e["data_dark"] = numpy.zeros((1, 16, 32), "f4")
    e["pixel_size"] = 3e-8
    e["pixel_size"].attrs["units"] = "m"
P
then
    passes projections stack.h5
else
    echo "skipped: projections (no python3 with h5py)"
    skipped=1
fi
[ $bad -eq 0 ] || exit 1
[ $skipped -eq 0 ] || exit 77
echo "all templates pass"
