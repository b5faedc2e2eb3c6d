/* Every implementation of the sweeps against the oracle: cost, gradients, line terms, trial steps, position terms,
 * far field kept and computed again, and the same bits for any number of threads.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu mock cuda
// TIMEOUT 300
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/random.h"
#include "support/oracle.h"
#include "support/support.h"

enum { N = 16, MOST = 2, PATTERNS = 13, Y = 30, X = 33 };

typedef double complex cplx;

/* A small problem in both precisions. */
typedef struct problem {
    int modes;
    double positions[PATTERNS][2];
    double data[PATTERNS][N * N], mask[PATTERNS][N * N];
    cplx object[Y * X], probe[MOST * N * N], dobject[Y * X], dprobe[MOST * N * N];
    pp_c32 fobject[Y * X], fprobe[MOST * N * N], fdobject[Y * X], fdprobe[MOST * N * N];
    uint8_t bad[N * N];
    uint16_t u16[PATTERNS * N * N];
    float f32[PATTERNS * N * N];
    int32_t order[N * N];
} problem;

static problem q;
static const float *set; /* a background in detector order, NULL: none */
static double steps[] = {1, 0.5, 0.25, 0.1, -0.3};
enum { STEPS = 5 };

static void fill(cplx *a, pp_c32 *f, int count, double mean, double spread, pp_random *r)
{
    for (int k = 0; k < count; k++) {
        const float re = (float)(mean + spread * pp_random_normal(r)),
                    im = (float)(spread * pp_random_normal(r));
        f[k] = (pp_c32){re, im};
        a[k] = (double)re + I * (double)im;
    }
}

/* Smooth enough probe, so that no pixel is dark by chance; counts from another object. */
static void make_problem(int modes)
{
    pp_random r = pp_random_start(7, (uint64_t)modes);
    memset(&q, 0, sizeof q);
    q.modes = modes;
    fill(q.object, q.fobject, Y * X, 1, 0.2, &r);
    fill(q.probe, q.fprobe, modes * N * N, 2, 2, &r);
    fill(q.dobject, q.fdobject, Y * X, 0, 0.1, &r);
    fill(q.dprobe, q.fdprobe, modes * N * N, 0, 0.3, &r);
    for (int j = 0; j < PATTERNS; j++) {
        q.positions[j][0] = (double)(Y - N) * pp_random_uniform(&r);
        q.positions[j][1] = (double)(X - N) * pp_random_uniform(&r);
        for (int k = 0; k < N * N; k++) {
            q.data[j][k] = (double)pp_random_poisson(&r, 9.0 * modes);
            q.mask[j][k] = 1;
        }
    }
    for (int k = 0; k < N * N; k++) q.bad[k] = pp_random_uniform(&r) < 0.95;
}

static oracle oracle_of(bool fourier, bool poisson)
{
    return (oracle){.n = N,
                    .modes = q.modes,
                    .patterns = PATTERNS,
                    .object = {Y, X},
                    .positions = &q.positions[0][0],
                    .fourier = fourier,
                    .poisson = poisson,
                    .data = &q.data[0][0],
                    .mask = &q.mask[0][0]};
}

/* Lays frames and mask out in the implementation's order; some pixels are not measured in single frames. */
static pp_sweep_setup setup_of(const pp_sweep_class *kind, pp_dtype type)
{
    static uint8_t mask[N * N];
    for (int k = 0; k < N * N; k++) q.order[k] = k;
    if (kind->order) kind->order(N, q.order);
    for (int k = 0; k < N * N; k++) {
        const int from = q.order[k];
        mask[k] = q.bad[from];
        for (int j = 0; j < PATTERNS; j++) {
            const bool lost = (from * 7 + j * 5) % 31 == 0;
            q.mask[j][from] = q.bad[from] && !lost;
            q.u16[j * N * N + k] = lost ? 65535 : (uint16_t)q.data[j][from];
            q.f32[j * N * N + k] = lost ? NAN : (float)q.data[j][from];
        }
    }
    return (pp_sweep_setup){.n = N,
                            .modes = q.modes,
                            .patterns = PATTERNS,
                            .object = {Y, X},
                            .positions = &q.positions[0][0],
                            .frame_type = type,
                            .frames = type == PP_U16 ? (void *)q.u16 : (void *)q.f32,
                            .mask = mask,
                            .probe_moves = true,
                            .threads = 2};
}

