/* The projector: zero-padded FFTs of four slices at once, radial samples, inverse FFTs along the lines; and all of it
 * transposed.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/projector.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/projector_devices.h"
#include "tomo/radial.h"

enum {
    LANES = PP_RADIAL_LANES, /* complex slices of a batch */
    HALO = PP_RADIAL_HALO,
    WIDTH = 4 * LANES /* complex numbers side by side in the pass over columns: two cache lines */
};

/* Working memory of one thread. */
typedef struct workspace {
    pp_c32 *grid;    /* [G + 2 halos][pitch][lane] */
    pp_c32 *columns; /* [G][WIDTH] */
    pp_c32 *lines;   /* [view][sample][lane] */
    pp_c32 *line;    /* [n][lane] */
} workspace;

struct pp_projector {
    int64_t n, views;
    int threads;
    double *angles;
    pp_radial radial;
    pp_c32 *ramps; /* [view][sample]: shift, axis, 1 / n and the halves of the Nyquist frequency */
    pp_fft *row[2], *column[2], *line[2]; /* forward, backward */
    workspace *work;
    pp_projector_devices *devices; /* they do the work; NULL: this host does */
};

/* Where the lanes of a batch lie in the caller's array: the real parts of lane b start at re[b], NULL for none. */
typedef struct lanes {
    float *re[LANES], *im[LANES];
    int64_t step; /* floats from pixel to pixel */
} lanes;

typedef struct call {
    float *volume, *lines;
    int64_t slices;
    bool real;
} call;

static int64_t batches(const call *job)
{
    const int64_t each = job->real ? 2 * LANES : LANES;
    return (job->slices + each - 1) / each;
}

static lanes batch_lanes(const call *job, float *data, int64_t size, int64_t batch)
{
    lanes out = {.step = job->real ? 1 : 2};
    for (int64_t lane = 0; lane < LANES; lane++) {
        const int64_t slice = (batch * LANES + lane) * (job->real ? 2 : 1);
        if (slice >= job->slices) continue;
        out.re[lane] = data + slice * size * out.step;
        if (!job->real) {
            out.im[lane] = out.re[lane] + 1;
        } else if (slice + 1 < job->slices) {
            out.im[lane] = out.re[lane] + size;
        }
    }
    return out;
}

/* out [count][lane] = row `offset` of the lanes, times weights and scale. */
static void load_lanes(const lanes *from, int64_t offset, int64_t count, const float *weights,
                       float scale, pp_c32 *out)
{
    for (int lane = 0; lane < LANES; lane++) {
        const float *re = from->re[lane] ? from->re[lane] + offset * from->step : NULL,
                    *im = from->im[lane] ? from->im[lane] + offset * from->step : NULL;
        for (int64_t i = 0; i < count; i++) {
            const float weight = weights ? weights[i] * scale : scale;
            out[i * LANES + lane].re = re ? weight * re[i * from->step] : 0;
            out[i * LANES + lane].im = im ? weight * im[i * from->step] : 0;
        }
    }
}

static void store_lanes(const lanes *to, int64_t offset, int64_t count, const float *weights,
                        float scale, const pp_c32 *from)
{
    for (int lane = 0; lane < LANES; lane++) {
        float *re = to->re[lane], *im = to->im[lane];
        for (int64_t i = 0; i < count; i++) {
            const float weight = weights ? weights[i] * scale : scale;
            const int64_t at = (offset + i) * to->step;
            if (re) re[at] = weight * from[i * LANES + lane].re;
            if (im) im[at] = weight * from[i * LANES + lane].im;
        }
    }
}

static pp_c32 *grid_row(const pp_projector *projector, const workspace *work, int64_t row)
{
    return work->grid + ((row + HALO) * projector->radial.pitch + HALO) * LANES;
}

/* ---- image to grid: rows that hold data, then all columns ---- */

