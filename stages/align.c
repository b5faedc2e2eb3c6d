/* align: from the views' objects, or from projections, to an aligned stack.
 *
 * Each view is normalised (modulus, constant, plane), unwrapped, and moved by one sub-pixel shift that is composed of the
 * vertical mass fluctuation, the horizontal centre of mass and projection matching. What is known of all views is shared in
 * the order of the views, so the result does not depend on the number of ranks or threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/stage.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "comm/comm.h"
#include "tomo/centre.h"
#include "tomo/consistent.h"
#include "tomo/correlation.h"
#include "tomo/mass.h"
#include "tomo/matching.h"
#include "tomo/projector.h"
#include "tomo/ramp.h"
#include "tomo/resample.h"
#include "tomo/stack.h"
#include "tomo/stack_source.h"
#include "tomo/transpose.h"
#include "tomo/unwrap.h"

static const double pi = 3.14159265358979323846;

enum {
    HORIZONTAL_AUTO,
    HORIZONTAL_NONE,
    HORIZONTAL_CENTRE,
    HORIZONTAL_CORRELATION,
    HORIZONTAL_MATCHING
};
enum { UNWRAP_LEAST_SQUARES, UNWRAP_DERIVATIVES, UNWRAP_NONE };
enum { RAMP_TOMOGRAPHIC = PP_RAMP_MOMENTS + 1 };
/* Tomographic ramps: so often from a volume, and from views that were aligned anew. */
enum { consistent_passes = 3, consistent_rounds = 2 };

/* Fewer views say too little about the volume for projection matching, fewer rows about vertical shifts. */
enum { matching_views = 8, vertical_rows = 8 };

typedef struct align {
    int ramp, unwrap, horizontal;
    double air_width;
    bool vertical, leave_out_bad_views;
    int64_t matching_iterations;
} align;

static const pp_param params[] = {
    PP_CHOICE(align, ramp, "air", "none|air|moments|tomographic",
              "what is taken out of each view: none: the constant phase only, which is always free "
              "(suits a given "
              "probe); air: modulus, constant and plane of the air at the left and right edge; "
              "moments: the same from "
              "the whole field, for objects without air beside them; tomographic: first as air, "
              "then, with "
              "the views aligned, what is not consistent with their volume: for strips that the "
              "object covers in some views"),
    PP_REAL(align, air_width, 0.05, 0.001, 0.5, "1",
            "width of the air at the left and at the right edge, as a part of the field"),
    PP_CHOICE(align, unwrap, "least_squares", "least_squares|derivatives|none",
              "phase unwrapping; derivatives: without it, views are matched by the differences of "
              "neighbouring pixels along their rows, which must be below pi, and the phase stays "
              "wrapped (for tomo.derivative = true); none keeps the phase between -pi and pi"),
    PP_BOOL(align, vertical, true,
            "align rows by the mass fluctuation (and by projection matching); not where there are "
            "fewer than 8 of them"),
    PP_CHOICE(align, horizontal, "auto", "auto|none|center_of_mass|correlation|projection_matching",
              "how columns are aligned; auto: projection_matching for 8 or more views, else "
              "center_of_mass"),
    PP_INT(align, matching_iterations, 40, 1, 1000, "1",
           "iterations of projection matching on each level, at most"),
    PP_BOOL(align, leave_out_bad_views, false,
            "leave out views whose error is above the median + 5 median deviations; they are named "
            "in any case"),
    PP_PARAM_END,
};

static const pp_port ports[] = {
    PP_PORTS_OF_VIEWS(PP_IN_OPTIONAL),
    PP_PORT_PROJECTIONS(PP_IN_OPTIONAL),
    PP_PORT_THETA(PP_IN_OPTIONAL),
    PP_PORT_VIEWS(PP_IN_OPTIONAL),
    PP_PORT_CENTRE(PP_IN_OPTIONAL),
    PP_PORT_PROJECTIONS(PP_OUT),
    PP_PORT_PHASE(PP_OUT),
    PP_PORT_THETA(PP_OUT),
    PP_PORT_VIEWS(PP_OUT),
    PP_PORT_SHIFTS(PP_OUT),
    PP_PORT_CENTRE(PP_OUT),
    PP_PORT_WRAPPED(PP_OUT),
    PP_PORT_SINOGRAM(PP_OUT),
    PP_PORT_END,
};

