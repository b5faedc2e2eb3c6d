/* tomo: the volume of delta and beta from the aligned projections.
 *
 * psi = exp(i k integral (-delta + i beta) dl): delta = -phase lambda / (2 pi
 * pixel), beta = -ln |psi| lambda / (2 pi pixel), both reconstructed slice by
 * slice in pixel units. Slices are independent: the stack goes from views on
 * ranks to slabs on ranks once, and each rank works alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/stage.h>

#include <math.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "comm/comm.h"
#include "comm/wisdom.h"
#include "tomo/projector.h"
#include "tomo/reconstruct.h"
#include "tomo/shell_correlation.h"
#include "tomo/stack_source.h"

/* Choices, in the order of the table. */
enum { METHOD_FBP, METHOD_CG, METHOD_SIRT, METHOD_TV };
enum { SPLIT_NONE, SPLIT_ANGLES };
enum { QUANTITY_BOTH, QUANTITY_PHASE, QUANTITY_ABSORPTION };

typedef struct tomo {
    int method, filter, interpolation, weights, quantity, support, split;
    double cutoff, noise, stagnation, oversampling, total_variation, device_memory;
    int64_t iterations;
    bool positivity, derivative;
} tomo;

static const pp_param params[] = {
    PP_CHOICE(tomo, method, "fbp", "fbp|cg|sirt|tv",
              "filtered back-projection; least squares by conjugate gradients; simultaneous "
              "iterations; least squares with total variation"),
    PP_CHOICE(tomo, filter, "shepp-logan", "ramp|shepp-logan|cosine|hann",
              "fbp: window of the ramp filter"),
    PP_REAL(tomo, cutoff, 1.0, 0.01, 1, "Nyquist frequency",
            "fbp: the filter is zero above this part of the Nyquist frequency"),
    PP_CHOICE(tomo, interpolation, "linear", "linear|band-limited",
              "fbp: lines between their samples: straight, which damps fine detail and the streaks "
              "of few views, or as smooth as the Fourier slice theorem takes them"),
    PP_CHOICE(tomo, weights, "gaps", "gaps|equal",
              "fbp: views count by the gaps between their angles, or all the same"),
    PP_BOOL(tomo, derivative, false,
            "fbp: from the differences of neighbouring pixels of the transmission: needs no "
            "unwrapping where they are below pi, and no constant"),
    PP_AUTO_INT(tomo, iterations, auto, 1, 10000, "1",
                "cg, sirt, tv: the most iterations; auto: 15 (60 with positivity), 100, 40"),
    PP_REAL(tomo, noise, 0.0, 0, 1e6, "rad",
            "cg: standard deviation of the projections; a slice stops where its misfit is 1.02 "
            "times this; 0 for no such stop"),
    PP_AUTO_REAL(tomo, stagnation, auto, 0, 0.5, "1",
                 "cg: a slice stops where an iteration lowers its misfit by less than this part; 0 "
                 "for no such stop; auto: 0, or 0.005 with positivity"),
    PP_BOOL(tomo, positivity, false, "cg, sirt, tv: keep delta and beta at or above 0"),
    PP_AUTO_REAL(tomo, total_variation, auto, 1e-12, 1e6, "rad",
                 "tv: strength, the weight of the sum of the gradient's lengths against half the "
                 "squared misfit of one view; auto: from the noise of the projections"),
    PP_CHOICE(tomo, support, "circle", "circle|square",
              "voxels that may be other than 0: the circle that every view sees, or all"),
    PP_CHOICE(tomo, quantity, "both", "both|phase|absorption",
              "what to reconstruct: delta and beta, delta, or beta; the other one is 0"),
    PP_CHOICE(
        tomo, split, "none", "none|angles",
        "angles: every second view in the order of the angles makes one half volume, the others "
        "a second one; their Fourier shell and ring correlation tells the resolution"),
    PP_REAL(tomo, oversampling, 2.0, 1.25, 4, "1",
            "of the projector's Fourier grid; 1.5 takes half the memory and is 8 times less exact"),
    PP_AUTO_REAL(tomo, device_memory, auto, 1, 1e18, "byte",
                 "tv on GPUs: what a device may hold of its slices' vectors; with less than they "
                 "need they stay on the host, and projections are streamed; auto: nine tenths of "
                 "what it has free"),
    PP_PARAM_END,
};

