#!/usr/bin/env bash
# TIMEOUT 600
# The measurable lines of ../shared/accept that are built, with this build's program; a visible skip where there is no ../shared.
# SPDX-License-Identifier: BSD-3-Clause
[ -d "$SHARED/accept" ] || { echo "skipped: no ../shared here"; exit 77; }
/usr/bin/python3 -c 'import h5py, numpy, scipy' 2>/dev/null || { echo "skipped: no python3 with h5py, numpy, scipy"; exit 77; }
cd "$SOURCE" || exit 1
export POLYPTYCH TMPDIR=${TMPDIR:-/tmp}
bad=0
for name in errors siemens campaign ranks; do
    echo "$name:"
    bash "$SHARED/accept/$name" || { echo "FAILED: $name"; bad=1; }
done
exit $bad
