# devices: every device is tried, and each rank takes its own: blocks of those that ranks see together, what each sees alone, and Slurm's
# tasks without MPI.
# SPDX-License-Identifier: BSD-3-Clause
set -u
bad=0
expect() { # PATTERN WHAT, in the file out
    grep -Eq -- "$1" out || { echo "$2: no line '$1' in"; cat out; bad=$((bad + 1)); }
}
mock() { POLYPTYCH_MOCK_DEVICES=$1 "$POLYPTYCH" devices >out 2>err || { echo "exit $?"; cat err; bad=$((bad + 1)); }; }

mock 3
expect '^mock .*3 devices' three
expect '^  device 2 .* at 0000:02:00.0, compute capability 9.0' three
[ "$(grep -c '^  FFT  *fine' out)" = 3 ] || { echo "FFT is not tried on three devices"; bad=$((bad + 1)); }
expect '1 reads 0 2' peers
expect '^MPI  .*, (CUDA-aware: is given device memory|not CUDA-aware: device memory goes by way of the host)$' mpi
export POLYPTYCH_MPI_DEVICE_MEMORY=no
mock 3
unset POLYPTYCH_MPI_DEVICE_MEMORY
expect '^MPI  .*, not CUDA-aware: device memory goes by way of the host$' 'mpi without device memory'
expect '^  NCCL  *fine, 3 devices' nccl
expect '^  rank 0 .* takes 0 \(0000:00:00.0\), 1 .*, 2 ' alone
mock 0
expect '^mock .*no device' none

# Slurm's tasks, each on its own: as many GPUs as the node has for the job are shared, fewer are this task's alone
export SLURM_LOCALID=1 SLURM_STEP_TASKS_PER_NODE='2(x3)' SLURM_GPUS_ON_NODE=4
mock 4
expect 'takes 2 \(0000:02:00.0\), 3 \(0000:03:00.0\)$' 'the second of two tasks'
mock 3,
expect 'takes 0 \(0000:03:00.0\)$' 'a task with a device of its own'
unset SLURM_LOCALID SLURM_STEP_TASKS_PER_NODE SLURM_GPUS_ON_NODE

if $MPIRUN -n 3 true 2>err; then
    POLYPTYCH_MOCK_DEVICES=4 $MPIRUN -n 3 "$POLYPTYCH" devices >out 2>err || bad=$((bad + 1))
    expect 'rank 0 .* takes 0 \(0000:00:00.0\)$' 'three ranks, four devices'
    expect 'rank 1 .* takes 1 \(0000:01:00.0\)$' 'three ranks, four devices'
    expect 'rank 2 .* takes 2 \(0000:02:00.0\), 3 \(0000:03:00.0\)$' 'three ranks, four devices'
    POLYPTYCH_MOCK_DEVICES=1 $MPIRUN -n 2 "$POLYPTYCH" devices >out 2>err || bad=$((bad + 1))
    [ "$(grep -c 'takes 0 (0000:00:00.0)$' out)" = 2 ] || { echo "two ranks do not share one device"; bad=$((bad + 1)); }
    # the launcher shows each rank a device of its own
    $MPIRUN -n 2 sh -c 'POLYPTYCH_MOCK_DEVICES=$((OMPI_COMM_WORLD_LOCAL_RANK + 4)), exec "$POLYPTYCH" devices' >out 2>err
    expect 'rank 0 .* takes 0 \(0000:04:00.0\)$' 'ranks with devices of their own'
    expect 'rank 1 .* takes 0 \(0000:05:00.0\)$' 'ranks with devices of their own'
fi
[ "$bad" = 0 ]