static const pp_port ports[] = {
    PP_PORTS_OF_VIEWS(PP_IN_OPTIONAL),
    PP_PORT_PROJECTIONS(PP_IN_OPTIONAL),
    PP_PORT_PHASE(PP_IN_OPTIONAL),
    PP_PORT_THETA(PP_IN_OPTIONAL),
    PP_PORT_WRAPPED(PP_IN_OPTIONAL),
    PP_PORTS_OF_VOLUME(PP_OUT),
    PP_PORT_SHELL_CORRELATION(PP_OUT_OPTIONAL),
    PP_PORT_END,
};

/* What is reconstructed: arrays of ports, or a stack made from the views'
 * results. */
typedef struct source {
    const pp_array *projections, *phase, *theta;
    pp_stack_arrays made;
    double voxel, wavelength; /* m */
} source;

static int64_t iterations_of(const tomo *p)
{
    if (p->iterations != PP_AUTO) return p->iterations;
    static const int64_t usual[] = {
        [METHOD_FBP] = 1, [METHOD_CG] = 15, [METHOD_SIRT] = 100, [METHOD_TV] = 40};
    return p->method == METHOD_CG && p->positivity ? 60 : usual[p->method];
}

/* Positivity makes the iteration slow and keeps it from fitting the noise: it may go on until little happens. */
static double stagnation_of(const tomo *p)
{
    return !isnan(p->stagnation) ? p->stagnation : p->positivity ? 0.005 : 0;
}

/* backend: NULL in the plan, which counts what the host would need. */
static pp_reconstruct settings(const tomo *p, int threads, const pp_backend *backend)
{
    const bool square = p->support == 1;
    pp_reconstruct out = {.method = PP_RECONSTRUCT_FBP,
                          .oversampling = p->oversampling,
                          .threads = threads,
                          .backend = backend,
                          .differences = p->derivative && p->method == METHOD_FBP};
    if (p->method == METHOD_CG) out.method = PP_RECONSTRUCT_CG;
    if (p->method == METHOD_SIRT) out.method = PP_RECONSTRUCT_SIRT;
    if (p->method == METHOD_TV) out.method = PP_RECONSTRUCT_TV;
    out.fbp = (pp_fbp_setup){.filter = (pp_filter)p->filter,
                             .cutoff = p->cutoff,
                             .band_limited = p->interpolation == 1,
                             .equal_weights = p->weights == 1,
                             .whole_square = square};
    out.cg = (pp_least_squares){.iterations = iterations_of(p),
                                .noise = p->noise,
                                .stagnation = stagnation_of(p),
                                .positivity = p->positivity,
                                .whole_square = square};
    out.sirt = (pp_sirt){
        .iterations = iterations_of(p), .positivity = p->positivity, .whole_square = square};
    out.tv = (pp_total_variation){.strength = isnan(p->total_variation) ? 0 : p->total_variation,
                                  .iterations = iterations_of(p),
                                  .inner = 4,
                                  .tolerance = 1e-3,
                                  .device_memory = p->device_memory >= 1 ? p->device_memory : 0,
                                  .positivity = p->positivity,
                                  .whole_square = square};
    return out;
}

static pp_stack_shape stack_shape(const source *s)
{
    return (pp_stack_shape){.views = pp_array_total_rows(s->phase),
                            .rows = pp_array_size(s->phase, 1),
                            .columns = pp_array_size(s->phase, 2),
                            .element = sizeof(float)};
}

/* ---- projections that no stage has unwrapped ---- */

/* Every view's phase has a constant of its own: it is taken out by the strips
 * at the left and right, 5 % of the width. */
static void remove_constant(const pp_c32 *psi, int64_t rows, int64_t columns, float *phase)
{
    const int64_t strip = columns / 20 > 0 ? columns / 20 : 1;
    double re = 0, im = 0;
    for (int64_t i = 0; i < rows * columns; i++) {
        const int64_t x = i % columns;
        if (x >= strip && x < columns - strip) continue;
        re += (double)psi[i].re;
        im += (double)psi[i].im;
    }
    const double c = cos(atan2(im, re)), s = sin(atan2(im, re));
    for (int64_t i = 0; i < rows * columns; i++) {
        const double a = (double)psi[i].re, b = (double)psi[i].im;
        phase[i] = (float)atan2(b * c - a * s, a * c + b * s);
    }
}

/* Neighbours along x that differ by more than pi: places where a phase was
 * wrapped. */