static double apart(const pp_c32 *a, const cplx *b, int count)
{
    double difference = 0, norm = 0;
    for (int k = 0; k < count; k++) {
        const cplx d = (double)a[k].re + I * (double)a[k].im - b[k];
        difference += creal(d * conj(d)), norm += creal(b[k] * conj(b[k]));
    }
    return sqrt(difference / norm);
}

typedef struct outcome {
    double cost, misfit;
    pp_sweep_slope slope;
    double costs[STEPS], more[STEPS];
    pp_c32 object[Y * X], probe[MOST * N * N], object2[Y * X], probe2[MOST * N * N];
    double cost2;
} outcome;

/* The arrays of `exercise` where the back end has them. */
typedef struct placed {
    pp_c32 *object, *probe, *dobject, *dprobe, *there_object, *there_probe, *g, *gp;
} placed;

static const size_t object_bytes = Y * X * sizeof(pp_c32);

static size_t probe_bytes(void)
{
    return (size_t)q.modes * N * N * sizeof(pp_c32);
}

static placed place(void)
{
    return (placed){
        pp_test_upload(q.fobject, object_bytes),  pp_test_upload(q.fprobe, probe_bytes()),
        pp_test_upload(q.fdobject, object_bytes), pp_test_upload(q.fdprobe, probe_bytes()),
        pp_test_upload(NULL, object_bytes),       pp_test_upload(NULL, probe_bytes()),
        pp_test_upload(NULL, object_bytes),       pp_test_upload(NULL, probe_bytes())};
}

static void fetch(placed *p, pp_c32 *g, pp_c32 *gp)
{
    pp_test_fetch(g, p->g, object_bytes), pp_test_fetch(gp, p->gp, probe_bytes());
    pp_test_fetch(NULL, p->object, 0), pp_test_fetch(NULL, p->probe, 0);
    pp_test_fetch(NULL, p->dobject, 0), pp_test_fetch(NULL, p->dprobe, 0);
    pp_test_fetch(NULL, p->there_object, 0), pp_test_fetch(NULL, p->there_probe, 0);
}

/* The point of the line at t. */
static void go(const placed *p, float t)
{
    static pp_c32 object[Y * X], probe[MOST * N * N];
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (int k = 0; k < Y * X; k++)
        object[k] = (pp_c32){q.fobject[k].re + t * q.fdobject[k].re,
                             q.fobject[k].im + t * q.fdobject[k].im};
    for (int k = 0; k < q.modes * N * N; k++)
        probe[k] =
            (pp_c32){q.fprobe[k].re + t * q.fdprobe[k].re, q.fprobe[k].im + t * q.fdprobe[k].im};
    pp_assert_ok(backend->upload(p->there_object, object, object_bytes));
    pp_assert_ok(backend->upload(p->there_probe, probe, probe_bytes()));
}

