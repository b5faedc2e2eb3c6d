/* One set of FFT plans for all ranks and runs: measured plans differ from run to run, and with them the last bits.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_WISDOM_H
#define PP_WISDOM_H

#include "backend/fft.h"
#include "comm/comm.h"

/** Makes (and frees) every plan that will be needed. */
typedef pp_status pp_fft_planner(void *data);

/** Rank 0 takes the plans from the run's directory `output`, else from the user's cache ($XDG_CACHE_HOME/polyptych, a file a
 *  processor model and FFTW version), calls `plan`, which looks with `effort` only for those that neither has, and stores all in both; the other
 *  ranks get them and call `plan` as well. After it, making the same plans gives the same on every rank. Call it from `open` or a campaign `run` before any
 *  plan is made. Plans that nobody prepared are estimated, not measured, in a run: slower, and the same too. Collective, main thread. A cache that cannot be written is no error. */
PP_MUST_CHECK pp_status pp_fft_prepare(const pp_comm *comm, const char *output,
                                       pp_fft_effort effort, pp_fft_planner *plan, void *data);

#endif
