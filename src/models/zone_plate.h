/* The probe of a Fresnel zone plate with a central stop, out of focus, and incoherent modes of it.
 *
 * In the plane of the focus the wave is the Fourier transform of the pupil: with spatial frequency q (1/m), the pupil is the
 * ring stop / (2 lambda f) < q < D / (2 lambda f) with f = D dr / lambda, so its outer edge is 1 / (2 dr); a distance z out of
 * focus multiplies it by exp(-i pi lambda z q^2) (Goodman, Introduction to Fourier Optics, 4.2, 5.1).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_ZONE_PLATE_H
#define PP_ZONE_PLATE_H

#include <polyptych/status.h>

typedef struct pp_zone_plate {
    double diameter;         /* D, m */
    double outer_zone_width; /* dr, m */
    double central_stop;     /* diameter of the stop, m; 0 for none */
    double defocus;          /* z, m, positive downstream of the focus */
    double
        astigmatism; /* relative difference of the defocus of the two axes, half of it each way */
} pp_zone_plate;

/** Square grid of the object plane: n pixels of pixel_size (m) at wavelength (m). */
typedef struct pp_probe_grid {
    int64_t n;
    double pixel_size, wavelength;
} pp_probe_grid;

/** out [n][n], centre at n / 2, sum |out|^2 = power. Errors: PP_ERR_CONFIG where the ring holds no sample of the grid or
 *  reaches beyond the grid's frequencies. */
PP_MUST_CHECK pp_status pp_zone_plate_probe(const pp_zone_plate *optics, const pp_probe_grid *grid,
                                            double power, pp_c32 *out);

/** A flat disc: modulus s(r) and phase 0.2 s(r), s = 1 up to 0.8 R, then a straight ramp to 0 at R + 1,
 *  R = (n - 1) / 2 (the probe of the published sets, Yu et al. 2021; Nikitin et al. 2019).
 *  out [n][n], sum |out|^2 = power. */
void pp_disc_probe(int64_t n, double power, pp_c32 *out);

/** Makes modes 1 .. modes - 1 of probe [modes][n][n] from mode 0: mode 0 times 1, x, y, x y, ... about its centre of mass,
 *  orthogonalised; mode m carries a power proportional to (1 - coherent_fraction)^m, all together mode 0's old power. */
PP_MUST_CHECK pp_status pp_probe_modes(int64_t modes, int64_t n, double coherent_fraction,
                                       pp_c32 *probe);

/** Root mean square diameter (m) that holds the probe: 4 times the standard deviation of |P|^2 along one axis. */
double pp_probe_width(const pp_probe_grid *grid, const pp_c32 *probe);

#endif