static double wrapped_steps(const float *phase, int64_t count, int64_t columns)
{
    double steps = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i % columns > 0) steps += fabsf(phase[i] - phase[i - 1]) > 3.14159f;
    }
    return steps;
}

static pp_status refuse_wrapped(const pp_context *context, const pp_array *phase)
{
    const int64_t count = pp_array_count(phase), columns = pp_array_size(phase, 2);
    double steps = wrapped_steps(pp_array_read(phase), count, columns);
    PP_TRY(pp_comm_allreduce(pp_context_comm(context), &steps, 1, PP_SUM));
    const double pixels = (double)(pp_array_total_rows(phase) * pp_array_size(phase, 1) * columns);
    if (steps <= 0.001 * pixels) return PP_OK;
    return PP_FAIL(PP_ERR_DATA,
                   "tomo takes wrapped phases below pi only, but %.0f of %.0f pixels have a step "
                   "beyond pi to their neighbour; put { use = \"align\"; } with its unwrapping "
                   "before tomo, or set derivative = true",
                   steps, pixels);
}

static pp_status take_raw(pp_context *context, const tomo *p, source *out)
{
    pp_stack_arrays *made = &out->made;
    PP_TRY(pp_stack_raw(context, made, &out->voxel));
    const int64_t views = pp_array_size(made->phase, 0), rows = pp_array_size(made->phase, 1),
                  columns = pp_array_size(made->phase, 2);
    const pp_c32 *psi = pp_array_read(made->projections);
    float *phase = pp_array_data(made->phase);
    for (int64_t v = 0; v < views; v++) {
        remove_constant(psi + v * rows * columns, rows, columns, phase + v * rows * columns);
    }
    if (!p->derivative) PP_TRY(refuse_wrapped(context, made->phase));
    pp_warn("tomo without align: the views are neither unwrapped nor aligned, "
            "only the constant of "
            "their phase is taken out");
    out->projections = made->projections;
    out->phase = made->phase;
    out->theta = made->theta;
    return PP_OK;
}

static pp_status find_source(pp_context *context, const tomo *p, source *out)
{
    const pp_views *views = pp_context_views(context);
    *out = (source){0};
    if (pp_views_count(views) > 0) {
        const pp_geometry *geometry = &pp_views_entry(views, 0)->geometry;
        out->voxel = geometry->pixel_size[1];
        out->wavelength = geometry->wavelength;
    }
    out->projections = pp_context_get(context, "projections");
    out->phase = pp_context_get(context, "phase");
    out->theta = pp_context_get(context, "theta");
    const pp_array *wrapped = pp_context_get(context, "wrapped");
    if (!out->phase || !out->theta)
        PP_TRY(take_raw(context, p, out));
    else if (!p->derivative && wrapped && *(const int64_t *)pp_array_read(wrapped) != 0)
        PP_TRY(refuse_wrapped(context, out->phase));
    const int64_t total = pp_array_total_rows(out->phase), angles = pp_array_count(out->theta);
    if (angles != total) {
        return PP_FAIL(PP_ERR_DATA, "%lld projections come with %lld angles", (long long)total,
                       (long long)angles);
    }
    if (!(out->voxel > 0) || !(out->wavelength > 0)) {
        return PP_FAIL(PP_ERR_DATA,
                       "wavelength %g m and voxel size %g m: delta and beta need "
                       "both; give them in "
                       "the data or in load",
                       out->wavelength, out->voxel);
    }
    return PP_OK;
}

/* ---- one quantity ---- */

/* Element i of what is back-projected, in rad or nepers: -phase, or -ln |psi| with |psi| at least 1e-3. */
static float line_at(const source *s, bool absorption, int64_t i)
{
    if (!absorption) return -((const float *)pp_array_read(s->phase))[i];
    const pp_c32 psi = ((const pp_c32 *)pp_array_read(s->projections))[i];
    return -logf(fmaxf(hypotf(psi.re, psi.im), 1e-3f));
}

/* The same at i + 1 less that at i; the phase's from psi, so that a turn between the two does not count. */
static float difference_at(const source *s, bool absorption, int64_t i)
{
    if (absorption) return line_at(s, true, i + 1) - line_at(s, true, i);
    const pp_c32 *psi = pp_array_read(s->projections), a = psi[i], b = psi[i + 1];
    return -atan2f(a.re * b.im - a.im * b.re, a.re * b.re + a.im * b.im);
}

