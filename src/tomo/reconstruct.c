/* Reconstruction of a distributed stack.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/reconstruct.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/slab_sums.h"
#include "tomo/slab_team.h"

/* This rank's slices. */
typedef struct slab {
    const pp_projector *projector;
    int64_t slices;
    const float *lines; /* [slices][V][n] */
    float *volume;      /* [slices][n][n] */
    double *records;    /* [slices][RECORD] */
} slab;

/* What is kept of a slice's iterations. */
enum { DONE, START, END, RECORD };

static pp_status run_fbp(const slab *s, const pp_reconstruct *setup)
{
    pp_fbp *fbp = NULL;
    pp_fbp_setup how = setup->fbp;
    if (setup->differences) how.derivative = how.differences = true;
    PP_TRY(pp_fbp_create(s->projector, &how, &fbp));
    const pp_status status = pp_fbp_run_real(fbp, s->slices, s->lines, s->volume);
    pp_fbp_free(&fbp);
    return status;
}

static pp_status run_cg(const slab *s, const pp_reconstruct *setup)
{
    const int64_t width = setup->cg.iterations + 1;
    int64_t *done = NULL;
    double *cost = NULL;
    pp_status status = PP_ALLOC(s->slices, &done);
    if (status == PP_OK) status = PP_ALLOC(s->slices * width, &cost);
    if (status == PP_OK) {
        status = pp_least_squares_run(s->projector, &setup->cg, s->slices, s->lines, s->volume,
                                      done, cost);
    }
    for (int64_t k = 0; status == PP_OK && k < s->slices; k++) {
        s->records[k * RECORD + DONE] = (double)done[k];
        s->records[k * RECORD + START] = cost[k * width];
        s->records[k * RECORD + END] = cost[k * width + width - 1];
    }
    pp_free(cost);
    pp_free(done);
    return status;
}

static pp_status run_sirt(const slab *s, const pp_reconstruct *setup)
{
    const int64_t width = setup->sirt.iterations + 1;
    double *cost;
    PP_TRY(PP_ALLOC(s->slices * width, &cost));
    const pp_status status =
        pp_sirt_run(s->projector, &setup->sirt, s->slices, s->lines, s->volume, cost);
    for (int64_t k = 0; status == PP_OK && k < s->slices; k++) {
        s->records[k * RECORD + DONE] = (double)setup->sirt.iterations;
        s->records[k * RECORD + START] = cost[k * width];
        s->records[k * RECORD + END] = cost[k * width + width - 1];
    }
    pp_free(cost);
    return status;
}

static pp_projector_setup projector_of(const pp_reconstruct *setup, pp_stack_shape shape,
                                       const double *angles)
{
    return (pp_projector_setup){.n = shape.columns,
                                .views = shape.views,
                                .angles = angles,
                                .axis = setup->differences ? -0.5 : 0, /* between two pixels */
                                .oversampling = setup->oversampling,
                                .threads = setup->threads,
                                .backend = setup->backend};
}

/* Total variation couples the slices: every rank takes part in every iteration. */
static pp_status run_tv(const pp_comm *comm, const slab *s, const pp_reconstruct *setup,
                        pp_stack_shape shape, pp_reconstruct_result *result)
{
    const int64_t of_slice = shape.views * shape.columns;
    pp_total_variation_result found;
    double *each = NULL, square = 0;
    PP_TRY(pp_total_variation_run(comm, s->projector, &setup->tv, shape.rows, s->lines, s->volume,
                                  &found));
    pp_status status = pp_comm_agree(comm, PP_ALLOC(s->slices + 1, &each));
    if (status == PP_OK) {
        const pp_slab sums = pp_slab_of(comm, shape.rows, of_slice);
        pp_slab_dots(s->slices, of_slice, s->lines, s->lines, each);
        status = pp_slab_sum(&sums, each, &square);
    }
    pp_free(each);
    *result = (pp_reconstruct_result){.fewest = found.iterations,
                                      .most = found.iterations,
                                      .misfit = square > 0 ? found.misfit / sqrt(square) : NAN,
                                      .strength = found.strength,
                                      .devices = found.devices};
    return status;
}

static pp_status run_slab(slab *s, const pp_reconstruct *setup)
{
    if (s->slices == 0) return PP_OK;
    if (setup->method == PP_RECONSTRUCT_CG) return run_cg(s, setup);
    if (setup->method == PP_RECONSTRUCT_SIRT) return run_sirt(s, setup);
    return run_fbp(s, setup);
}

