/* Between the launcher (runtime.cpp) and the coroutines (threads.cpp).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_MOCK_BLOCK_H
#define PP_MOCK_BLOCK_H

#include <atomic>
#include <functional>
#include <vector>

#include "backend/mock/emulation.h"

namespace pp_emulation
{

struct block_work {
    launch_t how;
    std::function<void()> body;
    order rule;
    size_t shared_stride;
    std::atomic<uint64_t> *loaded, *stored;
};

/** Runs the blocks of one cluster to their end on this OS thread; shared: their buffers, shared_stride apart. */
void run_team(const block_work &work, const std::vector<dim3_t> &blocks, char *shared,
              uint64_t seed);

} // namespace pp_emulation
#endif
