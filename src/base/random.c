/* Random numbers.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/random.h"

#include <math.h>

static uint64_t mix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

pp_random pp_random_start(uint64_t seed, uint64_t stream)
{
    uint64_t x = seed, y = stream ^ 0xd1b54a32d192ed03u;
    x ^= mix(&y);
    pp_random random;
    for (int k = 0; k < 4; k++) random.state[k] = mix(&x);
    return random;
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t pp_random_bits(pp_random *random)
{
    uint64_t *s = random->state;
    const uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double pp_random_uniform(pp_random *random)
{
    return (double)(pp_random_bits(random) >> 11) * 0x1p-53;
}

double pp_random_normal(pp_random *random)
{
    const double u = 1.0 - pp_random_uniform(random), v = pp_random_uniform(random);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static int64_t poisson_small(pp_random *random, double mean)
{
    const double limit = exp(-mean);
    double product = pp_random_uniform(random);
    int64_t k = 0;
    for (; product > limit; k++) product *= pp_random_uniform(random);
    return k;
}

/* Transformed rejection with squeeze. */
static int64_t poisson_large(pp_random *random, double mean)
{
    const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    const double alpha = 1.1239 + 1.1328 / (b - 3.4), vr = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        const double u = pp_random_uniform(random) - 0.5, v = pp_random_uniform(random);
        const double us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= vr) return (int64_t)k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        if (log(v * alpha / (a / (us * us) + b)) <= -mean + k * log(mean) - lgamma(k + 1))
            return (int64_t)k;
    }
}

int64_t pp_random_poisson(pp_random *random, double mean)
{
    if (!(mean > 0)) return 0;
    return mean < 30 ? poisson_small(random, mean) : poisson_large(random, mean);
}
