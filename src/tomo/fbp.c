/* Filtered back-projection in chunks of slices: filter the lines of a chunk, then transpose of the projector.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/fbp.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "tomo/radial.h"

struct pp_fbp {
    const pp_projector *projector;
    bool derivative, whole_square;
    int64_t padded;  /* length of the filtered lines */
    float *response; /* [padded] real, or for the derivative the imaginary part; with 1 / padded */
    float *weights;  /* [V] */
    pp_fft *fft[2];  /* forward, backward */
    pp_c32 **work;   /* [threads][padded] */
    int64_t chunk;   /* complex slices, or pairs of real ones, at a time */
    pp_c32 *lines;   /* [chunk][V][n] filtered */
};

static const double pi = 3.14159265358979323846;

static double sinc(double x)
{
    return fabs(x) > 0 ? sin(pi * x) / (pi * x) : 1;
}

static double window(pp_filter filter, double x)
{
    if (x > 1 + 1e-9) return 0;
    switch (filter) {
    case PP_FILTER_RAMP:
        return 1;
    case PP_FILTER_SHEPP_LOGAN:
        return sinc(x / 2);
    case PP_FILTER_COSINE:
        return cos(pi * x / 2);
    case PP_FILTER_HANN:
        return 0.5 * (1 + cos(pi * x));
    }
    return 0;
}

/* Transforms at frequency f of `padded` of the sampled kernels: the ramp, 1/4 and -1 / (pi k)^2 at odd k, and the Hilbert
 * filter of derivatives, 1 / (pi^2 k) at odd k (its imaginary part). Sampled in space, so that lags up to n are exact. */
static double kernel_response(int64_t f, int64_t padded, bool derivative)
{
    double sum = derivative ? 0 : 0.25;
    for (int64_t k = 1; k < padded / 2; k += 2) {
        const double lag = pi * (double)k,
                     phase = 2 * pi * (double)(f * k % padded) / (double)padded;
        sum -= derivative ? 2 * sin(phase) / (pi * lag) : 2 * cos(phase) / (lag * lag);
    }
    return sum;
}

static void fill_response(pp_fbp *fbp, const pp_fbp_setup *setup)
{
    const int64_t padded = fbp->padded;
    const double cutoff = setup->cutoff > 0 ? setup->cutoff : 1;
#pragma omp parallel for schedule(static)
    for (int64_t f = 0; f < padded; f++) {
        const double frequency = (double)(f <= padded / 2 ? f : padded - f) / (double)padded;
        const double linear = setup->band_limited ? 1 : pow(sinc(frequency), 2);
        const double gain = setup->differences ? linear / sinc(frequency) : linear;
        const double value = kernel_response(f, padded, setup->derivative) * gain *
                             window(setup->filter, 2 * frequency / cutoff);
        fbp->response[f] = (float)(value / (double)padded);
    }
}

static pp_status fill_weights(pp_fbp *fbp, const pp_fbp_setup *setup)
{
    const double *given = setup->weights;
    const int64_t views = pp_projector_views(fbp->projector);
    double *weights;
    PP_TRY(PP_ALLOC(views, &weights));
    pp_status status = PP_OK;
    for (int64_t v = 0; v < views; v++) weights[v] = given ? given[v] : pi / (double)views;
    if (!given && !setup->equal_weights)
        status = pp_angle_weights(views, pp_projector_angles(fbp->projector), weights);
    for (int64_t v = 0; v < views; v++) fbp->weights[v] = (float)weights[v];
    pp_free(weights);
    return status;
}

static pp_status fill(pp_fbp *fbp, const pp_fbp_setup *setup)
{
    const int64_t n = pp_projector_size(fbp->projector), views = pp_projector_views(fbp->projector);
    const int threads = pp_projector_threads(fbp->projector);
    fbp->chunk = (int64_t)threads * PP_RADIAL_LANES;
    fbp->padded = pp_radial_grid(2 * n, 1);
    PP_TRY(PP_ALLOC(fbp->padded, &fbp->response));
    PP_TRY(PP_ALLOC(views, &fbp->weights));
    PP_TRY(PP_ALLOC(fbp->chunk * views * n, &fbp->lines));
    PP_TRY(PP_ALLOC(threads, &fbp->work));
    for (int t = 0; t < threads; t++) PP_TRY(pp_fft_buffer(fbp->padded, &fbp->work[t]));
    PP_TRY(pp_fft_create(1, &fbp->padded, 1, -1, &fbp->fft[0]));
    PP_TRY(pp_fft_create(1, &fbp->padded, 1, 1, &fbp->fft[1]));
    fill_response(fbp, setup);
    return fill_weights(fbp, setup);
}

pp_status pp_fbp_create(const pp_projector *projector, const pp_fbp_setup *setup, pp_fbp **out)
{
    if (setup->cutoff < 0 || setup->cutoff > 1) {
        return PP_FAIL(
            PP_ERR_CONFIG,
            "cut-off %g of the filter; give a part of the Nyquist frequency, above 0 and "
            "up to 1",
            setup->cutoff);
    }
    pp_fbp *fbp;
    PP_TRY(PP_ALLOC(1, &fbp));
    fbp->projector = projector;
    fbp->derivative = setup->derivative;
    fbp->whole_square = setup->whole_square;
    const pp_status status = fill(fbp, setup);
    if (status == PP_OK) {
        *out = fbp;
    } else {
        pp_fbp_free(&fbp);
    }
    return status;
}

