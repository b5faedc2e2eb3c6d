/* Joseph's projector for one precision: included by joseph.c with REAL and NAME(x) defined.
 * SPDX-License-Identifier: BSD-3-Clause */

/* The sample of a ray on step k: (1 - f) of element `at` and f of element `at` + stride; either may lie outside. */
static void NAME(walk)(const pp_joseph *joseph, ray at, REAL *image, REAL *line, bool adjoint)
{
    const int64_t n = joseph->n;
    const REAL length = (REAL)at.length;
    REAL sum = 0;
    for (int64_t k = 0; k < n; k++) {
        const double where = at.start + at.slope * (double)(k - n / 2) + (double)(n / 2);
        const int64_t near = (int64_t)floor(where);
        if (near < -1 || near >= n) continue;
        const REAL f = (REAL)(where - (double)near);
        REAL *pixel = image + k * at.step + near * at.stride;
        if (adjoint) {
            if (near >= 0) pixel[0] += (1 - f) * length * *line;
            if (near + 1 < n) pixel[at.stride] += f * length * *line;
        } else {
            if (near >= 0) sum += (1 - f) * pixel[0];
            if (near + 1 < n) sum += f * pixel[at.stride];
        }
    }
    if (!adjoint) *line = length * sum;
}

static void NAME(view)(const pp_joseph *joseph, int64_t view, REAL *image, REAL *lines,
                       bool adjoint)
{
    for (int64_t column = 0; column < joseph->columns; column++) {
        NAME(walk)
        (joseph, find_ray(joseph, view, column), image, lines + view * joseph->columns + column,
         adjoint);
    }
}