/* Gradient at the point, a line, a step of 0.5 taken and gone back to 0.25, and the gradient there. */
static void exercise(const pp_sweep_class *kind, const pp_sweep_setup *setup, outcome *out)
{
    pp_sweep *s;
    placed p = place();
    const pp_sweep_point at = {p.object, p.probe}, there = {p.there_object, p.there_probe};
    const pp_sweep_direction along = {p.dobject, p.dprobe};
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    memset(out, 0, sizeof *out);
    const pp_sweep_gradient first = {p.g, p.gp, &out->cost, &out->misfit, NULL, NULL, NULL, NULL};
    const pp_sweep_gradient second = {p.g, p.gp, &out->cost2, NULL, NULL, NULL, NULL, NULL};
    const pp_sweep_gradient unused = {NULL, NULL, &out->cost2, NULL, NULL, NULL, NULL, NULL};
    pp_assert_ok(pp_sweep_create(kind, setup, &s));
    if (set) pp_sweep_set_background(s, set);
    pp_assert_ok(pp_sweep_gradient_at(s, &first, &at));
    pp_assert_ok(backend->download(out->object, p.g, object_bytes));
    pp_assert_ok(backend->download(out->probe, p.gp, probe_bytes()));
    pp_assert_ok(pp_sweep_line(s, &out->slope, out->costs, &at, &along, steps, STEPS));
    for (int pass = 0; pass < 2; pass++) {
        const float t = pass == 0 ? 0.5f : 0.25f;
        go(&p, t);
        pp_sweep_advance(s, (double)t);
        pp_assert_ok(pp_sweep_gradient_at(s, pass == 0 ? &unused : &second, &there));
        if (pass == 0) pp_assert_ok(pp_sweep_costs(s, out->more, &at, &along, steps, STEPS));
    }
    pp_sweep_free(&s);
    fetch(&p, out->object2, out->probe2);
}

static void along_line(const oracle *o, double t, cplx *object, cplx *probe)
{
    for (int k = 0; k < Y * X; k++) object[k] = q.object[k] + t * q.dobject[k];
    for (int k = 0; k < (int)o->modes * N * N; k++) probe[k] = q.probe[k] + t * q.dprobe[k];
}

static double cost_at(const oracle *o, double t)
{
    static cplx far[PATTERNS * MOST * N * N], object[Y * X], probe[MOST * N * N];
    along_line(o, t, object, probe);
    oracle_forward(o, far, object, probe);
    return oracle_cost(o, far);
}

static void compare(const outcome *out, const oracle *o)
{
    static cplx object[Y * X], probe[MOST * N * N], go[Y * X], gp[MOST * N * N];
    const int plane = (int)o->modes * N * N;
    const double bar =
        o->poisson ? 3e-5 : 3e-6; /* d / I blows rounding up where the model is dark */
    const double cost = oracle_gradients(o, go, gp, q.object, q.probe), h = 1e-3,
                 up = cost_at(o, h), down = cost_at(o, -h);
    pp_assert_near(out->cost, cost, 2e-6 * fabs(cost));
    ck_assert_double_lt(apart(out->object, go, Y * X), bar);
    ck_assert_double_lt(apart(out->probe, gp, plane), bar);
    pp_assert_near(out->slope.slope, (up - down) / (2 * h), 1e-4 * fabs(out->slope.slope));
    pp_assert_near(out->slope.curvature, (up - 2 * cost + down) / (h * h),
                   1e-3 * fabs(out->slope.curvature));
    for (int k = 0; k < STEPS; k++) {
        const double truth = cost_at(o, steps[k]);
        pp_assert_near(out->costs[k], truth, 2e-6 * fabs(truth));
        pp_assert_near(out->more[k], truth, 2e-6 * fabs(truth));
    }
    along_line(o, 0.25, object, probe);
    const double cost2 = oracle_gradients(o, go, gp, object, probe);
    pp_assert_near(out->cost2, cost2, 2e-6 * fabs(cost2));
    ck_assert_double_lt(apart(out->object2, go, Y * X), bar);
    ck_assert_double_lt(apart(out->probe2, gp, plane), bar);
}