/* Sums over all slices in the order of their numbers. */
static void sum_records(const double *all, int64_t slices, pp_reconstruct_result *result)
{
    double start = 0, end = 0;
    *result = (pp_reconstruct_result){.fewest = INT64_MAX};
    for (int64_t k = 0; k < slices; k++) {
        const int64_t done = (int64_t)all[k * RECORD + DONE];
        if (done < result->fewest) result->fewest = done;
        if (done > result->most) result->most = done;
        start += all[k * RECORD + START];
        end += all[k * RECORD + END];
    }
    result->misfit = start > 0 ? sqrt(end / start) : NAN;
}

static pp_status gather_records(const pp_comm *comm, const slab *s, int64_t rows,
                                pp_reconstruct_result *result)
{
    const int size = pp_comm_size(comm);
    int64_t *counts = NULL, first;
    double *all = NULL;
    pp_status status = PP_ALLOC(size, &counts);
    if (status == PP_OK) status = PP_ALLOC(rows * RECORD, &all);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK) {
        for (int rank = 0; rank < size; rank++) {
            pp_slab_block(rows, size, rank, &first, &counts[rank]);
        }
        status = pp_comm_allgather_rows(comm, s->records, all, RECORD * sizeof *all, counts);
    }
    if (status == PP_OK) sum_records(all, rows, result);
    pp_free(all);
    pp_free(counts);
    return status;
}

/* With the projector of this rank's slices, which ranks without slices do not have. */
static pp_status run_lines(const pp_comm *comm, slab *s, const pp_reconstruct *setup,
                           pp_stack_shape shape, const double *angles,
                           pp_reconstruct_result *result)
{
    pp_projector *projector = NULL;
    const pp_projector_setup make = projector_of(setup, shape, angles);
    /* plans that were prepared, else estimated ones: the same on every rank */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    pp_status status = s->slices > 0 ? pp_projector_create(&make, &projector) : PP_OK;
    s->projector = projector;
    if (status == PP_OK) status = run_slab(s, setup);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK && setup->method == PP_RECONSTRUCT_TV) {
        status = run_tv(comm, s, setup, shape, result);
    } else if (status == PP_OK) {
        status = gather_records(comm, s, shape.rows, result);
    }
    (void)pp_fft_set_effort(before);
    pp_projector_free(&projector);
    return status;
}

/* ---- every second view ---- */

typedef struct turn {
    double angle; /* modulo pi */
    int64_t view;
} turn;

static int by_angle(const void *a_, const void *b_)
{
    const turn *a = a_, *b = b_;
    if (a->angle < b->angle || a->angle > b->angle) return a->angle < b->angle ? -1 : 1;
    return (a->view > b->view) - (a->view < b->view);
}

/* Marks the views of a half. */
static pp_status choose_half(int64_t views, const double *angles, int half, uint8_t *chosen)
{
    const double pi = 3.14159265358979323846;
    turn *turns;
    PP_TRY(PP_ALLOC(views, &turns));
    for (int64_t v = 0; v < views; v++)
        turns[v] = (turn){angles[v] - pi * floor(angles[v] / pi), v};
    qsort(turns, (size_t)views, sizeof *turns, by_angle);
    for (int64_t k = 0; k < views; k++) chosen[turns[k].view] = k % 2 == half - 1;
    pp_free(turns);
    return PP_OK;
}

/* The chosen views' lines and angles move together, in place. */
static int64_t keep_chosen(const slab *s, pp_stack_shape shape, const uint8_t *chosen, float *lines,
                           double *angles)
{
    int64_t kept = 0, line = 0;
    for (int64_t v = 0; v < shape.views; v++)
        if (chosen[v]) angles[kept++] = angles[v];
    for (int64_t k = 0; k < s->slices * shape.views; k++)
        if (chosen[k % shape.views])
            memmove(lines + line++ * shape.columns, lines + k * shape.columns,
                    (size_t)shape.columns * sizeof *lines);
    return kept;
}

static pp_status run_half(const pp_comm *comm, slab *s, const pp_reconstruct *setup,
                          pp_stack_shape shape, const double *angles, float *lines,
                          pp_reconstruct_result *result)
{
    uint8_t *chosen = NULL;
    double *own = NULL;
    pp_status status = PP_ALLOC(shape.views, &chosen);
    if (status == PP_OK) status = PP_ALLOC(shape.views, &own);
    if (status == PP_OK) status = choose_half(shape.views, angles, setup->half, chosen);
    PP_TRY_TO(done, pp_comm_agree(comm, status));
    memcpy(own, angles, (size_t)shape.views * sizeof *own);
    shape.views = keep_chosen(s, shape, chosen, lines, own);
    status = run_lines(comm, s, setup, shape, own, result);
done:
    pp_free(chosen);
    pp_free(own);
    return status;
}

