/* The numbers of ../shared/reference/ptychography.h5: intensities' consequences (costs), gradients, and the published
 * conjugate gradients' trajectory; skipped visibly where the file is absent.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS cpu mock cuda
// TIMEOUT 240
#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "solvers/ptychography.h"
#include "support/support.h"

static hid_t file;

/* One dataset as doubles; complex ones as pairs. Number of values. */
static int64_t read_any(const char *group, const char *name, double **out)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", group, name);
    const hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(set),
                type = H5Dget_type(set);
    const int64_t count = (int64_t)H5Sget_simple_extent_npoints(space);
    hid_t memory = H5Tcopy(H5T_NATIVE_DOUBLE);
    int parts = 1;
    if (H5Tget_class(type) == H5T_COMPOUND) {
        H5Tclose(memory);
        memory = H5Tcreate(H5T_COMPOUND, 2 * sizeof(double));
        H5Tinsert(memory, "r", 0, H5T_NATIVE_DOUBLE);
        H5Tinsert(memory, "i", sizeof(double), H5T_NATIVE_DOUBLE);
        parts = 2;
    }
    *out = calloc((size_t)(count * parts), sizeof **out);
    ck_assert_int_ge(H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out), 0);
    H5Tclose(memory), H5Tclose(type), H5Sclose(space), H5Dclose(set);
    return count * parts;
}

static void sizes(const char *group, const char *name, int64_t *shape)
{
    char path[256];
    hsize_t dims[4] = {0};
    (void)snprintf(path, sizeof path, "%s/%s", group, name);
    const hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(set);
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    for (int k = 0; k < rank; k++) shape[k] = (int64_t)dims[k];
    H5Sclose(space), H5Dclose(set);
}

static pp_c32 *complex_of(const char *group, const char *name)
{
    double *a;
    const int64_t count = read_any(group, name, &a);
    pp_c32 *out = aligned_alloc(64, (size_t)(count * 4 + 63) / 64 * 64);
    for (int64_t k = 0; k < count / 2; k++) out[k] = (pp_c32){(float)a[2 * k], (float)a[2 * k + 1]};
    free(a);
    return out;
}

typedef struct loaded {
    pp_sweep_setup setup;
    double *positions;
    float *frames;
    uint8_t *mask;
    pp_c32 *object, *probe;
} loaded;

/* Frames and mask into the detector order of `kind`. */
static void lay_out(loaded *l, const pp_sweep_class *kind, const double *data, const double *mask)
{
    const int64_t n2 = l->setup.n * l->setup.n;
    int32_t *order = calloc((size_t)n2, sizeof *order);
    for (int64_t k = 0; k < n2; k++) order[k] = (int32_t)k;
    if (kind->order) kind->order(l->setup.n, order);
    l->frames = calloc((size_t)(l->setup.patterns * n2), sizeof *l->frames);
    l->mask = calloc((size_t)n2, 1);
    for (int64_t k = 0; k < n2; k++) {
        l->mask[k] = mask[order[k]] != 0;
        for (int64_t j = 0; j < l->setup.patterns; j++)
            l->frames[j * n2 + k] = (float)data[j * n2 + order[k]];
    }
    free(order);
}

static loaded load(const char *group, const char *object, const pp_sweep_class *kind)
{
    loaded l = {.setup = {.threads = 2, .frame_type = PP_F32}};
    double *data, *mask;
    int64_t shape[4];
    sizes(group, "data", shape);
    l.setup.patterns = shape[0], l.setup.n = shape[1];
    sizes(group, "probe", shape);
    l.setup.modes = shape[0];
    sizes(group, object, shape);
    l.setup.object[0] = shape[0], l.setup.object[1] = shape[1];
    read_any(group, "data", &data), read_any(group, "mask", &mask);
    read_any(group, "positions", &l.positions);
    l.object = complex_of(group, object), l.probe = complex_of(group, "probe");
    lay_out(&l, kind, data, mask);
    l.setup.positions = l.positions, l.setup.frames = l.frames, l.setup.mask = l.mask;
    free(data), free(mask);
    return l;
}

static void unload(loaded *l)
{
    free(l->positions), free(l->frames), free(l->mask), free(l->object), free(l->probe);
}

static double apart(const pp_c32 *a, const char *group, const char *name)
{
    double *b, difference = 0, norm = 0;
    const int64_t count = read_any(group, name, &b);
    for (int64_t k = 0; k < count / 2; k++) {
        const double re = (double)a[k].re - b[2 * k], im = (double)a[k].im - b[2 * k + 1];
        difference += re * re + im * im;
        norm += b[2 * k] * b[2 * k] + b[2 * k + 1] * b[2 * k + 1];
    }
    free(b);
    return sqrt(difference / norm);
}

