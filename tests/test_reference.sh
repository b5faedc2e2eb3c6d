#!/usr/bin/env bash
# docs/stages.md is what the program prints of its tables.
# SPDX-License-Identifier: BSD-3-Clause
set -u
PP_PLUGIN_PATH='' "$POLYPTYCH" stages --markdown | diff -u "$SOURCE/docs/stages.md" - && exit 0
echo "docs/stages.md is old: polyptych stages --markdown > docs/stages.md"
exit 1
