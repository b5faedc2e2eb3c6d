#!/usr/bin/env bash
# Installs what is needed (Debian 12), builds, simulates a small 3-D campaign and reconstructs it.
# A second call goes on where the first stopped, and does no finished work again.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "${BASH_SOURCE[0]}")/../cmake/setup.sh"
cd "$root"
install_packages $(packages run)
build build -DBUILD_TESTING=OFF >build.log 2>&1 || { tail -50 build.log; exit 1; }
rm -f build.log
build/polyptych run pipelines/quickstart.cfg "$@"
out=$root/pipelines/out/quickstart
echo "volume:  $out/volume.h5  (delta and beta in /entry/data)"
echo "report:  $out/report.html"
