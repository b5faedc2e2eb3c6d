# bench tomo: the contract's fields, a ratio that is made of them, and what it refuses.
# SPDX-License-Identifier: BSD-3-Clause
set -eu
figures=$("$POLYPTYCH" bench tomo --size 64 --angles 45 --threads 1 --json)
for name in size angles threads backend forward_ms_per_slice adjoint_ms_per_slice fft_ms taps_ms ratio; do
    echo "$figures" | grep -q "\"$name\"" || { echo "no field $name in $figures"; exit 1; }
done
echo "$figures" | tr -d '{}",' | tr ' ' '\n' | paste -d' ' - - | awk '
    { value[$1] = $2 }
    END {
        worst = value["forward_ms_per_slice:"] > value["adjoint_ms_per_slice:"] ? value["forward_ms_per_slice:"] : value["adjoint_ms_per_slice:"]
        expected = worst / (value["fft_ms:"] + value["taps_ms:"])
        if (value["size:"] != 64 || value["ratio:"] < 0.999 * expected || value["ratio:"] > 1.001 * expected) {
            print "ratio", value["ratio:"], "expected", expected
            exit 1
        }
    }'
figures=$("$POLYPTYCH" bench tomo --size 32 --angles 20 --threads 1 --backend mock --json)
for field in '"backend": "mock"' '"devices": 2' '"forward_ms_per_slice": ' '"ratio": ' bytes_moved_per_slice link_bytes_per_slice \
    copy_bytes_per_second share_of_copy_bandwidth '"loaded.scatter_kernel": ' '"stored.copy to the host": '; do
    echo "$figures" | grep -q "$field" || { echo "no $field in $figures"; exit 1; }
done
if ! "$POLYPTYCH" devices | grep -q '^cuda .*built in, [1-9]'; then
    code=0 expected=5
    if "$POLYPTYCH" devices | grep -q '^cuda .*not built in'; then expected=2; fi
    "$POLYPTYCH" bench tomo --backend cuda --size 64 2>err || code=$?
    [ "$code" = $expected ] || { echo "--backend cuda without a device: exit $code"; cat err; exit 1; }
fi