static void image_rows(const pp_projector *p, const workspace *work, const lanes *from)
{
    const int64_t grid = p->radial.grid, first = grid / 2 - p->n / 2;
    for (int64_t y = 0; y < p->n; y++) {
        pp_c32 *row = grid_row(p, work, first + y);
        memset(row, 0, (size_t)(first * LANES) * sizeof *row);
        load_lanes(from, y * p->n, p->n, p->radial.apodisation, p->radial.apodisation[y],
                   row + first * LANES);
        memset(row + (first + p->n) * LANES, 0,
               (size_t)((grid - first - p->n) * LANES) * sizeof *row);
        pp_fft_run(p->row[0], row);
    }
}

/* Copies rows [first, first + count) of a strip of columns between grid and buffer. */
static void copy_strip(const pp_projector *p, const workspace *work, int64_t column, int64_t first,
                       int64_t count, bool to_grid)
{
    const int64_t left = p->radial.grid * LANES - column,
                  width = left < WIDTH ? left : (int64_t)WIDTH;
    for (int64_t y = first; y < first + count; y++) {
        pp_c32 *cells = grid_row(p, work, y) + column, *strip = work->columns + y * WIDTH;
        memcpy(to_grid ? cells : strip, to_grid ? strip : cells, (size_t)width * sizeof *cells);
    }
}

static void image_columns(const pp_projector *p, const workspace *work)
{
    const int64_t grid = p->radial.grid, first = grid / 2 - p->n / 2;
    for (int64_t column = 0; column < grid * LANES; column += WIDTH) {
        memset(work->columns, 0, (size_t)(grid * WIDTH) * sizeof(pp_c32));
        copy_strip(p, work, column, first, p->n, false);
        pp_fft_run(p->column[0], work->columns);
        copy_strip(p, work, column, 0, grid, true);
    }
}

/* The halo repeats the cells of the other side. */
static void fill_halo(const pp_projector *p, const workspace *work)
{
    const int64_t grid = p->radial.grid, pitch = p->radial.pitch * LANES;
    const size_t side = (size_t)(HALO * LANES) * sizeof(pp_c32),
                 row_bytes = (size_t)pitch * sizeof(pp_c32);
    for (int64_t y = 0; y < grid; y++) {
        pp_c32 *row = grid_row(p, work, y);
        memcpy(row - HALO * LANES, row + (grid - HALO) * LANES, side);
        memcpy(row + grid * LANES, row, side);
    }
    for (int64_t y = 0; y < HALO; y++) {
        memcpy(work->grid + y * pitch, work->grid + (y + grid) * pitch, row_bytes);
        memcpy(work->grid + (y + grid + HALO) * pitch, work->grid + (y + HALO) * pitch, row_bytes);
    }
}

/* ---- and its transpose ---- */

static void add_cells(pp_c32 *to, const pp_c32 *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        to[i].re += from[i].re;
        to[i].im += from[i].im;
    }
}

static void fold_halo(const pp_projector *p, const workspace *work)
{
    const int64_t grid = p->radial.grid, pitch = p->radial.pitch * LANES, side = HALO * LANES;
    for (int64_t y = 0; y < HALO; y++) {
        add_cells(work->grid + (y + grid) * pitch, work->grid + y * pitch, pitch);
        add_cells(work->grid + (y + HALO) * pitch, work->grid + (y + grid + HALO) * pitch, pitch);
    }
    for (int64_t y = 0; y < grid; y++) {
        pp_c32 *row = grid_row(p, work, y);
        add_cells(row + (grid - HALO) * LANES, row - side, side);
        add_cells(row, row + grid * LANES, side);
    }
}

static void grid_columns(const pp_projector *p, const workspace *work)
{
    const int64_t grid = p->radial.grid, first = grid / 2 - p->n / 2;
    for (int64_t column = 0; column < grid * LANES; column += WIDTH) {
        copy_strip(p, work, column, 0, grid, false);
        pp_fft_run(p->column[1], work->columns);
        copy_strip(p, work, column, first, p->n, true);
    }
}

static void grid_rows(const pp_projector *p, const workspace *work, const lanes *to)
{
    const int64_t first = p->radial.grid / 2 - p->n / 2;
    for (int64_t y = 0; y < p->n; y++) {
        pp_c32 *row = grid_row(p, work, first + y);
        pp_fft_run(p->row[1], row);
        store_lanes(to, y * p->n, p->n, p->radial.apodisation, p->radial.apodisation[y],
                    row + first * LANES);
    }
}

