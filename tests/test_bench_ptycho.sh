#!/usr/bin/env bash
# polyptych bench ptycho: the fields, and of a group what the time went into.
# TIMEOUT 180
# SPDX-License-Identifier: BSD-3-Clause
. "$SOURCE/tests/support/python.sh"
set -eu
small="bench ptycho --size 32 --patterns 36 --threads 2 --json"
"$POLYPTYCH" $small >one.json
POLYPTYCH_MOCK_DEVICES=1 "$POLYPTYCH" bench ptycho --size 16 --patterns 9 --backend mock --keep-far-field on --json >mock.json
POLYPTYCH_MOCK_DEVICES=1 "$POLYPTYCH" bench ptycho --size 16 --patterns 9 --backend mock --keep-far-field on --transforms callbacks --json >callbacks.json
POLYPTYCH_MOCK_DEVICES=2 "$POLYPTYCH" bench ptycho --size 16 --patterns 9 --backend mock --devices 2 --transforms both --json >both.json
for method in hybrid gradient; do
    for devices in 2 5; do "$POLYPTYCH" $small --devices $devices --method $method --refine-probe on >$method-$devices.json; done
done
"$python" - <<'P'
import json
fields = """size patterns modes threads devices backend positions refine_probe keep_far_field us_per_pattern_iteration fft_pair_us ratio
            bytes_resident_per_pattern bytes_moved_per_pattern_iteration""".split()
one = json.load(open("one.json"))
assert not set(fields) - set(one), set(fields) - set(one)
mock = json.load(open("mock.json"))
fields += ["copy_bytes_per_second", "share_of_copy_bandwidth"]
assert not set(fields) - set(mock), set(fields) - set(mock)
rate = mock["bytes_moved_per_pattern_iteration"] / (1e-6 * mock["us_per_pattern_iteration"]) / mock["copy_bytes_per_second"]
assert abs(rate / mock["share_of_copy_bandwidth"] - 1) < 1e-6
kernels = {k.split(".")[1]: v for k, v in mock.items() if k.startswith("loaded.")}
field = 8 * 16 * 16 # of an iteration: the direction's product, the line and the way back, see docs/performance.md
assert kernels["product_kernel"] == 2 * field and kernels["residual_kernel"] == 2 * field + 3 * 16 * 16, kernels
callbacks = json.load(open("callbacks.json"))
kernels = {k.split(".")[1]: v for k, v in callbacks.items() if k.startswith("loaded.")}
assert kernels["pp_load_product"] == 2 * field and kernels["pp_load_residual"] == field + 3 * 16 * 16 == kernels["residual_kernel"], kernels
assert "product_kernel" not in kernels and callbacks["transforms"] == "callbacks" and mock["transforms"] == "kernels", kernels
both = json.load(open("both.json"))
assert both["transforms"] == "kernels" and "loaded.product_kernel" in both and "loaded.pp_load_product" not in both, both
ratio = both["callbacks_us_per_pattern_iteration"] / both["us_per_pattern_iteration"]
assert abs(ratio / both["callbacks_over_kernels"] - 1) < 1e-6 and both["callbacks_fft_pair_us"] > 0, both
del fields[-2:]
assert one["devices"] == 1 and "waiting_us_per_pattern_iteration" not in one
for method in ("hybrid", "gradient"):
    for devices in (2, 5):
        group = json.load(open(f"{method}-{devices}.json"))
        assert not set(fields) - set(group) and group["devices"] == devices and group["method"] == method
        parts = [group[k + "_us_per_pattern_iteration"] for k in ("compute", "communication", "waiting")]
        assert all(p > 0 for p in parts), parts
        assert abs(sum(parts) / group["us_per_pattern_iteration"] - 1) < 1e-6, parts
        assert group["bytes_received_per_device_iteration"] > 0
P
"$POLYPTYCH" $small --method gradient 2>err && exit 1
grep -q "give --devices" err
"$POLYPTYCH" $small --backend cpu --transforms both 2>err && exit 1
grep -q "the back end is cpu: give --backend cuda or mock" err
"$POLYPTYCH" $small --devices 65 2>err && exit 1
grep -q "at most 64 devices" err