/* All implementations, positions, models, modes, frame types, kept or not. */
START_TEST(against_the_oracle)
{
    static outcome out;
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 32; c++) {
            make_problem(1 + (c & 1));
            pp_sweep_setup setup = setup_of(*kind, c & 2 ? PP_U16 : PP_F32);
            setup.mode = c & 4 ? PP_SWEEP_FOURIER : PP_SWEEP_NEAREST;
            setup.model = c & 8 ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE;
            setup.keep = (c & 16) != 0;
            if (!(*kind)->supports(&setup)) continue;
            const oracle o = oracle_of((c & 4) != 0, (c & 8) != 0);
            exercise(*kind, &setup, &out);
            compare(&out, &o);
        }
}
END_TEST

/* The gradient of patterns [first, first + count): sum rounded, and its rest. */
static void wide_gradient(const pp_sweep_class *kind, pp_sweep_setup setup, int first, int count,
                          double *sum)
{
    static pp_c32 object[Y * X], rest[Y * X];
    const placed p = place();
    pp_sweep *s;
    pp_c32 *left = pp_test_upload(NULL, object_bytes);
    const pp_sweep_gradient out = {p.g, NULL, NULL, NULL, left, NULL, NULL, NULL};
    const pp_sweep_point at = {p.object, p.probe};
    setup.positions += 2 * first, setup.patterns = count, setup.wide_sum = true;
    setup.frames = (const uint16_t *)setup.frames + first * N * N;
    pp_assert_ok(pp_sweep_create(kind, &setup, &s));
    pp_assert_ok(pp_sweep_gradient_at(s, &out, &at));
    pp_sweep_free(&s);
    placed all = p;
    fetch(&all, object, (pp_c32[MOST * N * N]){{0, 0}});
    pp_test_fetch(rest, left, object_bytes);
    for (int k = 0; k < Y * X; k++) {
        sum[2 * k] += (double)object[k].re + (double)rest[k].re;
        sum[2 * k + 1] += (double)object[k].im + (double)rest[k].im;
        ck_assert_float_le(fabsf(rest[k].re), 6e-8f * fabsf(object[k].re));
        ck_assert_float_le(fabsf(rest[k].im), 6e-8f * fabsf(object[k].im));
    }
    ck_assert(memcmp(rest, (pp_c32[Y * X]){{0, 0}}, sizeof rest) != 0);
}

/* Sums in double: the parts of a scan add up to the whole, as sums in float do not. Devices transform patterns in batches, whose
 * size is in the last bits of what is summed. */
START_TEST(sums_in_double_add_up)
{
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 4; c++) {
            static double whole[2 * Y * X], parts[2 * Y * X];
            double most = 0, bar = backend->host_memory ? 1e-11 : 1e-7;
            memset(whole, 0, sizeof whole), memset(parts, 0, sizeof parts);
            make_problem(1 + (c & 1));
            pp_sweep_setup setup = setup_of(*kind, PP_U16);
            setup.mode = c & 2 ? PP_SWEEP_BILINEAR : PP_SWEEP_FOURIER;
            if (!(*kind)->supports(&setup)) continue;
            wide_gradient(*kind, setup, 0, PATTERNS, whole);
            wide_gradient(*kind, setup, 0, 4, parts);
            wide_gradient(*kind, setup, 4, PATTERNS - 4, parts);
            for (int k = 0; k < 2 * Y * X; k++) most = fmax(most, fabs(whole[k]));
            ck_assert_double_gt(most, 1);
            for (int k = 0; k < 2 * Y * X; k++) pp_assert_near(whole[k], parts[k], bar * most);
        }
}
END_TEST