static void check_gradient(loaded *l, const pp_sweep_class *kind, const char *group)
{
    const bool poisson = l->setup.model == PP_SWEEP_POISSON;
    const char *model = poisson ? "poisson" : "amplitude";
    const double bar = poisson ? 1e-4 : 1e-5;
    const int64_t pixels = l->setup.object[0] * l->setup.object[1],
                  plane = l->setup.modes * l->setup.n * l->setup.n;
    pp_c32 *object = calloc((size_t)pixels, sizeof *object),
           *probe = calloc((size_t)plane, sizeof *probe);
    double cost, *truth;
    char name[64];
    pp_sweep *s;
    const size_t object_bytes = (size_t)pixels * sizeof *object,
                 probe_bytes = (size_t)plane * sizeof *probe;
    pp_c32 *const there = pp_test_upload(l->object, object_bytes),
                  *const beam = pp_test_upload(l->probe, probe_bytes),
                  *const g = pp_test_upload(NULL, object_bytes),
                  *const gp = pp_test_upload(NULL, probe_bytes);
    const pp_sweep_point at = {there, beam};
    const pp_sweep_gradient out = {g, gp, &cost, NULL, NULL, NULL, NULL, NULL};
    pp_assert_ok(pp_sweep_create(kind, &l->setup, &s));
    pp_assert_ok(pp_sweep_gradient_at(s, &out, &at));
    pp_sweep_free(&s);
    pp_test_fetch(object, g, object_bytes), pp_test_fetch(probe, gp, probe_bytes);
    pp_test_fetch(NULL, there, 0), pp_test_fetch(NULL, beam, 0);
    (void)snprintf(name, sizeof name, "cost_%s", model);
    read_any(group, name, &truth);
    pp_assert_near(cost, truth[0], bar * fabs(truth[0]));
    (void)snprintf(name, sizeof name, "gradient_object_%s", model);
    ck_assert_double_lt(apart(object, group, name), bar);
    (void)snprintf(name, sizeof name, "gradient_probe_%s", model);
    ck_assert_double_lt(apart(probe, group, name), bar);
    free(truth), free(object), free(probe);
}

START_TEST(costs_and_gradients)
{
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 16; c++) {
            char group[64];
            const char *base = c & 1 ? "gradient_modes3" : "gradient_modes1";
            loaded l = load(base, "psi", *kind);
            l.setup.mode = c & 2 ? PP_SWEEP_FOURIER : PP_SWEEP_NEAREST;
            l.setup.model = c & 4 ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE;
            l.setup.keep = (c & 8) != 0, l.setup.probe_moves = true;
            (void)snprintf(group, sizeof group, "%s/%s", base, c & 2 ? "fourier" : "nearest");
            if ((*kind)->supports(&l.setup)) check_gradient(&l, *kind, group);
            unload(&l);
        }
}
END_TEST

/* Every step equal, costs within `bar` of the cost above `least`. */
static void check_path(const char *model, int iterations, double bar, double least,
                       const pp_ptycho_result *r)
{
    double *costs, *steps;
    char name[64];
    (void)snprintf(name, sizeof name, "cost_%s", model);
    read_any("cg", name, &costs);
    (void)snprintf(name, sizeof name, "step_%s", model);
    read_any("cg", name, &steps);
    for (int i = 0; i < iterations; i++) {
        ck_assert_msg(r->step[i] == steps[i], "%s: step %d is %g, not %g", model, i, r->step[i],
                      steps[i]);
        pp_assert_near(r->cost[i + 1] - least, costs[i + 1] - least,
                       bar * fabs(costs[i + 1] - least));
    }
    free(costs), free(steps);
}

static void follow(const pp_sweep_class *kind, bool poisson, bool keep)
{
    const char *model = poisson ? "poisson" : "amplitude";
    loaded l = load("cg", poisson ? "start_poisson" : "start_amplitude", kind);
    double cost[33], step[32];
    pp_ptychography m;
    pp_ptycho_result r = {.cost = cost, .step = step};
    const pp_ptycho_settings settings = {.iterations = poisson ? 4 : 32};
    l.setup.model = poisson ? PP_SWEEP_POISSON : PP_SWEEP_AMPLITUDE;
    l.setup.keep = keep;
    if (kind->supports(&l.setup)) {
        const size_t object = (size_t)(l.setup.object[0] * l.setup.object[1]) * sizeof(pp_c32),
                     probe = (size_t)(l.setup.modes * l.setup.n * l.setup.n) * sizeof(pp_c32);
        pp_point point = {pp_test_upload(l.object, object), pp_test_upload(l.probe, probe), NULL};
        pp_assert_ok(
            pp_ptychography_create(pp_backend_find(pp_test_backend()), kind->name, &l.setup, &m));
        pp_assert_ok(pp_solve_published(&m, &point, &settings, &r));
        ck_assert_int_eq(r.done, settings.iterations);
        ck_assert_double_lt(r.adjointness, 1e-3);
        check_path(model, poisson ? 4 : 32, poisson ? 1e-2 : 1e-3,
                   poisson ? m.totals.poisson_offset : 0, &r);
        pp_ptychography_free(&m);
        pp_test_fetch(NULL, point.object, 0), pp_test_fetch(NULL, point.probe, 0);
    }
    unload(&l);
}

START_TEST(published_trajectory)
{
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    for (const pp_sweep_class *const *kind = backend->sweeps; *kind; kind++)
        for (int c = 0; c < 4; c++) follow(*kind, c & 1, c & 2);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {costs_and_gradients, published_trajectory, NULL};
    const char *path = pp_test_shared("reference/ptychography.h5");
    if (!path) return pp_test_skip("no ../shared/reference/ptychography.h5 here");
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) return 1;
    const int code = pp_test_main(pp_test_suite("reference", tests));
    H5Fclose(file);
    return code;
}