/* One call. */
typedef struct job {
    const align *p;
    pp_context *context;
    const pp_comm *comm;
    int threads;
    pp_stack stack;
    pp_unwrap *unwrap;
    double *shifts;    /* [views][2] */
    double *residues;  /* [views] */
    double *centres;   /* [views] horizontal shifts by the centre of mass */
    double *mass_part; /* [views] */
    pp_shifter *shifter;
    pp_stack_arrays out;
    pp_array *sinogram;
} job;

/* ---- each view by itself ---- */

static pp_status prepare_view(void *self, int64_t local)
{
    job *j = self;
    pp_stack *s = &j->stack;
    const int64_t pixels = s->ny * s->nx, width = pp_air_width(s->nx, j->p->air_width);
    pp_c32 *psi = s->psi + local * pixels;
    float *phase = s->phase + local * pixels;
    int64_t residues = 0;
    pp_plane plane;
    const pp_ramp how = j->p->ramp == RAMP_TOMOGRAPHIC ? PP_RAMP_AIR : (pp_ramp)j->p->ramp;
    PP_TRY(pp_ramp_fit(s->ny, s->nx, psi, s->weight + local * pixels, width, how, &plane));
    pp_ramp_remove(s->ny, s->nx, psi, &plane);
    if (j->unwrap) {
        PP_TRY(pp_unwrap_run(j->unwrap, psi, s->weight + local * pixels, phase, &residues));
        PP_TRY(pp_air_anchor(s->ny, s->nx, phase, width));
    } else {
        for (int64_t i = 0; i < pixels; i++) phase[i] = atan2f(psi[i].im, psi[i].re);
        residues = pp_count_residues(s->ny, s->nx, phase, NULL);
        if (j->p->unwrap == UNWRAP_DERIVATIVES) pp_unwrap_rows(s->ny, s->nx, phase);
    }
    j->residues[s->first + local] = (double)residues;
    return PP_OK;
}

static pp_status prepare(job *j)
{
    pp_stack *s = &j->stack;
    pp_status status = PP_OK;
    if (j->p->unwrap == UNWRAP_LEAST_SQUARES) status = pp_unwrap_create(s->ny, s->nx, &j->unwrap);
    if (status == PP_OK) status = pp_each_view(s->count, j->threads, prepare_view, j);
    PP_TRY(pp_comm_agree(j->comm, status));
    return pp_share_views(j->comm, s->views, j->residues, sizeof *j->residues);
}

static void report_residues(job *j)
{
    double all = 0, most = 0;
    int64_t with = 0, worst = 0;
    for (int64_t v = 0; v < j->stack.views; v++) {
        all += j->residues[v];
        with += j->residues[v] > 0;
        if (j->residues[v] > 0)
            pp_debug("align: view %lld has %.0f phase residues", (long long)j->stack.number[v],
                     j->residues[v]);
        if (j->residues[v] > most) {
            most = j->residues[v];
            worst = j->stack.number[v];
        }
    }
    pp_context_fact(j->context, "residues", "%.0f in %lld of %lld views", all, (long long)with,
                    (long long)j->stack.views);
    if (all > 0)
        pp_info("align: %.0f phase residues in %lld of %lld views, most in view %lld (%.0f)", all,
                (long long)with, (long long)j->stack.views, (long long)worst, most);
}

/* ---- shifts ---- */

static bool moves_rows(const job *j)
{
    return j->p->vertical && j->stack.ny >= vertical_rows;
}

