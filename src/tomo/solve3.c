/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/solve3.h"

void pp_solve3(double m[3][3], double b[3])
{
    for (int k = 0; k < 3; k++) m[k][k] += 1e-12 * m[k][k] + 1e-300;
    for (int k = 0; k < 3; k++)
        for (int i = k + 1; i < 3; i++) {
            const double f = m[i][k] / m[k][k];
            for (int j = k; j < 3; j++) m[i][j] -= f * m[k][j];
            b[i] -= f * b[k];
        }
    for (int k = 2; k >= 0; k--) {
        for (int j = k + 1; j < 3; j++) b[k] -= m[k][j] * b[j];
        b[k] /= m[k][k];
    }
}