static pp_status make_lines(const source *s, const tomo *p, bool absorption, float **out)
{
    float *lines;
    const int64_t count = pp_array_count(s->phase), columns = pp_array_size(s->phase, 2);
    PP_TRY(PP_ALLOC_LARGE(count, &lines));
    for (int64_t i = 0; i < count; i++) {
        if (!p->derivative)
            lines[i] = line_at(s, absorption, i);
        else if ((i + 1) % columns > 0)
            lines[i] = difference_at(s, absorption, i);
    }
    *out = lines;
    return PP_OK;
}

static pp_status make_volume(const pp_context *context, const source *s, pp_array **out)
{
    const pp_comm *comm = pp_context_comm(context);
    const pp_stack_shape shape = stack_shape(s);
    int64_t first, count;
    pp_slab_block(shape.rows, pp_comm_size(comm), pp_comm_rank(comm), &first, &count);
    const int64_t size[] = {count, shape.columns, shape.columns};
    PP_TRY(pp_array_create(PP_F32, 3, size, "1", out));
    pp_array_set_rows(*out, first, shape.rows);
    return PP_OK;
}

static void note_result(pp_context *context, const tomo *p, const char *name,
                        pp_reconstruct_result result)
{
    const pp_backend *backend = pp_backend_find(pp_context_backend(context));
    const bool on_devices = backend && backend->projection;
    if (p->method == METHOD_FBP) return;
    pp_info("tomo: %s after %lld to %lld iterations a slice, misfit %.3g of the "
            "projections",
            name, (long long)result.fewest, (long long)result.most, result.misfit);
    pp_context_fact(context, name, "%lld to %lld iterations, misfit %.4g", (long long)result.fewest,
                    (long long)result.most, result.misfit);
    if (p->method == METHOD_TV) {
        pp_context_fact(context, "total_variation", "%s %.6g", name, result.strength);
        if (on_devices && result.devices > 0)
            pp_context_fact(context, "vectors", "in the memory of %d devices a rank",
                            result.devices);
        else if (on_devices)
            pp_context_fact(context, "vectors", "on the host, projections streamed to devices");
    }
}

static const char *method_name(const tomo *p)
{
    static const char *const names[] = {
        [METHOD_FBP] = "filtered back-projection",
        [METHOD_CG] = "least squares by conjugate gradients",
        [METHOD_SIRT] = "simultaneous iterations",
        [METHOD_TV] = "least squares with total variation",
    };
    return names[p->method];
}

static pp_status reconstruct(pp_context *context, const tomo *p, const source *s, bool absorption,
                             pp_array *volume)
{
    const pp_comm *comm = pp_context_comm(context);
    const pp_reconstruct setup =
        settings(p, pp_context_threads(context), pp_backend_find(pp_context_backend(context)));
    const double to_index = s->wavelength / (2 * 3.14159265358979323846 * s->voxel);
    float *lines = NULL, *data = pp_array_data(volume);
    pp_reconstruct_result result;
    pp_status status = pp_comm_agree(comm, make_lines(s, p, absorption, &lines));
    if (status == PP_OK) {
        status = pp_reconstruct_run(comm, &setup, stack_shape(s), pp_array_read(s->theta), lines,
                                    data, &result);
    }
    pp_free(lines);
    PP_TRY(status);
    const float scale = (float)to_index;
    for (int64_t i = 0; i < pp_array_count(volume); i++) data[i] *= scale;
    note_result(context, p, absorption ? "beta" : "delta", result);
    return PP_OK;
}

/* ---- two half campaigns ---- */

static void note_resolution(pp_context *context, const source *s, int64_t shells,
                            const double *curves)
{
    const double shell = pp_shell_crossing(shells, curves, PP_SHELL_CORRELATION);
    const double ring = pp_shell_crossing(shells, curves, PP_RING_CORRELATION);
    const char *const beyond = shell < 0.5 ? "" : ", not crossed below the Nyquist frequency";
    pp_info("tomo: half volumes agree up to %.4g cycles a pixel (half-bit), a full period of %.4g "
            "nm%s; "
            "rings %.4g",
            shell, 1e9 * s->voxel / shell, beyond, ring);
    pp_context_fact(context, "resolution",
                    "%.4g nm full period, Fourier shell correlation at the half-bit threshold: "
                    "%.4g cycles a pixel%s",
                    1e9 * s->voxel / shell, shell, beyond);
    pp_context_fact(context, "ring_resolution", "%.4g nm full period, %.4g cycles a pixel",
                    1e9 * s->voxel / ring, ring);
}

