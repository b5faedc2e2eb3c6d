/* Fourier shell and ring correlation: transforms of the slices, then along z after an exchange of rows.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/shell_correlation.h"

#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/transpose.h"

/* Sums of a shell, and how many frequencies it has. */
enum { CROSS, POWER_A, POWER_B, COUNT, SUMS };

static const double pi = 3.14159265358979323846;

typedef struct task {
    const pp_comm *comm;
    int64_t rows, n, half, shells; /* half = n / 2 + 1 columns of a real slice's transform */
    int64_t first, slices;         /* of this rank's slab */
    int64_t row, count;            /* lines across y that this rank holds after the exchange */
    pp_c32 *plane;                 /* [slices][n][half] of one volume */
    pp_c32 *spectrum[2];           /* [count][rows][half] */
    pp_c32 *work;
    double *parts; /* [max(slices, count)][shells][SUMS] */
    double *sums;  /* [shells][SUMS] */
} task;

static double hann(int64_t k, int64_t count)
{
    return count > 1 ? 0.5 - 0.5 * cos(2 * pi * (double)k / (double)(count - 1)) : 1;
}

/* Signed frequency of index k in cycles a pixel. */
static double frequency(int64_t k, int64_t count)
{
    return (double)(2 * k < count ? k : k - count) / (double)count;
}

static void transform_slice(const task *t, const pp_fft *fft, const float *in, int64_t slice,
                            pp_c32 *out)
{
    const double wz = hann(t->first + slice, t->rows);
    for (int64_t i = 0; i < t->n * t->n; i++) {
        const double w = wz * hann(i / t->n, t->n) * hann(i % t->n, t->n);
        t->work[i] = (pp_c32){(float)(w * (double)in[i]), 0};
    }
    pp_fft_run(fft, t->work);
    for (int64_t y = 0; y < t->n; y++)
        memcpy(out + y * t->half, t->work + y * t->n, (size_t)t->half * sizeof *out);
}

/* The slices' transforms, and the same spread by lines across y. */
static pp_status exchange(task *t, const float *volume, pp_c32 *out)
{
    const int64_t size[] = {t->n, t->n};
    const pp_stack_shape shape = {t->n, t->rows, t->half, sizeof *out};
    pp_fft *fft = NULL;
    pp_status status = pp_fft_create(2, size, 1, -1, &fft);
    for (int64_t z = 0; status == PP_OK && z < t->slices; z++)
        transform_slice(t, fft, volume + z * t->n * t->n, z, t->plane + z * t->n * t->half);
    pp_fft_free(&fft);
    PP_TRY(pp_comm_agree(t->comm, status));
    return pp_slabs_to_views(t->comm, shape, t->plane, out);
}

static pp_status transform_lines(const task *t, pp_c32 *spectrum)
{
    const size_t bytes = (size_t)(t->rows * t->half) * sizeof *spectrum;
    pp_fft *fft = NULL;
    PP_TRY(pp_fft_create_strided(t->rows, t->half, t->half, 1, -1, &fft));
    for (int64_t k = 0; k < t->count; k++) {
        memcpy(t->work, spectrum + k * t->rows * t->half, bytes);
        pp_fft_run(fft, t->work);
        memcpy(spectrum + k * t->rows * t->half, t->work, bytes);
    }
    pp_fft_free(&fft);
    return PP_OK;
}

/* Adds frequency (z, y, x) to its shell; those with 0 < x < n / 2 stand for their conjugates too. */
static void add(const task *t, double *part, double z, double y, int64_t x, int64_t at)
{
    const double fx = (double)x / (double)t->n;
    const int64_t shell = llround((double)t->n * sqrt(z * z + y * y + fx * fx));
    if (shell >= t->shells) return;
    const pp_c32 a = t->spectrum[0][at], b = t->spectrum[1][at];
    const double weight = x > 0 && 2 * x < t->n ? 2 : 1;
    double *sum = part + shell * SUMS;
    sum[CROSS] += weight * ((double)a.re * (double)b.re + (double)a.im * (double)b.im);
    sum[POWER_A] += weight * ((double)a.re * (double)a.re + (double)a.im * (double)a.im);
    sum[POWER_B] += weight * ((double)b.re * (double)b.re + (double)b.im * (double)b.im);
    sum[COUNT] += weight;
}

/* Parts of the lines across y, added in their order: whatever the ranks. In chunks of shells, so that all lines' parts fit. */
static pp_status add_parts(task *t)
{
    enum { CHUNK = 16 };
    const int size = pp_comm_size(t->comm);
    const int64_t width = t->shells * SUMS;
    int64_t *counts = NULL, first;
    double *mine = NULL, *all = NULL;
    pp_status status = PP_ALLOC(size, &counts);
    if (status == PP_OK) status = PP_ALLOC(t->count * CHUNK + 1, &mine);
    if (status == PP_OK) status = PP_ALLOC(t->n * CHUNK, &all);
    PP_TRY_TO(done, pp_comm_agree(t->comm, status));
    for (int r = 0; r < size; r++) pp_comm_block(t->n, size, r, &first, &counts[r]);
    memset(t->sums, 0, (size_t)width * sizeof *t->sums);
    for (int64_t from = 0; from < width; from += CHUNK) {
        const int64_t some = width - from < CHUNK ? width - from : CHUNK;
        for (int64_t k = 0; k < t->count; k++)
            memcpy(mine + k * some, t->parts + k * width + from, (size_t)some * sizeof *mine);
        PP_TRY_TO(done,
                  pp_comm_allgather_rows(t->comm, mine, all, (size_t)some * sizeof *mine, counts));
        for (int64_t i = 0; i < t->n * some; i++) t->sums[from + i % some] += all[i];
    }
done:
    pp_free(counts);
    pp_free(mine);
    pp_free(all);
    return status;
}