/* ---- lines ---- */

static void samples_to_lines(const pp_projector *p, const workspace *work, const lanes *to)
{
    const int64_t samples = p->radial.samples;
    for (int64_t view = 0; view < p->views; view++) {
        const pp_c32 *ramp = p->ramps + view * samples,
                     *from = work->lines + view * samples * LANES;
        memset(work->line, 0, (size_t)(p->n * LANES) * sizeof(pp_c32));
        for (int64_t k = 0; k < samples; k++) {
            pp_c32 *bin = work->line + pp_radial_bin(p->n, k) * LANES;
            for (int lane = 0; lane < LANES; lane++) {
                const pp_c32 value = from[k * LANES + lane];
                bin[lane].re += ramp[k].re * value.re - ramp[k].im * value.im;
                bin[lane].im += ramp[k].re * value.im + ramp[k].im * value.re;
            }
        }
        pp_fft_run(p->line[1], work->line);
        store_lanes(to, view * p->n, p->n, NULL, 1, work->line);
    }
}

static void lines_to_samples(const pp_projector *p, const workspace *work, const lanes *from)
{
    const int64_t samples = p->radial.samples;
    for (int64_t view = 0; view < p->views; view++) {
        const pp_c32 *ramp = p->ramps + view * samples;
        pp_c32 *to = work->lines + view * samples * LANES;
        load_lanes(from, view * p->n, p->n, NULL, 1, work->line);
        pp_fft_run(p->line[0], work->line);
        for (int64_t k = 0; k < samples; k++) {
            const pp_c32 *bin = work->line + pp_radial_bin(p->n, k) * LANES;
            for (int lane = 0; lane < LANES; lane++) {
                const pp_c32 value = bin[lane];
                to[k * LANES + lane].re = ramp[k].re * value.re + ramp[k].im * value.im;
                to[k * LANES + lane].im = ramp[k].re * value.im - ramp[k].im * value.re;
            }
        }
    }
}

/* ---- batches ---- */

static void forward_batch(const pp_projector *p, const workspace *work, const call *job,
                          int64_t batch)
{
    const lanes from = batch_lanes(job, job->volume, p->n * p->n, batch),
                to = batch_lanes(job, job->lines, p->views * p->n, batch);
    image_rows(p, work, &from);
    image_columns(p, work);
    fill_halo(p, work);
    pp_radial_gather(&p->radial, work->grid, work->lines);
    samples_to_lines(p, work, &to);
}

static void adjoint_batch(const pp_projector *p, const workspace *work, const call *job,
                          int64_t batch)
{
    const lanes from = batch_lanes(job, job->lines, p->views * p->n, batch),
                to = batch_lanes(job, job->volume, p->n * p->n, batch);
    lines_to_samples(p, work, &from);
    memset(work->grid, 0, (size_t)(pp_radial_cells(p->radial.grid) * LANES) * sizeof(pp_c32));
    pp_radial_scatter(&p->radial, work->lines, work->grid);
    fold_halo(p, work);
    grid_columns(p, work);
    grid_rows(p, work, &to);
}

static void run_batches(const pp_projector *p, const call *job,
                        void (*one)(const pp_projector *, const workspace *, const call *, int64_t))
{
    const int64_t count = batches(job);
    const int limit = count < p->threads ? (int)count : p->threads, threads = limit > 0 ? limit : 1;
    (void)threads; /* the pragma's alone */
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t batch = 0; batch < count; batch++) {
        one(p, &p->work[omp_get_thread_num()], job, batch);
    }
}

/* The casts take const off the input of a job, which is only read. */
static float *input(const void *data)
{
    float *out;
    memcpy(&out, &data, sizeof out);
    return out;
}

static pp_status run_forward(const pp_projector *p, const call *job)
{
    const pp_projection_job there = {
        .slices = job->slices, .real = job->real, .from = job->volume, .to = job->lines};
    const int64_t floats = job->real ? 1 : 2;
    if (p->devices)
        return pp_projector_devices_run(p->devices, true, &there, floats * p->n * p->n,
                                        floats * p->views * p->n);
    run_batches(p, job, forward_batch);
    return PP_OK;
}

