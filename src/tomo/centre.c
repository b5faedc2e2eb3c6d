/* Centre of mass and the translation of the object.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/centre.h"

#include <math.h>

double pp_centre_of_mass(int64_t ny, int64_t nx, const float *phase, double axis, double *mass_part)
{
    double mass = 0, moment = 0, moduli = 0;
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            const double a = phase[y * nx + x];
            mass += a;
            moment += a * ((double)x - axis);
            moduli += fabs(a);
        }
    *mass_part = moduli > 0 ? fabs(mass) / moduli : 0;
    return mass != 0 ? moment / mass : 0;
}

void pp_fit_circle(int64_t views, const double *theta, const double *values, int64_t stride,
                   double out[3])
{
    double m[3][3] = {{0}}, b[3] = {0};
    for (int64_t v = 0; v < views; v++) {
        const double basis[3] = {1, cos(theta[v]), sin(theta[v])};
        for (int k = 0; k < 3; k++) {
            for (int j = 0; j < 3; j++) m[k][j] += basis[k] * basis[j];
            b[k] += basis[k] * values[v * stride];
        }
    }
    /* The ridge decides only what the angles leave open. */
    for (int k = 0; k < 3; k++) m[k][k] += 1e-10 * (double)views;
    for (int k = 0; k < 3; k++)
        for (int i = k + 1; i < 3; i++) {
            const double f = m[i][k] / m[k][k];
            for (int j = k; j < 3; j++) m[i][j] -= f * m[k][j];
            b[i] -= f * b[k];
        }
    for (int k = 2; k >= 0; k--) {
        for (int j = k + 1; j < 3; j++) b[k] -= m[k][j] * b[j];
        out[k] = b[k] /= m[k][k];
    }
}

void pp_remove_translation(int64_t views, const double *theta, double *shifts)
{
    double fit[3], mean = 0;
    pp_fit_circle(views, theta, shifts + 1, 2, fit);
    for (int64_t v = 0; v < views; v++) mean += shifts[2 * v] / (double)views;
    for (int64_t v = 0; v < views; v++) {
        shifts[2 * v] -= mean;
        shifts[2 * v + 1] -= fit[1] * cos(theta[v]) + fit[2] * sin(theta[v]);
    }
}