static pp_status align_rows(job *j)
{
    const pp_stack *s = &j->stack;
    double *profiles = NULL, *weights = NULL, *found = NULL;
    int iterations = 0;
    pp_status status = PP_ALLOC(s->views * s->ny, &profiles);
    if (status == PP_OK) status = PP_ALLOC(s->views * s->ny, &weights);
    if (status == PP_OK) status = PP_ALLOC(s->views, &found);
    PP_TRY_TO(done, pp_comm_agree(j->comm, status));
    for (int64_t v = s->first; v < s->first + s->count; v++) {
        const int64_t at = (v - s->first) * s->ny * s->nx;
        pp_mass_profile(s->ny, s->nx, s->phase + at, s->weight + at, profiles + v * s->ny,
                        weights + v * s->ny);
    }
    const size_t row = (size_t)s->ny * sizeof *profiles;
    PP_TRY_TO(done, pp_share_views(j->comm, s->views, profiles, row));
    PP_TRY_TO(done, pp_share_views(j->comm, s->views, weights, row));
    status = pp_mass_align(s->views, s->ny, profiles, weights, found, &iterations);
    PP_TRY_TO(done, pp_comm_agree(j->comm, status));
    for (int64_t v = 0; v < s->views; v++) j->shifts[2 * v] = found[v];
    pp_debug("align: vertical mass fluctuation, %d iterations", iterations);
done:
    pp_free(profiles);
    pp_free(weights);
    pp_free(found);
    return status;
}

static pp_status find_centres(job *j)
{
    const pp_stack *s = &j->stack;
    const double axis = (double)(s->centre[1] - s->field.x0);
    for (int64_t v = s->first; v < s->first + s->count; v++)
        j->centres[v] = -pp_centre_of_mass(s->ny, s->nx, s->phase + (v - s->first) * s->ny * s->nx,
                                           axis, &j->mass_part[v]);
    PP_TRY(pp_share_views(j->comm, s->views, j->centres, sizeof *j->centres));
    PP_TRY(pp_share_views(j->comm, s->views, j->mass_part, sizeof *j->mass_part));
    for (int64_t v = 0; v < s->views; v++)
        if (j->mass_part[v] < 0.2) {
            pp_warn("align: the phase of view %lld has hardly any mean (%.2f of its modulus): its "
                    "centre of mass says "
                    "little",
                    (long long)s->number[v], j->mass_part[v]);
            break;
        }
    return PP_OK;
}

static pp_matching_setup matching_of(const job *j)
{
    const pp_stack *s = &j->stack;
    return (pp_matching_setup){
        .comm = j->comm,
        .threads = j->threads,
        .views = s->views,
        .first = s->first,
        .count = s->count,
        .theta = s->theta,
        .field = s->field,
        .centre = {s->centre[0], s->centre[1]},
        .phase = s->phase,
        .weight = s->weight,
        .iterations = (int)j->p->matching_iterations,
        .vertical = moves_rows(j),
        .differences = j->p->unwrap == UNWRAP_DERIVATIVES,
        .backend = pp_backend_find(pp_context_backend(j->context)),
    };
}

static pp_status match(job *j)
{
    const pp_stack *s = &j->stack;
    const pp_matching_setup setup = matching_of(j);
    pp_matching_facts facts;
    pp_remove_translation(s->views, s->theta, j->shifts);
    PP_TRY(pp_matching_run(&setup, j->shifts, &facts));
    if (facts.error_after > facts.error_before)
        pp_warn("align: projection matching made the re-projection error larger (%.4g rad, %.4g "
                "before) and was "
                "dropped",
                facts.error_after, facts.error_before);
    pp_context_fact(j->context, "matching_iterations", "%d on %d levels, last step %.3g pixels",
                    facts.iterations, facts.levels, facts.last_step);
    pp_context_fact(j->context, "matching_error", "%.4g rad, %.4g before", facts.error_after,
                    facts.error_before);
    return PP_OK;
}

static const char *const horizontal_names[] = {"auto", "none", "center_of_mass", "correlation",
                                               "projection_matching"};

static pp_status align_columns(job *j)
{
    const pp_stack *s = &j->stack;
    int how = j->p->horizontal;
    if (how == HORIZONTAL_AUTO)
        how = s->views >= matching_views ? HORIZONTAL_MATCHING : HORIZONTAL_CENTRE;
    pp_context_fact(j->context, "horizontal", "%s", horizontal_names[how]);
    if (how == HORIZONTAL_NONE) return PP_OK;
    PP_TRY(find_centres(j));
    if (how == HORIZONTAL_CORRELATION) {
        double *found;
        PP_TRY(pp_comm_agree(j->comm, PP_ALLOC(s->views, &found)));
        const pp_status status = pp_correlation_align(j->comm, s, j->shifts, j->centres, found);
        for (int64_t v = 0; v < s->views; v++) j->shifts[2 * v + 1] = found[v];
        pp_free(found);
        return status;
    }
    for (int64_t v = 0; v < s->views; v++) j->shifts[2 * v + 1] = j->centres[v];
    return how == HORIZONTAL_MATCHING ? match(j) : PP_OK;
}

