#!/usr/bin/env bash
# The shared library exports the public headers' functions and nothing else; every public function is there. Plugins rely on them.
# SPDX-License-Identifier: BSD-3-Clause
library=$(dirname "$POLYPTYCH")/libpolyptych.so
[ -e "$library" ] || { echo "skipped: no shared library beside the program"; exit 77; }
cd "${SOURCE:-$(dirname "$0")/..}" || exit 1
declared=$(cat include/polyptych/*.h | tr '\n' ' ' | grep -oE 'PP_API[^;({]*\(' | grep -oE 'pp_[a-z0-9_]+ ?\($' | tr -d ' (' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '$2 ~ /[TDBR]/ {print $3}' | grep -vE '^(\.gomp|__bss_start|_edata|_end$|__asan|__ubsan|__odr|__sanitizer|_init|_fini)' | sort -u)
extra=$(comm -13 <(echo "$declared") <(echo "$exported"))
missing=$(comm -23 <(echo "$declared") <(echo "$exported"))
[ -n "$extra" ] && { echo "exported, but in no public header:"; echo "$extra"; }
[ -n "$missing" ] && { echo "declared, but not in the library:"; echo "$missing"; }
[ -z "$extra$missing" ] && echo "$(wc -l <<<"$declared") functions exported"
[ -z "$extra$missing" ]