/* Bilinear positions, and a background: where they are supported. */
START_TEST(rare_settings_against_the_oracle)
{
    static outcome out;
    static double background[N * N];
    static float laid[N * N];
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    int met = 0;
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 32; c++) {
            make_problem(1 + (c & 1));
            pp_sweep_setup setup = setup_of(*kind, PP_U16);
            oracle o = oracle_of(false, (c & 8) != 0);
            o.bilinear = (c & 2) != 0, setup.background = (c & 4) != 0;
            if (!o.bilinear && !setup.background) continue;
            o.fourier = !o.bilinear;
            setup.mode = o.bilinear ? PP_SWEEP_BILINEAR : PP_SWEEP_FOURIER;
            setup.model = c & 8 ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE;
            setup.keep = (c & 16) != 0;
            if (!(*kind)->supports(&setup)) continue;
            for (int k = 0; k < N * N; k++) background[k] = 2 + 3 * (k % 7);
            for (int k = 0; k < N * N; k++) laid[k] = (float)background[q.order[k]];
            o.background = setup.background ? background : NULL;
            set = setup.background ? laid : NULL;
            exercise(*kind, &setup, &out);
            set = NULL;
            compare(&out, &o);
            met++;
        }
    ck_assert(met > 0 || strcmp(pp_test_backend(), "cpu") != 0);
}
END_TEST

/* Devices: elements fetched by cuFFT's transforms. */
START_TEST(callbacks_against_the_oracle)
{
    static outcome out;
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    int met = 0;
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 8; c++) {
            const bool fourier = (c & 4) != 0, poisson = c == 3 || c == 6;
            make_problem(1 + (c & 1));
            pp_sweep_setup setup = setup_of(*kind, c % 3 ? PP_U16 : PP_F32);
            setup.mode = fourier ? PP_SWEEP_FOURIER : PP_SWEEP_NEAREST;
            setup.model = poisson ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE;
            setup.keep = (c & 2) != 0, setup.callbacks = true;
            if (!(*kind)->supports(&setup)) continue;
            const oracle o = oracle_of(fourier, poisson);
            exercise(*kind, &setup, &out);
            compare(&out, &o);
            met++;
        }
    ck_assert_int_eq(met, backend->host_memory ? 0 : 8);
}
END_TEST

/* Derivatives of the cost with respect to the background, by differences of the oracle. */
START_TEST(background_terms)
{
    static double background[N * N], first[N * N], second[N * N];
    static float laid[N * N];
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 2; c++) {
            make_problem(2);
            pp_sweep_setup setup = setup_of(*kind, PP_U16);
            pp_sweep *s;
            const pp_sweep_point at = {q.fobject, q.fprobe};
            oracle o = oracle_of(true, c == 1);
            setup.background = true, setup.mode = PP_SWEEP_FOURIER;
            setup.model = c ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE;
            if (!(*kind)->supports(&setup)) continue;
            for (int k = 0; k < N * N; k++) background[k] = 2 + 3 * (k % 7);
            for (int k = 0; k < N * N; k++) laid[k] = (float)background[q.order[k]];
            o.background = background;
            pp_assert_ok(pp_sweep_create(*kind, &setup, &s));
            pp_sweep_set_background(s, laid);
            pp_assert_ok(pp_sweep_background_terms(s, first, second, &at));
            for (int k = 0; k < N * N; k += 17) {
                const int pixel = q.order[k];
                const double h = 1e-3 * background[pixel], cost = cost_at(&o, 0);
                background[pixel] += h;
                const double up = cost_at(&o, 0);
                background[pixel] -= 2 * h;
                const double down = cost_at(&o, 0);
                background[pixel] += h;
                pp_assert_near(first[k], (up - down) / (2 * h), 1e-4 * (1 + fabs(first[k])));
                pp_assert_near(second[k], (up - 2 * cost + down) / (h * h),
                               1e-3 * (1 + fabs(second[k])));
            }
            pp_sweep_free(&s);
        }
}
END_TEST

