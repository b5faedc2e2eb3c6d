/* Fourier shell and ring correlation of two volumes that lie on ranks by slabs.
 *
 * C(r) = sum Re(A conj(B)) / sqrt(sum |A|^2 sum |B|^2) over the frequencies of a shell, and the half-bit threshold
 * (0.2071 + 1.9102 / sqrt(m)) / (1.2071 + 0.9102 / sqrt(m)) of m frequencies (van Heel and Schatz, J. Struct. Biol. 151,
 * 2005, 250). Both volumes are first multiplied by the same Hann window. Rings: the same in the plane of each slice, the sums
 * taken over all slices and m that of one slice.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_SHELL_CORRELATION_H
#define PP_SHELL_CORRELATION_H

#include "comm/comm.h"

/** Columns of the result. */
enum {
    PP_SHELL_FREQUENCY, /* cycles a pixel: row / n */
    PP_SHELL_CORRELATION,
    PP_SHELL_HALF_BIT,
    PP_RING_CORRELATION,
    PP_RING_HALF_BIT,
    PP_SHELL_COLUMNS
};

/** curves [n / 2][PP_SHELL_COLUMNS] of a and b [my slices of pp_slab_block(rows)][n][n], n even: row k holds frequencies
 *  within half a shell of k / n cycles a pixel. The same bits on every rank and for any number of ranks. Collective. */
PP_MUST_CHECK pp_status pp_shell_correlation(const pp_comm *comm, int64_t rows, int64_t n,
                                             const float *a, const float *b, double *curves);
/** Frequency in cycles a pixel where the curve in `column` first falls below its threshold in column + 1, between the shells by
 *  straight lines; 0.5 where it never does. */
double pp_shell_crossing(int64_t shells, const double *curves, int column);
/** Bytes that it needs on a rank. */
double pp_shell_correlation_bytes(int ranks, int64_t rows, int64_t n);

#endif