static pp_status halves(const pp_comm *comm, pp_reconstruct *setup, const source *s,
                        const float *lines, float *const volume[2])
{
    for (int k = 0; k < 2; k++) {
        setup->half = k + 1;
        PP_TRY(pp_reconstruct_run(comm, setup, stack_shape(s), pp_array_read(s->theta), lines,
                                  volume[k], NULL));
    }
    return PP_OK;
}

/* Of delta, or of beta where that alone is made; each half as the whole is made. */
static pp_status correlate_halves(pp_context *context, const tomo *p, const source *s)
{
    const pp_comm *comm = pp_context_comm(context);
    const pp_stack_shape shape = stack_shape(s);
    const int64_t shells = shape.columns / 2, size[] = {shells, PP_SHELL_COLUMNS};
    pp_reconstruct setup =
        settings(p, pp_context_threads(context), pp_backend_find(pp_context_backend(context)));
    pp_array *curves = NULL;
    float *lines = NULL, *volume[2] = {NULL, NULL};
    int64_t first, count;
    pp_slab_block(shape.rows, pp_comm_size(comm), pp_comm_rank(comm), &first, &count);
    const int64_t voxels = count * shape.columns * shape.columns;
    pp_status status = pp_array_create(PP_F64, 2, size, "1", &curves);
    for (int k = 0; k < 2 && status == PP_OK; k++) status = PP_ALLOC_LARGE(voxels + 1, &volume[k]);
    if (status == PP_OK) status = make_lines(s, p, p->quantity == QUANTITY_ABSORPTION, &lines);
    PP_TRY_TO(done, pp_comm_agree(comm, status));
    PP_TRY_TO(done, halves(comm, &setup, s, lines, volume));
    PP_TRY_TO(done, pp_shell_correlation(comm, shape.rows, shape.columns, volume[0], volume[1],
                                         pp_array_data(curves)));
    note_resolution(context, s, shells, pp_array_read(curves));
    status = pp_context_put(context, "shell_correlation", &curves);
done:
    pp_array_free(&curves);
    pp_free(lines);
    for (int k = 0; k < 2; k++) pp_free(volume[k]);
    return status;
}

/* ---- the stage ---- */

static pp_status both(pp_context *context, const tomo *p, const source *s)
{
    const char *const names[] = {"delta", "beta"};
    for (int k = 0; k < 2; k++) {
        const int other = k == 0 ? QUANTITY_ABSORPTION : QUANTITY_PHASE;
        pp_array *volume = NULL;
        pp_status status =
            pp_comm_agree(pp_context_comm(context), make_volume(context, s, &volume));
        if (status == PP_OK && p->quantity != other) {
            status = reconstruct(context, p, s, k == 1, volume);
        }
        if (status == PP_OK) {
            status = pp_context_put(context, names[k], &volume);
        }
        pp_array_free(&volume);
        PP_TRY(status);
        pp_context_progress(context, (k + 1) / 2.0);
    }
    return PP_OK;
}

typedef struct planner {
    pp_reconstruct setup;
    int64_t columns;
} planner;

static pp_status make_plans(void *data)
{
    const planner *p = data;
    return pp_reconstruct_plans(&p->setup, p->columns);
}

static pp_status prepare(const pp_context *context, const tomo *p, const source *s)
{
    planner plans = {settings(p, 1, NULL), stack_shape(s).columns};
    return pp_fft_prepare(pp_context_comm(context), pp_context_output(context), PP_FFT_MEASURE,
                          make_plans, &plans);
}

static pp_status run(const void *params_, pp_context *context)
{
    const tomo *p = params_;
    source s;
    pp_status status = find_source(context, p, &s);
    if (status == PP_OK) {
        const pp_stack_shape shape = stack_shape(&s);
        pp_info("tomo: %lld slices of %lld x %lld from %lld views, %s", (long long)shape.rows,
                (long long)shape.columns, (long long)shape.columns, (long long)shape.views,
                method_name(p));
        status = prepare(context, p, &s);
        if (status == PP_OK) status = both(context, p, &s);
    }
    if (status == PP_OK && p->split == SPLIT_ANGLES) status = correlate_halves(context, p, &s);
    pp_stack_arrays_free(&s.made);
    return status;
}

