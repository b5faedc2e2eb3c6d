/* Connections between ports.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CONNECT_H
#define PP_CONNECT_H

#include "engine/pipeline.h"

/** Fills the slots and each node's connections; mismatches and missing inputs become findings. */
PP_MUST_CHECK pp_status pp_pipeline_connect(pp_pipeline *pipeline, pp_findings *findings);

#endif
