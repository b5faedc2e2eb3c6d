#!/usr/bin/env bash
# TIMEOUT 300
# Every file in pipelines/ passes `check` with its data in place, and runs; data are simulated here, and the measured star
# of ../shared is used where it is.
# SPDX-License-Identifier: BSD-3-Clause
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fail() { echo "FAILED: $1"; [ -e "$work/log" ] && tail -5 "$work/log"; exit 1; }
go() { "$POLYPTYCH" "$@" >"$work/log" 2>&1; }

cat >"$work/simulate.cfg" <<C
schema = 1; output = "simulated-run";
stages = ( { use = "simulate"; directory = "data"; views = 8; },
           { use = "ptycho"; iterations = 2; refine_probe = false; } );
C
go run "$work/simulate.cfg" || fail "a small campaign cannot be simulated"
data=$work/data

go check "$SOURCE/pipelines/campaign.cfg" load.views="$data/angles.txt" load.probe_file="$data/view_0000.cxi" output="$work/campaign" ||
    fail "check of campaign.cfg"
go run "$SOURCE/pipelines/campaign.cfg" load.views="$data/angles.txt" load.probe_file="$data/view_0000.cxi" output="$work/campaign" ||
    fail "run of campaign.cfg"
for file in config.cfg provenance.json log.txt views/0007.h5 projections.h5 volume.h5 report.html; do
    [ -s "$work/campaign/$file" ] || fail "campaign.cfg left no $file"
done
for fact in simulate.defocus simulate.outer_zone_width; do # what "auto" became
    grep -q "\"$fact\": \"[0-9.e-]* m\"" "$work/simulated-run/provenance.json" || fail "provenance.json does not tell $fact"
done
for fact in load.energy load.distance load.detector_pixel load.saturation load.translation_layout ptycho.probe_scale align.horizontal; do
    grep -q "\"$fact\": " "$work/campaign/provenance.json" || fail "provenance.json does not tell $fact"
done
go check "$work/campaign/config.cfg" || fail "the effective configuration does not pass check"

star=$SHARED/data/siemens-star-aps.cxi
[ -e "$star" ] || { star=$data/view_0000.cxi; echo "no measured view here: a simulated one instead"; }
go run "$SOURCE/pipelines/measured-view.cfg" load.file="$star" ptycho.iterations=5 output="$work/view" || fail "run of measured-view.cfg"
[ -s "$work/view/views/0000.h5" ] && [ -s "$work/view/report.html" ] || fail "measured-view.cfg left no result"
grep -q "Fourier ring correlation of even and odd frames" "$work/view/report.html" || fail "the report has no ring correlation"
grep -q "resolution .* nm (half period)" "$work/view/report.html" || fail "the report names no resolution"
for file in "$SOURCE"/pipelines/*.cfg; do
    case ${file##*/} in campaign.cfg | measured-view.cfg) continue ;; esac
    go check "$file" output="$work/check" || fail "check of ${file##*/}"
done
echo "pipelines run"