pp_status pp_reconstruct_run(const pp_comm *comm, const pp_reconstruct *setup, pp_stack_shape shape,
                             const double *angles, const float *stack, float *volume,
                             pp_reconstruct_result *result)
{
    int64_t first;
    float *lines = NULL;
    pp_reconstruct_result found;
    slab s = {.volume = volume};
    shape.element = sizeof *lines;
    pp_slab_block(shape.rows, pp_comm_size(comm), pp_comm_rank(comm), &first, &s.slices);
    pp_status status = PP_ALLOC_LARGE(s.slices * shape.views * shape.columns, &lines);
    if (status == PP_OK) status = PP_ALLOC(s.slices * RECORD, &s.records);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK) status = pp_views_to_slabs(comm, shape, stack, lines);
    s.lines = lines;
    if (status == PP_OK && setup->half > 0)
        status = run_half(comm, &s, setup, shape, angles, lines, &found);
    else if (status == PP_OK)
        status = run_lines(comm, &s, setup, shape, angles, &found);
    if (status == PP_OK && result) *result = found;
    pp_free(s.records);
    pp_free(lines);
    return status;
}

pp_status pp_reconstruct_plans(const pp_reconstruct *setup, int64_t columns)
{
    const double angle = 0;
    const pp_stack_shape shape = {.views = 1, .columns = columns};
    pp_projector_setup make = projector_of(setup, shape, &angle);
    pp_projector *projector = NULL;
    pp_fbp *fbp = NULL;
    make.threads = 1;
    PP_TRY(pp_projector_create(&make, &projector));
    const pp_status status = pp_fbp_create(projector, &setup->fbp, &fbp);
    pp_fbp_free(&fbp);
    pp_projector_free(&projector);
    return status;
}

static int64_t slab_slices(int ranks, int64_t rows)
{
    return 2 * (((rows + 1) / 2 + ranks - 1) / ranks);
}

/* As pp_total_variation_run chooses, the projector's memory taken. A plan needs no device: where there is none to ask, they fit. */
static bool tv_on_devices(const pp_reconstruct *setup, int ranks, pp_stack_shape shape)
{
    const pp_projector_setup make = projector_of(setup, shape, NULL);
    const double held = pp_projector_device_bytes(&make);
    bool fits = true;
    if (setup->method != PP_RECONSTRUCT_TV || !(held > 0)) return false;
    return pp_total_variation_fits(setup->backend, &setup->tv, shape.columns, shape.views,
                                   slab_slices(ranks, shape.rows), held, &fits) != PP_OK ||
           fits;
}

double pp_reconstruct_bytes(const pp_reconstruct *setup, int ranks, pp_stack_shape shape)
{
    const pp_projector_setup make = projector_of(setup, shape, NULL);
    const double pairs = ceil((double)((shape.rows + 1) / 2) / (double)ranks);
    const double lines = 2 * pairs * (double)shape.views * (double)shape.columns;
    double bytes = lines * (double)sizeof(float) + pp_projector_bytes(&make);
    shape.element = sizeof(float);
    if (setup->method == PP_RECONSTRUCT_CG) {
        bytes += pp_least_squares_bytes(shape.columns, shape.views, setup->threads);
    } else if (setup->method == PP_RECONSTRUCT_SIRT) {
        bytes += pp_sirt_bytes(shape.columns, shape.views, setup->threads);
    } else {
        bytes += pp_fbp_bytes(shape.columns, shape.views, setup->threads);
    }
    if (setup->method == PP_RECONSTRUCT_TV && !tv_on_devices(setup, ranks, shape)) {
        bytes += pp_total_variation_bytes(shape.columns, shape.views, 2 * (int64_t)pairs,
                                          setup->tv.positivity);
    }
    return bytes + pp_transpose_bytes(ranks, shape);
}

double pp_reconstruct_device_bytes(const pp_reconstruct *setup, int ranks, pp_stack_shape shape)
{
    const pp_projector_setup make = projector_of(setup, shape, NULL);
    const int64_t slices = slab_slices(ranks, shape.rows);
    const double bytes = pp_projector_device_bytes(&make);
    if (setup->method == PP_RECONSTRUCT_CG)
        return bytes + pp_least_squares_device_bytes(&setup->cg, &make, slices);
    if (setup->method == PP_RECONSTRUCT_SIRT) return bytes + pp_sirt_device_bytes(&make, slices);
    if (tv_on_devices(setup, ranks, shape))
        return bytes + pp_total_variation_device_bytes(
                           shape.columns, shape.views,
                           pp_slab_seat_most(slices, pp_backend_devices(setup->backend)),
                           setup->tv.positivity);
    return bytes;
}