void pp_fbp_free(pp_fbp **fbp_)
{
    pp_fbp *fbp = *fbp_;
    if (!fbp) return;
    const int threads = pp_projector_threads(fbp->projector);
    for (int t = 0; fbp->work && t < threads; t++) pp_free(fbp->work[t]);
    pp_fft_free(&fbp->fft[0]);
    pp_fft_free(&fbp->fft[1]);
    pp_free(fbp->work);
    pp_free(fbp->lines);
    pp_free(fbp->weights);
    pp_free(fbp->response);
    pp_free(fbp);
    *fbp_ = NULL;
}

/* The filter is a real operator: two real lines go as one complex line. */
static void filter_line(const pp_fbp *fbp, pp_c32 *line)
{
    pp_fft_run(fbp->fft[0], line);
    for (int64_t f = 0; f < fbp->padded; f++) {
        const pp_c32 value = line[f];
        const float gain = fbp->response[f];
        line[f] = fbp->derivative ? (pp_c32){-gain * value.im, gain * value.re}
                                  : (pp_c32){gain * value.re, gain * value.im};
    }
    pp_fft_run(fbp->fft[1], line);
}

/* A stack of lines: complex, or real where two neighbours are filtered together. */
static void filter_real(const pp_fbp *fbp, int64_t count, const float *lines, float *out)
{
    const int64_t n = pp_projector_size(fbp->projector), views = pp_projector_views(fbp->projector);
#pragma omp parallel for num_threads(pp_projector_threads(fbp->projector)) schedule(static)
    for (int64_t i = 0; i < count; i += 2) {
        pp_c32 *work = fbp->work[omp_get_thread_num()];
        const bool pair = i + 1 < count;
        memset(work + n, 0, (size_t)(fbp->padded - n) * sizeof *work);
        for (int64_t u = 0; u < n; u++) {
            work[u] = (pp_c32){lines[i * n + u], pair ? lines[(i + 1) * n + u] : 0};
        }
        filter_line(fbp, work);
        for (int64_t u = 0; u < n; u++) {
            out[i * n + u] = fbp->weights[i % views] * work[u].re;
            if (pair) out[(i + 1) * n + u] = fbp->weights[(i + 1) % views] * work[u].im;
        }
    }
}

static void filter_complex(const pp_fbp *fbp, int64_t count, const pp_c32 *lines, pp_c32 *out)
{
    const int64_t n = pp_projector_size(fbp->projector), views = pp_projector_views(fbp->projector);
#pragma omp parallel for num_threads(pp_projector_threads(fbp->projector)) schedule(static)
    for (int64_t i = 0; i < count; i++) {
        pp_c32 *work = fbp->work[omp_get_thread_num()];
        const float weight = fbp->weights[i % views];
        memset(work + n, 0, (size_t)(fbp->padded - n) * sizeof *work);
        memcpy(work, lines + i * n, (size_t)n * sizeof *work);
        filter_line(fbp, work);
        for (int64_t u = 0; u < n; u++) {
            out[i * n + u] = (pp_c32){weight * work[u].re, weight * work[u].im};
        }
    }
}

pp_status pp_fbp_run_real(const pp_fbp *fbp, int64_t slices, const float *lines, float *volume)
{
    const int64_t n = pp_projector_size(fbp->projector), views = pp_projector_views(fbp->projector);
    float *filtered = &fbp->lines->re;
    for (int64_t first = 0; first < slices; first += 2 * fbp->chunk) {
        const int64_t left = slices - first, count = left < 2 * fbp->chunk ? left : 2 * fbp->chunk;
        float *out = volume + first * n * n;
        filter_real(fbp, count * views, lines + first * views * n, filtered);
        PP_TRY(pp_projector_adjoint_real(fbp->projector, count, filtered, out));
        if (!fbp->whole_square) pp_circle_mask(count, n, 0, out);
    }
    return PP_OK;
}

pp_status pp_fbp_run(const pp_fbp *fbp, int64_t slices, const pp_c32 *lines, pp_c32 *volume)
{
    const int64_t n = pp_projector_size(fbp->projector), views = pp_projector_views(fbp->projector);
    for (int64_t first = 0; first < slices; first += fbp->chunk) {
        const int64_t left = slices - first, count = left < fbp->chunk ? left : fbp->chunk;
        pp_c32 *out = volume + first * n * n;
        filter_complex(fbp, count * views, lines + first * views * n, fbp->lines);
        PP_TRY(pp_projector_adjoint(fbp->projector, count, fbp->lines, out));
        if (!fbp->whole_square) pp_circle_mask_complex(count, n, 0, out);
    }
    return PP_OK;
}

double pp_fbp_bytes(int64_t n, int64_t views, int threads)
{
    const double padded = (double)pp_radial_grid(2 * n, 1);
    return (double)threads * (PP_RADIAL_LANES * (double)views * (double)n + padded) *
               (double)sizeof(pp_c32) +
           padded * (double)sizeof(float);
}
