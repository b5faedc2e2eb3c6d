/* The processor's name.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_PROCESSOR_H
#define PP_PROCESSOR_H

enum { PP_PROCESSOR_TEXT = 128 };
/** "Intel(R) Xeon(R) ...", "unknown" where the system does not say. */
void pp_processor_name(char out[PP_PROCESSOR_TEXT]);

#endif