/* Parameters that the chosen method does not look at. */
static void check(const void *params_, pp_check *check)
{
    static const struct {
        const char *key;
        bool used[METHOD_TV + 1];
    } table[] = {
        {"filter", {[METHOD_FBP] = true, [METHOD_TV] = true}},
        {"cutoff", {[METHOD_FBP] = true, [METHOD_TV] = true}},
        {"interpolation", {[METHOD_FBP] = true, [METHOD_TV] = true}},
        {"weights", {[METHOD_FBP] = true, [METHOD_TV] = true}},
        {"iterations", {[METHOD_CG] = true, [METHOD_SIRT] = true, [METHOD_TV] = true}},
        {"device_memory", {[METHOD_TV] = true}},
        {"positivity", {[METHOD_CG] = true, [METHOD_SIRT] = true, [METHOD_TV] = true}},
        {"noise", {[METHOD_CG] = true}},
        {"stagnation", {[METHOD_CG] = true}},
        {"total_variation", {[METHOD_TV] = true}},
    };
    const tomo *p = params_;
    if (p->derivative && p->method != METHOD_FBP)
        pp_check_error(check, "derivative", PP_ERR_CONFIG,
                       "derivative = true is built for method = \"fbp\", not for %s",
                       method_name(p));
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        if (!table[k].used[p->method] && pp_check_given(check, table[k].key)) {
            pp_check_warning(check, table[k].key, "%s has no effect with %s", table[k].key,
                             method_name(p));
        }
    }
}

static void plan(const void *params_, pp_plan *plan)
{
    const tomo *p = params_;
    const pp_views *views = pp_plan_views(plan);
    pp_stack_shape shape = {.views = pp_views_count(views), .element = sizeof(float)};
    for (int64_t v = 0; v < shape.views; v++) {
        const pp_view_entry *entry = pp_views_entry(views, v);
        if (entry->object[0] > shape.rows) shape.rows = entry->object[0];
        if (entry->object[1] > shape.columns) shape.columns = entry->object[1];
    }
    if (shape.views == 0 || shape.columns == 0) return;
    const int ranks = pp_plan_ranks(plan), threads = pp_plan_threads(plan);
    const pp_reconstruct there = settings(p, threads, pp_backend_find(pp_plan_backend(plan))),
                         setup = p->method == METHOD_TV ? there : settings(p, threads, NULL);
    const double n = (double)shape.columns, rows = (double)pp_most_rows(shape.rows, ranks),
                 lines = (double)shape.views * n * rows, grid = pow(p->oversampling * n, 2);
    pp_plan_add(plan, PP_LARGE, 2 * rows * n * n * sizeof(float), "delta and beta");
    pp_plan_add(plan, PP_LARGE, 2 * lines * sizeof(float),
                "lines of one quantity, by views and by slabs");
    pp_plan_add(plan, PP_HOST, pp_reconstruct_bytes(&setup, ranks, shape) - lines * sizeof(float),
                "projector, work");
    pp_plan_add(plan, PP_DEVICE, pp_reconstruct_device_bytes(&there, ranks, shape),
                "projector, and slices that are iterated on");
    if (p->split == SPLIT_ANGLES) {
        pp_plan_add(plan, PP_LARGE, 2 * rows * n * n * sizeof(float), "two half volumes");
        pp_plan_add(plan, PP_HOST, pp_shell_correlation_bytes(ranks, shape.rows, shape.columns),
                    "Fourier shell correlation");
    }
    const double pass = 1e-9 * (1.3 * grid * log2(grid) + 20 * n * (double)shape.views);
    const double passes = p->method == METHOD_CG || p->method == METHOD_SIRT
                              ? 2 * (double)iterations_of(p)
                          : p->method == METHOD_TV ? 10 * (double)iterations_of(p)
                                                   : 1;
    pp_plan_work(plan, (p->split == SPLIT_ANGLES ? 1.5 : 1) * rows * pass * passes / threads,
                 method_name(p));
    pp_plan_knob(plan, "tomo.oversampling");
}

PP_STAGE(tomo, .summary = "volume of delta and beta from the projections",
         .scope = PP_SCOPE_CAMPAIGN, .ports = ports, .params = params, .params_size = sizeof(tomo),
         .run = run, .check = check, .plan = plan);