static pp_status run_adjoint(const pp_projector *p, const call *job)
{
    const pp_projection_job there = {
        .slices = job->slices, .real = job->real, .from = job->lines, .to = job->volume};
    const int64_t floats = job->real ? 1 : 2;
    if (p->devices)
        return pp_projector_devices_run(p->devices, false, &there, floats * p->n * p->n,
                                        floats * p->views * p->n);
    run_batches(p, job, adjoint_batch);
    return PP_OK;
}

pp_status pp_projector_forward(const pp_projector *projector, int64_t slices, const pp_c32 *volume,
                               pp_c32 *lines)
{
    const call job = {input(volume), &lines->re, slices, false};
    return run_forward(projector, &job);
}

pp_status pp_projector_forward_real(const pp_projector *projector, int64_t slices,
                                    const float *volume, float *lines)
{
    const call job = {input(volume), lines, slices, true};
    return run_forward(projector, &job);
}

pp_status pp_projector_adjoint(const pp_projector *projector, int64_t slices, const pp_c32 *lines,
                               pp_c32 *volume)
{
    const call job = {&volume->re, input(lines), slices, false};
    return run_adjoint(projector, &job);
}

pp_status pp_projector_adjoint_real(const pp_projector *projector, int64_t slices,
                                    const float *lines, float *volume)
{
    const call job = {volume, input(lines), slices, true};
    return run_adjoint(projector, &job);
}

const pp_backend *pp_projector_backend(const pp_projector *projector)
{
    return projector->devices ? pp_projector_devices_backend(projector->devices) : NULL;
}

pp_status pp_projector_device_of(const pp_projector *projector, int device, pp_projection **out)
{
    return pp_projector_devices_of(projector->devices, device, out);
}

pp_status pp_projector_on_devices(const pp_projector *projector, int64_t slices,
                                  pp_projector_work work, void *argument)
{
    return pp_projector_devices_work(projector->devices, slices, work, argument);
}

/* ---- making ---- */

void pp_projector_set_shifts(pp_projector *projector, const double *shifts, double axis)
{
    const int64_t n = projector->n, samples = projector->radial.samples;
    const double turn = -2 * 3.14159265358979323846 / (double)n;
    for (int64_t view = 0; view < projector->views; view++) {
        const double at = (double)(n / 2) + axis + (shifts ? shifts[view] : 0);
        for (int64_t sample = 0; sample < samples; sample++) {
            const int64_t k = sample - n / 2;
            const double half = 2 * k == n || 2 * k == -n ? 0.5 : 1, phase = turn * (double)k * at;
            projector->ramps[view * samples + sample] = (pp_c32){
                (float)(half * cos(phase) / (double)n), (float)(half * sin(phase) / (double)n)};
        }
    }
    if (projector->devices) pp_projector_devices_renew(projector->devices, projector->ramps);
}

static pp_status make_ffts(pp_projector *p)
{
    for (int way = 0; way < 2; way++) {
        const int sign = way ? 1 : -1;
        PP_TRY(pp_fft_create_strided(p->radial.grid, LANES, LANES, 1, sign, &p->row[way]));
        PP_TRY(pp_fft_create_strided(p->radial.grid, WIDTH, WIDTH, 1, sign, &p->column[way]));
        PP_TRY(pp_fft_create_strided(p->n, LANES, LANES, 1, sign, &p->line[way]));
    }
    return PP_OK;
}

static pp_status make_workspaces(pp_projector *p)
{
    PP_TRY(PP_ALLOC(p->threads, &p->work));
    for (int thread = 0; thread < p->threads; thread++) {
        workspace *work = &p->work[thread];
        PP_TRY(PP_ALLOC(pp_radial_cells(p->radial.grid) * LANES, &work->grid));
        PP_TRY(PP_ALLOC(p->radial.grid * WIDTH, &work->columns));
        PP_TRY(PP_ALLOC(p->radial.count * LANES, &work->lines));
        PP_TRY(PP_ALLOC(p->n * LANES, &work->line));
    }
    return PP_OK;
}

