#!/usr/bin/env bash
# The shared counter over TCP, where one-sided operations need the busy rank's help.
# SPDX-License-Identifier: BSD-3-Clause
# TIMEOUT 60
exec $MPIRUN -n 3 --mca btl self,tcp --mca osc '^sm' ./test_comm