/* Rings have no z; shells do, once the lines are transformed along it. */
static pp_status sum_up(task *t, bool rings)
{
    memset(t->parts, 0, (size_t)(t->count * t->shells * SUMS) * sizeof *t->parts);
    for (int64_t k = 0; k < t->count; k++) {
        const double fy = frequency(t->row + k, t->n);
        for (int64_t z = 0; z < t->rows; z++)
            for (int64_t x = 0; x < t->half; x++)
                add(t, t->parts + k * t->shells * SUMS, rings ? 0 : frequency(z, t->rows), fy, x,
                    (k * t->rows + z) * t->half + x);
    }
    return add_parts(t);
}

static void write_curve(const task *t, double per, int column, double *curves)
{
    for (int64_t k = 0; k < t->shells; k++) {
        const double *sum = t->sums + k * SUMS, root = sqrt(sum[COUNT] / per);
        const double norm = sqrt(sum[POWER_A] * sum[POWER_B]);
        double *row = curves + k * PP_SHELL_COLUMNS;
        row[PP_SHELL_FREQUENCY] = (double)k / (double)t->n;
        row[column] = norm > 0 ? sum[CROSS] / norm : 0;
        row[column + 1] = (0.2071 * root + 1.9102) / (1.2071 * root + 0.9102);
    }
}

static pp_status allocate(task *t)
{
    const int64_t line = t->rows * t->half, work = line > t->n * t->n ? line : t->n * t->n;
    PP_TRY(PP_ALLOC(t->slices * t->n * t->half + 1, &t->plane));
    for (int k = 0; k < 2; k++) PP_TRY(PP_ALLOC(t->count * line + 1, &t->spectrum[k]));
    PP_TRY(pp_fft_buffer(work, &t->work));
    PP_TRY(PP_ALLOC(t->count * t->shells * SUMS + 1, &t->parts));
    return PP_ALLOC(t->shells * SUMS, &t->sums);
}

static pp_status correlate(task *t, const float *a, const float *b, double *curves)
{
    PP_TRY(pp_comm_agree(t->comm, allocate(t)));
    PP_TRY(exchange(t, a, t->spectrum[0]));
    PP_TRY(exchange(t, b, t->spectrum[1]));
    PP_TRY(sum_up(t, true));
    write_curve(t, (double)t->rows, PP_RING_CORRELATION, curves);
    pp_status status = transform_lines(t, t->spectrum[0]);
    if (status == PP_OK) status = transform_lines(t, t->spectrum[1]);
    PP_TRY(pp_comm_agree(t->comm, status));
    PP_TRY(sum_up(t, false));
    write_curve(t, 1, PP_SHELL_CORRELATION, curves);
    return PP_OK;
}

pp_status pp_shell_correlation(const pp_comm *comm, int64_t rows, int64_t n, const float *a,
                               const float *b, double *curves)
{
    const int size = pp_comm_size(comm), rank = pp_comm_rank(comm);
    task t = {.comm = comm, .rows = rows, .n = n, .half = n / 2 + 1, .shells = n / 2};
    pp_slab_block(rows, size, rank, &t.first, &t.slices);
    pp_comm_block(n, size, rank, &t.row, &t.count);
    /* estimated plans: the same on every rank */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    const pp_status status = correlate(&t, a, b, curves);
    (void)pp_fft_set_effort(before);
    pp_free(t.plane);
    pp_free(t.spectrum[0]);
    pp_free(t.spectrum[1]);
    pp_free(t.work);
    pp_free(t.parts);
    pp_free(t.sums);
    return status;
}

double pp_shell_crossing(int64_t shells, const double *curves, int column)
{
    double last = 0;
    for (int64_t k = 1; k < shells; k++) {
        const double *row = curves + k * PP_SHELL_COLUMNS;
        const double above = row[column] - row[column + 1];
        if (above < 0) {
            const double part = k > 1 ? last / (last - above) : 1;
            return row[PP_SHELL_FREQUENCY] * ((double)(k - 1) + part) / (double)k;
        }
        last = above;
    }
    return 0.5;
}

double pp_shell_correlation_bytes(int ranks, int64_t rows, int64_t n)
{
    const double voxels = (double)rows * (double)n * (double)(n / 2 + 1) / ranks;
    const pp_stack_shape shape = {n, rows, n / 2 + 1, sizeof(pp_c32)};
    return 3 * voxels * (double)sizeof(pp_c32) +
           (double)n / ranks * (double)(n / 2) * SUMS * (double)sizeof(double) +
           (double)(n * n) * (double)sizeof(pp_c32) + pp_transpose_bytes(ranks, shape);
}