static void report_shifts(job *j)
{
    const pp_stack *s = &j->stack;
    double fit[3], largest[2] = {0, 0};
    pp_fit_circle(s->views, s->theta, j->shifts + 1, 2, fit);
    for (int64_t v = 0; v < s->views; v++)
        for (int k = 0; k < 2; k++) largest[k] = fmax(largest[k], fabs(j->shifts[2 * v + k]));
    pp_context_fact(j->context, "axis", "%.4f pixels from the centre's column", -fit[0]);
    pp_context_fact(j->context, "largest_shift", "y %.3f, x %.3f pixels", largest[0], largest[1]);
    pp_info("align: %lld views, largest shift y %.3f x %.3f pixels, axis %.3f pixels from the "
            "centre's column",
            (long long)s->views, largest[0], largest[1], -fit[0]);
}

static pp_status find_shifts(job *j)
{
    if (moves_rows(j))
        PP_TRY(align_rows(j));
    else if (j->p->vertical)
        pp_warn(
            "align: %lld rows are too few to find vertical shifts from, %d are needed: rows stay "
            "where they are",
            (long long)j->stack.ny, (int)vertical_rows);
    pp_context_progress(j->context, 0.3);
    PP_TRY(align_columns(j));
    pp_remove_translation(j->stack.views, j->stack.theta, j->shifts);
    report_shifts(j);
    return PP_OK;
}

/* ---- planes that no volume has ---- */

/* From psi and from its unwrapped phase alike, so that they stay one. */
static void take_plane(const pp_stack *s, int64_t local, const pp_plane *plane)
{
    const int64_t pixels = s->ny * s->nx;
    float *phase = s->phase + local * pixels;
    pp_ramp_remove(s->ny, s->nx, s->psi + local * pixels, plane);
    for (int64_t i = 0; i < pixels; i++) {
        const double y = (double)(i / s->nx - s->ny / 2), x = (double)(i % s->nx - s->nx / 2);
        phase[i] -= (float)(plane->c + plane->ky * y + plane->kx * x);
    }
}

static pp_status consistent_pass(job *j, pp_plane *planes, double *largest)
{
    const pp_stack *s = &j->stack;
    const pp_matching_setup setup = matching_of(j);
    PP_TRY(pp_consistent_planes(&setup, s->psi, j->shifts, planes));
    *largest = 0;
    for (int64_t k = 0; k < s->count; k++) {
        take_plane(s, k, &planes[k]);
        *largest = fmax(*largest, fmax(fabs(planes[k].ky), fabs(planes[k].kx)));
    }
    return pp_comm_allreduce(j->comm, largest, 1, PP_MAX);
}

static pp_status remove_inconsistent(job *j)
{
    pp_plane *planes;
    double first = 0, largest = 0;
    pp_status status = PP_ALLOC(j->stack.count + 1, &planes);
    PP_TRY(pp_comm_agree(j->comm, status));
    for (int round = 0; round < consistent_rounds && status == PP_OK; round++) {
        for (int pass = 0; pass < consistent_passes && status == PP_OK; pass++) {
            status = consistent_pass(j, planes, &largest);
            if (round + pass == 0) first = largest;
        }
        memset(j->shifts, 0, (size_t)(2 * j->stack.views) * sizeof *j->shifts);
        if (status == PP_OK) status = find_shifts(j);
    }
    pp_free(planes);
    PP_TRY(status);
    pp_context_fact(j->context, "consistent_ramps",
                    "largest slope %.3g rad a pixel at first, %.3g at the end", first, largest);
    pp_info("align: largest slope that no volume has %.3g rad a pixel, %.3g in the last pass",
            first, largest);
    return PP_OK;
}

/* ---- the one resampling ---- */

