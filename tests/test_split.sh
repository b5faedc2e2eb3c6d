#!/usr/bin/env bash
# Groups of devices from a file: every method runs and tells its devices, auto takes what device_memory asks for.
# SPDX-License-Identifier: BSD-3-Clause
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
export XDG_CACHE_HOME=$T/cache
view=$SHARED/data/campaign-aligned/view_0000.cxi
[ -e "$view" ] || { echo "no ../shared/data"; exit 77; }
bad=0
run() { # NAME PARTITION
    cat > "$T/$1.cfg" <<C
schema = 1; name = "$1"; output = "$T/$1"; seed = 1; backend = "cpu";
stages = ( { use = "load"; file = "$view"; angle = 0.0; },
  { use = "partition"; $2 },
  { use = "ptycho"; method = "published"; iterations = 2; positions = "nearest"; refine_probe = false; },
  { use = "stitch"; }, { use = "save"; } );
C
    "$POLYPTYCH" run "$T/$1.cfg" > "$T/$1.log" 2>&1
}
tell() { sed -nE "s/.*\"partition.$2\": *\"([^\"]*)\".*/\1/p" "$T/$1/provenance.json"; } # RUN FACT
for method in hybrid gradient halo independent; do
    run $method "method = \"$method\"; devices_per_view = 2;" || { echo "$method: $(tail -2 "$T/$method.log")"; bad=1; continue; }
    [ "$(tell $method devices_per_view)" = 2 ] || { echo "$method: not on two devices"; bad=1; }
done
run auto 'method = "gradient"; device_memory = 1.0e6;' || { echo "auto: $(tail -2 "$T/auto.log")"; bad=1; }
[ "$(tell auto devices_per_view)" -gt 1 ] || { echo "auto: one device for 1 MB each"; bad=1; }
[ "$(printf '%.0f' "$(tell auto bytes_per_device)")" -le 1000000 ] || { echo "auto: more than device_memory"; bad=1; }
run tight 'method = "gradient"; device_memory = 1000.0;' && { echo "1000 bytes a device were enough"; bad=1; }
grep -q "device_memory" "$T/tight.log" || { echo "the message does not name device_memory: $(tail -2 "$T/tight.log")"; bad=1; }
run crowded 'method = "halo"; devices_per_view = 64;' && { echo "halo took tiles smaller than its halo"; bad=1; }
grep -q "smaller than the halo" "$T/crowded.log" || { echo "crowded: $(tail -2 "$T/crowded.log")"; bad=1; }
"$POLYPTYCH" plan "$T/gradient.cfg" | grep -q "fullest device" || { echo "the plan has no bytes per device"; bad=1; }
exit $bad