START_TEST(same_bits_for_any_number_of_threads)
{
    static outcome out[4];
    static float laid[N * N];
    for (int k = 0; k < N * N; k++) laid[k] = (float)(2 + 3 * (k % 7));
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 12; c++) {
            static const pp_sweep_positions modes[] = {PP_SWEEP_NEAREST, PP_SWEEP_FOURIER,
                                                       PP_SWEEP_BILINEAR};
            make_problem(2);
            pp_sweep_setup setup = setup_of(*kind, PP_U16);
            setup.mode = modes[c % 3];
            setup.keep = c / 3 % 2 == 1;
            setup.background = c >= 6;
            if (!(*kind)->supports(&setup)) continue;
            for (int t = 0; t < 4; t++) {
                setup.threads = t + 1;
                set = setup.background ? laid : NULL;
                exercise(*kind, &setup, &out[t]);
                set = NULL;
                ck_assert_msg(memcmp(&out[0], &out[t], sizeof out[0]) == 0,
                              "%s: %d threads give other bits than one", (*kind)->name, t + 1);
            }
        }
}
END_TEST

/* Back ends whose frames are in host memory anyway take no notice. */
START_TEST(streamed_frames_give_the_same_bits)
{
    static outcome out[2];
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 8; c++) {
            make_problem(2);
            pp_sweep_setup setup = setup_of(*kind, c & 4 ? PP_U16 : PP_F32);
            setup.mode = c & 1 ? PP_SWEEP_FOURIER : PP_SWEEP_NEAREST;
            setup.keep = (c & 2) != 0;
            if (!(*kind)->supports(&setup)) continue;
            for (int t = 0; t < 2; t++) {
                setup.stream = t;
                exercise(*kind, &setup, &out[t]);
            }
            ck_assert_msg(memcmp(&out[0], &out[1], sizeof out[0]) == 0,
                          "%s: streamed frames give other bits", (*kind)->name);
        }
}
END_TEST

/* Positions: the terms against finite differences of the moduli. */
static double modulus_terms(const oracle *o, int j, pp_sweep_position *out)
{
    static cplx far[2][2][PATTERNS * MOST * N * N], here[PATTERNS * MOST * N * N];
    const double h = 1e-5;
    oracle_forward(o, here, q.object, q.probe);
    for (int axis = 0; axis < 2; axis++)
        for (int side = 0; side < 2; side++) {
            const double keep = q.positions[j][axis];
            q.positions[j][axis] += side ? h : -h;
            oracle_forward(o, far[axis][side], q.object, q.probe);
            q.positions[j][axis] = keep;
        }
    *out = (pp_sweep_position){0};
    for (int k = 0; k < N * N; k++) {
        const double under = o->background ? o->background[k] : 0;
        double d[2], mod[3] = {under};
        if (q.mask[j][k] == 0) continue;
        for (int a = 0; a < 2; a++) {
            double i[2] = {under, under};
            for (int s = 0; s < 2; s++)
                for (int m = 0; m < q.modes; m++)
                    i[s] += pow(cabs(far[a][s][(j * q.modes + m) * N * N + k]), 2);
            d[a] = (sqrt(i[1]) - sqrt(i[0])) / (2 * h);
        }
        for (int m = 0; m < q.modes; m++)
            mod[0] += pow(cabs(here[(j * q.modes + m) * N * N + k]), 2);
        const double r = sqrt(mod[0]) - sqrt(q.data[j][k]),
                     beam = sqrt(mod[0]) - under / sqrt(mod[0]);
        out->yy += d[0] * d[0], out->yx += d[0] * d[1], out->xx += d[1] * d[1];
        out->ry += d[0] * r, out->rx += d[1] * r;
        out->ww += beam * beam, out->rw += beam * r;
    }
    return sqrt(out->yy * out->xx);
}