/* What comes out is arg psi; where the phase was unwrapped without residues, at the turn of the unwrapped phase. */
static pp_status move_view(void *self, int64_t local)
{
    job *j = self;
    const pp_stack *s = &j->stack;
    const int64_t pixels = s->ny * s->nx;
    const int64_t size = pp_array_size(j->out.phase, 1) * pp_array_size(j->out.phase, 2);
    const double *shift = j->shifts + 2 * (s->first + local);
    pp_c32 *psi = (pp_c32 *)pp_array_data(j->out.projections) + local * size;
    float *phase = (float *)pp_array_data(j->out.phase) + local * size;
    PP_TRY(pp_shift_complex(j->shifter, s->psi + local * pixels, (pp_c32){1, 0}, shift, psi));
    if (!j->unwrap) {
        for (int64_t i = 0; i < size; i++) phase[i] = atan2f(psi[i].im, psi[i].re);
        return PP_OK;
    }
    PP_TRY(pp_shift_real(j->shifter, s->phase + local * pixels, shift, phase));
    if (j->residues[s->first + local] > 0) return PP_OK;
    for (int64_t i = 0; i < size; i++) {
        const double wrapped = atan2((double)psi[i].im, (double)psi[i].re);
        phase[i] = (float)(wrapped + 2 * pi * round((phase[i] - wrapped) / (2 * pi)));
    }
    return PP_OK;
}

/* The middle row of every view as it was before it is moved, for the report. */
static pp_status take_sinogram(job *j, pp_grid_box box)
{
    const pp_stack *s = &j->stack;
    const int64_t size[] = {s->views, box.x1 - box.x0}, width = size[1];
    pp_status status = pp_array_create(PP_F32, 2, size, "rad", &j->sinogram);
    PP_TRY(pp_comm_agree(j->comm, status));
    float *rows = pp_array_data(j->sinogram);
    for (int64_t k = 0; k < s->count; k++) {
        const int64_t row = k * s->ny + s->centre[0] - s->field.y0;
        memcpy(rows + (s->first + k) * width, s->phase + row * s->nx + box.x0 - s->field.x0,
               (size_t)width * sizeof *rows);
    }
    return pp_share_views(j->comm, s->views, rows, (size_t)width * sizeof *rows);
}

static pp_status resample(job *j)
{
    const pp_stack *s = &j->stack;
    pp_grid_box box;
    PP_TRY(pp_stack_box(s->field, s->centre, j->shifts, s->views, &box));
    PP_TRY(take_sinogram(j, box));
    pp_status status = pp_stack_arrays_create(s, box, j->shifts, &j->out);
    if (status == PP_OK) status = pp_shifter_create(s->field, box, &j->shifter);
    if (status == PP_OK) status = pp_each_view(s->count, j->threads, move_view, j);
    PP_TRY(pp_comm_agree(j->comm, status));
    pp_context_fact(j->context, "field", "%lld x %lld pixels common to all views", (long long)s->ny,
                    (long long)s->nx);
    pp_context_fact(j->context, "stack", "%lld x %lld pixels about grid point (%lld, %lld)",
                    (long long)(box.y1 - box.y0), (long long)(box.x1 - box.x0),
                    (long long)s->centre[0], (long long)s->centre[1]);
    return PP_OK;
}

/* 1 where the phase is arg psi, not unwrapped. */
static pp_status put_wrapped(job *j)
{
    pp_array *wrapped = NULL;
    PP_TRY(pp_array_create_1d(PP_I64, 1, "1", &wrapped));
    *(int64_t *)pp_array_data(wrapped) = j->p->unwrap != UNWRAP_LEAST_SQUARES;
    return pp_context_put(j->context, "wrapped", &wrapped);
}

static pp_status put_all(job *j)
{
    PP_TRY(put_wrapped(j));
    PP_TRY(pp_context_put(j->context, "sinogram", &j->sinogram));
    PP_TRY(pp_context_put(j->context, "projections", &j->out.projections));
    PP_TRY(pp_context_put(j->context, "phase", &j->out.phase));
    PP_TRY(pp_context_put(j->context, "theta", &j->out.theta));
    PP_TRY(pp_context_put(j->context, "views", &j->out.views));
    PP_TRY(pp_context_put(j->context, "shifts", &j->out.shifts));
    return pp_context_put(j->context, "centre", &j->out.centre);
}

