/* Counter-based random numbers: the same for a seed and a stream on every machine, whatever the order of calls of other
 * streams. splitmix64 seeding, xoshiro256** sequence (Blackman and Vigna, ACM TOMS 47, 36 (2021)).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_RANDOM_H
#define PP_RANDOM_H

#include <stdint.h>

typedef struct pp_random {
    uint64_t state[4];
} pp_random;

pp_random pp_random_start(uint64_t seed, uint64_t stream);
uint64_t pp_random_bits(pp_random *random);
/** In [0, 1). */
double pp_random_uniform(pp_random *random);
/** Mean 0, standard deviation 1. */
double pp_random_normal(pp_random *random);
/** Poisson of this mean (exact: inversion below 30, PTRS rejection above; Hoermann 1993). */
int64_t pp_random_poisson(pp_random *random, double mean);

#endif