static double oversampling_of(const pp_projector_setup *setup)
{
    return setup->oversampling > 0 ? setup->oversampling : 2;
}

static bool on_devices(const pp_projector_setup *setup)
{
    return setup->backend && setup->backend->projection;
}

static pp_status fill(pp_projector *p, const pp_projector_setup *setup)
{
    PP_TRY(pp_radial_make(p->n, p->views, setup->angles, oversampling_of(setup), &p->radial));
    PP_TRY(PP_ALLOC(p->views, &p->angles));
    PP_TRY(PP_ALLOC(p->radial.count, &p->ramps));
    memcpy(p->angles, setup->angles, (size_t)p->views * sizeof *p->angles);
    if (on_devices(setup))
        PP_TRY(pp_projector_devices_create(setup->backend, &p->radial, &p->devices));
    pp_projector_set_shifts(p, setup->shifts, setup->axis);
    if (p->devices) return PP_OK;
    PP_TRY(make_ffts(p));
    return make_workspaces(p);
}

pp_status pp_projector_create(const pp_projector_setup *setup, pp_projector **out)
{
    if (setup->n < 4 || setup->n > 16384 || setup->views < 1 || oversampling_of(setup) < 1.25 ||
        oversampling_of(setup) > 4) {
        return PP_FAIL(
            PP_ERR_CONFIG,
            "a projector takes 4 to 16384 pixels, 1 or more views and an oversampling of "
            "1.25 to 4; found %lld pixels, %lld views, oversampling %g",
            (long long)setup->n, (long long)setup->views, oversampling_of(setup));
    }
    pp_projector *p;
    PP_TRY(PP_ALLOC(1, &p));
    p->n = setup->n;
    p->views = setup->views;
    p->threads = setup->threads > 0 ? setup->threads : omp_get_max_threads();
    pp_status status = fill(p, setup);
    if (status == PP_OK) {
        *out = p;
    } else {
        pp_projector_free(&p);
    }
    return status;
}

void pp_projector_free(pp_projector **projector)
{
    pp_projector *p = *projector;
    if (!p) return;
    pp_projector_devices_free(&p->devices);
    for (int thread = 0; p->work && thread < p->threads; thread++) {
        pp_free(p->work[thread].grid);
        pp_free(p->work[thread].columns);
        pp_free(p->work[thread].lines);
        pp_free(p->work[thread].line);
    }
    for (int way = 0; way < 2; way++) {
        pp_fft_free(&p->row[way]);
        pp_fft_free(&p->column[way]);
        pp_fft_free(&p->line[way]);
    }
    pp_radial_free(&p->radial);
    pp_free(p->angles);
    pp_free(p->ramps);
    pp_free(p->work);
    pp_free(p);
    *projector = NULL;
}

int64_t pp_projector_size(const pp_projector *projector)
{
    return projector->n;
}

int64_t pp_projector_views(const pp_projector *projector)
{
    return projector->views;
}

const double *pp_projector_angles(const pp_projector *projector)
{
    return projector->angles;
}

int pp_projector_threads(const pp_projector *projector)
{
    return projector->threads;
}

double pp_projector_bytes(const pp_projector_setup *setup)
{
    const int64_t grid = pp_radial_grid(setup->n, oversampling_of(setup)),
                  count = (setup->n / 2 * 2 + 1) * setup->views;
    const int64_t each = pp_radial_cells(grid) * LANES + grid * WIDTH + (count + setup->n) * LANES;
    const int threads = setup->threads > 0 ? setup->threads : omp_get_max_threads();
    const double table = (double)count * (sizeof(pp_radial_point) + sizeof(pp_c32));
    if (on_devices(setup)) return table;
    return table + (double)threads * (double)each * sizeof(pp_c32);
}

double pp_projector_device_bytes(const pp_projector_setup *setup)
{
    const int64_t grid = pp_radial_grid(setup->n, oversampling_of(setup));
    return on_devices(setup) ? setup->backend->projection->bytes(setup->n, setup->views, grid) : 0;
}