static pp_status steps(job *j)
{
    const int64_t views = j->stack.views;
    pp_status status = PP_ALLOC(2 * views, &j->shifts);
    if (status == PP_OK) status = PP_ALLOC(views, &j->residues);
    if (status == PP_OK) status = PP_ALLOC(views, &j->centres);
    if (status == PP_OK) status = PP_ALLOC(views, &j->mass_part);
    PP_TRY(pp_comm_agree(j->comm, status));
    PP_TRY(prepare(j));
    report_residues(j);
    PP_TRY(find_shifts(j));
    if (j->p->ramp == RAMP_TOMOGRAPHIC) PP_TRY(remove_inconsistent(j));
    PP_TRY(resample(j));
    return put_all(j);
}

static pp_status run(const void *params_, pp_context *context)
{
    job j = {.p = params_,
             .context = context,
             .comm = pp_context_comm(context),
             .threads = pp_context_threads(context)};
    PP_TRY(pp_stack_load(context, ((const align *)params_)->leave_out_bad_views, &j.stack));
    const pp_status status = steps(&j);
    pp_unwrap_free(&j.unwrap);
    pp_shifter_free(&j.shifter);
    pp_stack_arrays_free(&j.out);
    pp_array_free(&j.sinogram);
    pp_stack_free(&j.stack);
    pp_free(j.shifts);
    pp_free(j.residues);
    pp_free(j.centres);
    pp_free(j.mass_part);
    return status;
}

/* ---- plan ---- */

/* It ends when shifts no longer change: after 6 passes on campaigns of 48 views of 64 x 64 x 64 (2026-11-21), aligned or not, of which
 * the whole stage took 0.6 s on one core, 6e-7 s a pixel of the stack. A pass is a projector and its adjoint, 1.3e-10 s a
 * pixel and column by `polyptych bench tomo` (docs/measurements.md), and transforms. */
static double matching_passes(const align *p)
{
    enum { USUAL = 8 };
    return p->matching_iterations < USUAL ? (double)p->matching_iterations : USUAL;
}

static void plan(const void *params_, pp_plan *out)
{
    const align *p = params_;
    const pp_views *views = pp_plan_views(out);
    const int ranks = pp_plan_ranks(out), threads = pp_plan_threads(out);
    const int64_t count = pp_views_count(views);
    int64_t ny = 0, nx = 0;
    for (int64_t v = 0; v < count; v++) {
        const pp_view_entry *entry = pp_views_entry(views, v);
        ny = entry->object[0] > ny ? entry->object[0] : ny;
        nx = entry->object[1] > nx ? entry->object[1] : nx;
    }
    const double pixels = (double)pp_most_views(count, ranks) * (double)ny * (double)nx;
    pp_plan_add(out, PP_LARGE, pixels * (sizeof(pp_c32) + 2 * sizeof(float)),
                "the stack: transmission, weight, phase");
    pp_plan_add(out, PP_LARGE, pixels * (sizeof(pp_c32) + sizeof(float)), "the aligned stack");
    const bool matching = p->horizontal == HORIZONTAL_MATCHING ||
                          (p->horizontal == HORIZONTAL_AUTO && count >= matching_views);
    if (matching && nx > 4)
        pp_plan_add(out, PP_HOST, pp_matching_bytes(count, ny, nx, ranks, threads),
                    "projection matching");
    if (p->ramp == RAMP_TOMOGRAPHIC && nx > 4)
        pp_plan_add(out, PP_HOST, pp_consistent_bytes(count, ny, nx, ranks, threads),
                    "tomographic ramps");
    const pp_projector_setup projector = {
        .n = nx, .views = count, .backend = pp_backend_find(pp_plan_backend(out))};
    if (matching && nx > 4)
        pp_plan_add(out, PP_DEVICE, pp_projector_device_bytes(&projector), "projector");
    pp_plan_work(out, pixels * 2e-7 / threads, "normalising, unwrapping, resampling");
    if (matching)
        pp_plan_work(out, pixels * matching_passes(p) * (5e-8 + 1.3e-10 * (double)nx) / threads,
                     "projection matching");
    pp_plan_knob(out, "align.horizontal");
}

PP_STAGE(align,
         .summary = "normalise, unwrap and align the views' objects to one stack of projections",
         .scope = PP_SCOPE_CAMPAIGN, .ports = ports, .params = params, .params_size = sizeof(align),
         .run = run, .plan = plan, .version = "2");