/* With and without a background. */
START_TEST(position_terms)
{
    static double background[N * N];
    static float laid[N * N];
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 2; c++) {
            make_problem(2);
            pp_sweep_position found[PATTERNS], truth;
            pp_sweep *s;
            pp_sweep_setup setup = setup_of(*kind, PP_F32);
            setup.mode = PP_SWEEP_FOURIER, setup.background = c == 1;
            if (!(*kind)->supports(&setup)) continue;
            oracle o = oracle_of(true, false);
            for (int k = 0; k < N * N; k++) background[k] = 2 + 3 * (k % 7);
            for (int k = 0; k < N * N; k++) laid[k] = (float)background[q.order[k]];
            o.background = c ? background : NULL;
            placed p = place();
            const pp_sweep_point at = {p.object, p.probe};
            pp_assert_ok(pp_sweep_create(*kind, &setup, &s));
            if (c) pp_sweep_set_background(s, laid);
            pp_assert_ok(pp_sweep_position_terms(s, found, &at));
            fetch(&p, NULL, NULL);
            for (int j = 0; j < PATTERNS; j += 5) {
                const double size = modulus_terms(&o, j, &truth);
                pp_assert_near(found[j].yy, truth.yy, 1e-4 * size);
                pp_assert_near(found[j].yx, truth.yx, 1e-4 * size);
                pp_assert_near(found[j].xx, truth.xx, 1e-4 * size);
                pp_assert_near(found[j].ry, truth.ry, 1e-4 * size);
                pp_assert_near(found[j].rx, truth.rx, 1e-4 * size);
                pp_assert_near(found[j].ww, truth.ww, 1e-4 * truth.ww);
                pp_assert_near(found[j].rw, truth.rw, 1e-4 * truth.ww);
            }
            pp_sweep_free(&s);
        }
}
END_TEST

START_TEST(illumination)
{
    static float object[Y * X], probe[N * N];
    static double truth[Y * X], windows[N * N];
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++) {
        make_problem(2);
        pp_sweep *s;
        const pp_sweep_setup setup = setup_of(*kind, PP_F32);
        if (!(*kind)->supports(&setup)) continue;
        placed made = place();
        const pp_sweep_point at = {made.object, made.probe};
        float *light = pp_test_upload(NULL, sizeof object),
              *light_probe = pp_test_upload(NULL, sizeof probe);
        memset(truth, 0, sizeof truth), memset(windows, 0, sizeof windows);
        for (int j = 0; j < PATTERNS; j++)
            for (int k = 0; k < N * N; k++) {
                const int p = ((int)rint(q.positions[j][0]) + k / N) * X +
                              (int)rint(q.positions[j][1]) + k % N;
                windows[k] += pow(cabs(q.object[p]), 2);
                for (int m = 0; m < 2; m++) truth[p] += pow(cabs(q.probe[m * N * N + k]), 2);
            }
        pp_assert_ok(pp_sweep_create(*kind, &setup, &s));
        pp_assert_ok(pp_sweep_illumination(s, light, light_probe, &at));
        pp_sweep_free(&s);
        fetch(&made, NULL, NULL);
        pp_test_fetch(object, light, sizeof object),
            pp_test_fetch(probe, light_probe, sizeof probe);
        for (int k = 0; k < Y * X; k++)
            pp_assert_near((double)object[k], truth[k], 1e-6 * (1 + truth[k]));
        for (int k = 0; k < N * N; k++)
            pp_assert_near((double)probe[k], windows[k], 1e-6 * windows[k]);
    }
}
END_TEST

START_TEST(a_window_outside_the_object_is_refused)
{
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    make_problem(1);
    q.positions[3][1] = X - N + 1;
    const pp_sweep_setup setup = setup_of(backend->sweeps[0], PP_F32);
    pp_sweep *s;
    ck_assert_int_eq(pp_sweep_create(backend->sweeps[0], &setup, &s), PP_ERR_RUN);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "pattern 3"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {against_the_oracle,
                                  sums_in_double_add_up,
                                  rare_settings_against_the_oracle,
                                  callbacks_against_the_oracle,
                                  background_terms,
                                  same_bits_for_any_number_of_threads,
                                  streamed_frames_give_the_same_bits,
                                  position_terms,
                                  illumination,
                                  a_window_outside_the_object_is_refused,
                                  NULL};
    return pp_test_main(pp_test_suite("sweep", tests));
}
