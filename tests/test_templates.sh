#!/usr/bin/env bash
# Every template passes check once what is marked REQUIRED is given.
# SPDX-License-Identifier: BSD-3-Clause
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
bad=0
skipped=0

passes() { # TEMPLATE VALUE [key=value...]: VALUE in place of REQUIRED
    local file=$1.cfg value=$2
    "$POLYPTYCH" new "$1" "$file" >/dev/null || { bad=$((bad + 1)); return; }
    shift 2
    sed -i "s|\"REQUIRED\"|\"$value\"|" "$file"
    if ! "$POLYPTYCH" check "$file" "$@" >log 2>&1; then
        bad=$((bad + 1))
        echo "$file:"
        cat log
    fi
}

passes quickstart ''
if [ -d "$SHARED/data" ]; then
    passes view "$SHARED/data/siemens-star-aps.cxi"
    views=$SHARED/data/campaign-aligned/angles.txt probe=$SHARED/data/campaign-aligned/view_0000.cxi
    passes cxi "$views" load.probe_file="$probe"
    passes campaign "$views" load.probe_file="$probe"
    passes joint "$views" load.probe_file="$probe"
else
    echo "skipped: view, cxi, campaign (no measured data beside the project)"
    skipped=1
fi
python=python3
python3 -c 'import h5py' 2>/dev/null || python=/usr/bin/python3
if $python - 2>/dev/null <<'P'
import h5py, numpy
with h5py.File("stack.h5", "w") as f:
    f["implements"] = "exchange"
    f["measurement/instrument/monochromator/energy"] = 8.85
    f["measurement/instrument/monochromator/energy"].attrs["units"] = "keV"
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
