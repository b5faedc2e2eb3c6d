/* Symmetric 3 x 3 systems. SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SOLVE3_H
#define PP_SOLVE3_H

/** Solves m x = b in place: x in b. A ridge of 1e-12 of each diagonal element makes what is not determined 0. */
void pp_solve3(double m[3][3], double b[3]);

#endif
