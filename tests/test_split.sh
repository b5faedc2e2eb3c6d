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
"$POLYPTYCH" plan "$T/gradient.cfg" >"$T/plan"
for device in 0 1; do
    grep -q "^    device $device: .* patterns, tile .* MB" "$T/plan" || { echo "the plan has no row for device $device: $(cat "$T/plan")"; bad=1; }
done
run local 'method = "gradient"; sync = "local"; exchanges = 2; devices_per_view = 3;' && { echo "local steps by the published rule"; bad=1; }
"$POLYPTYCH" run "$T/local.cfg" ptycho.method=cg >"$T/local.log" 2>&1 || { echo "local: $(tail -2 "$T/local.log")"; bad=1; }
run lonely 'method = "hybrid"; sync = "local";' && { echo "sync = local with method hybrid"; bad=1; }

# devices that one view leaves work on others: the same files, bit for bit
cat > "$T/views.cfg" <<C
schema = 1; output = "$T/apart"; threads = 2; stages = ( { use = "simulate"; directory = "$T/data"; views = 5; },
  { use = "partition"; devices_per_view = "auto"; device_memory = 5.0e6; method = "gradient"; devices = 1; }, { use = "ptycho"; iterations = 3; } );
C
"$POLYPTYCH" run "$T/views.cfg" >"$T/log" 2>&1 || { echo "five views: $(tail -2 "$T/log")"; bad=1; }
# plans of the FFT that are measured anew are other plans, with other last bits
[ -s "$T/apart/.polyptych/fft-plans" ] || { echo "the run has not kept its FFT plans"; bad=1; }
ls "$XDG_CACHE_HOME"/polyptych/fft-plans-* >/dev/null || { echo "no FFT plans in the cache"; bad=1; }
for memory in 5.0e6 2.6e6; do
    "$POLYPTYCH" run "$T/views.cfg" partition.devices=1 partition.device_memory=$memory output="$T/one" --restart >"$T/log" 2>&1 || { echo "one: $(tail -2 "$T/log")"; bad=1; }
    "$POLYPTYCH" plan "$T/views.cfg" partition.devices=6 partition.device_memory=$memory | grep "groups of .* a view each" || { echo "no groups in the plan"; bad=1; }
    "$POLYPTYCH" run "$T/views.cfg" partition.devices=6 partition.device_memory=$memory output="$T/many" --restart >"$T/log" 2>&1 || { echo "many: $(tail -2 "$T/log")"; bad=1; }
    for k in 0 1 2 3 4; do
        cmp "$T/one/views/000$k.h5" "$T/many/views/000$k.h5" || { echo "view $k depends on the groups at work"; bad=1; }
    done
done
# auto reckons what the solve will take: modes, sums in double, far fields kept; plan and run agree
cat > "$T/need.cfg" <<C
schema = 1; output = "$T/need"; threads = 2; stages = ( { use = "simulate"; directory = "$T/one-view"; views = 1; width = 128; detector_size = 32; scan_step = 6.0; },
  { use = "partition"; devices_per_view = "auto"; method = "gradient"; device_memory = 1.9e6; }, { use = "ptycho"; iterations = 2; } );
C
first=0
for more in "" "ptycho.gradient_sum=float64" "ptycho.probe_modes=3" "ptycho.probe_modes=3 ptycho.gradient_sum=float64 ptycho.keep_far_field=true"; do
    "$POLYPTYCH" plan "$T/need.cfg" $more >"$T/plan" || { echo "need $more: no plan"; bad=1; }
    planned=$(sed -nE 's/^ *[0-9]+ groups? of ([0-9]+) devices?,.*/\1/p' "$T/plan"); planned=${planned:-1}
    "$POLYPTYCH" run "$T/need.cfg" $more --restart >"$T/log" 2>&1 || { echo "need $more: $(tail -2 "$T/log")"; bad=1; }
    took=$(tell need devices_per_view); bytes=$(printf '%.0f' "$(tell need bytes_per_device)")
    echo "# device_memory = 1.9 MB, ptycho ${more:-as it is}: $planned devices planned, $took taken, $bytes bytes each"
    [ "$took" = "$planned" ] || { echo "need $more: $planned devices planned, $took taken"; bad=1; }
    [ "$bytes" -le 1900000 ] || { echo "need $more: more than device_memory"; bad=1; }
    [ "$took" -gt $first ] || { echo "need $more: no more than $first devices"; bad=1; }
    [ $first != 0 ] || first=$took
done
"$POLYPTYCH" plan "$T/need.cfg" partition.device_memory=1000 >"$T/plan" 2>"$T/log"
[ $? = 5 ] && grep -q "need.cfg:.*device_memory" "$T/log" || { echo "1000 bytes a device are enough for the plan: $(cat "$T/log")"; bad=1; }
"$POLYPTYCH" plan "$T/need.cfg" partition.device_memory=1.2e6 partition.devices=1 >"$T/plan" 2>"$T/log"
[ $? = 5 ] && grep -q "on each of 1 device (devices has no more)" "$T/log" || { echo "more devices are planned than there are: $(cat "$T/log" "$T/plan")"; bad=1; }
"$POLYPTYCH" plan "$T/need.cfg" partition.device_memory=1.2e6 ptycho.object_smoothness=0.1 >"$T/plan" 2>"$T/log"
[ $? = 2 ] && grep -q "object_smoothness" "$T/log" || { echo "smoothness on a group that auto has made: $(cat "$T/log")"; bad=1; }
exit $bad
