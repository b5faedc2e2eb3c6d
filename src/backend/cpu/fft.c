/* FFTs through FFTW's interface, single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/fft.h"

#include <fftw3.h>
#include <pthread.h>

#include "base/alloc.h"

struct pp_fft {
    fftwf_plan plan;
};

struct pp_dct {
    fftwf_plan plan;
};

/* FFTW's planner is not thread-safe. */
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;
static unsigned effort_flag = FFTW_MEASURE;
static pp_fft_effort effort_now = PP_FFT_MEASURE;

pp_fft_effort pp_fft_set_effort(pp_fft_effort effort)
{
    const pp_fft_effort before = effort_now;

    static const unsigned flags[] = {[PP_FFT_ESTIMATE] = FFTW_ESTIMATE,
                                     [PP_FFT_MEASURE] = FFTW_MEASURE,
                                     [PP_FFT_PATIENT] = FFTW_PATIENT};
    effort_flag = flags[effort];
    effort_now = effort;
    return before;
}

/* Planning overwrites its array, so it gets one of its own. */
static pp_status make(const fftwf_iodim *dims, int rank, const fftwf_iodim *batch, int64_t extent,
                      int sign, pp_fft **out)
{
    pp_fft *fft;
    pp_c32 *scratch;
    PP_TRY(PP_ALLOC(1, &fft));
    const pp_status status = pp_fft_buffer(extent, &scratch);
    if (status != PP_OK) {
        pp_free(fft);
        return status;
    }
    (void)pthread_mutex_lock(&planner);
    fft->plan = fftwf_plan_guru_dft(rank, dims, 1, batch, (fftwf_complex *)scratch,
                                    (fftwf_complex *)scratch, sign, effort_flag);
    (void)pthread_mutex_unlock(&planner);
    pp_free(scratch);
    if (!fft->plan) {
        pp_free(fft);
        return PP_FAIL(PP_ERR_RUN, "FFTW has no plan for a transform of length %d", dims[0].n);
    }
    *out = fft;
    return PP_OK;
}

pp_status pp_fft_create(int ndim, const int64_t *shape, int64_t batch, int sign, pp_fft **out)
{
    fftwf_iodim dims[2] = {{0, 0, 0}};
    int64_t stride = 1;
    for (int k = ndim - 1; k >= 0; k--) {
        dims[k] = (fftwf_iodim){(int)shape[k], (int)stride, (int)stride};
        stride *= shape[k];
    }
    const fftwf_iodim many = {(int)batch, (int)stride, (int)stride};
    return make(dims, ndim, &many, stride * batch, sign, out);
}

pp_status pp_fft_create_strided(int64_t n, int64_t stride, int64_t batch, int64_t dist, int sign,
                                pp_fft **out)
{
    const fftwf_iodim dim = {(int)n, (int)stride, (int)stride};
    const fftwf_iodim many = {(int)batch, (int)dist, (int)dist};
    return make(&dim, 1, &many, (n - 1) * stride + (batch - 1) * dist + 1, sign, out);
}

void pp_fft_run(const pp_fft *fft, pp_c32 *data)
{
    fftwf_execute_dft(fft->plan, (fftwf_complex *)data, (fftwf_complex *)data);
}

void pp_fft_free(pp_fft **fft)
{
    if (!*fft) return;
    (void)pthread_mutex_lock(&planner);
    fftwf_destroy_plan((*fft)->plan);
    (void)pthread_mutex_unlock(&planner);
    pp_free(*fft);
    *fft = NULL;
}

static pp_status make_dct(int64_t ny, int64_t nx, fftwf_r2r_kind kind, pp_dct **out)
{
    pp_dct *dct;
    float *scratch;
    PP_TRY(PP_ALLOC(1, &dct));
    const pp_status status = PP_ALLOC(ny * nx, &scratch);
    if (status != PP_OK) {
        pp_free(dct);
        return status;
    }
    (void)pthread_mutex_lock(&planner);
    dct->plan = fftwf_plan_r2r_2d((int)ny, (int)nx, scratch, scratch, kind, kind, effort_flag);
    (void)pthread_mutex_unlock(&planner);
    pp_free(scratch);
    *out = dct;
    return PP_OK;
}

pp_status pp_dct_create(int64_t ny, int64_t nx, pp_dct **forward, pp_dct **backward)
{
    PP_TRY(make_dct(ny, nx, FFTW_REDFT10, forward));
    const pp_status status = make_dct(ny, nx, FFTW_REDFT01, backward);
    if (status != PP_OK) pp_dct_free(forward);
    return status;
}

void pp_dct_run(const pp_dct *dct, float *data)
{
    fftwf_execute_r2r(dct->plan, data, data);
}

void pp_dct_free(pp_dct **dct)
{
    if (!*dct) return;
    (void)pthread_mutex_lock(&planner);
    fftwf_destroy_plan((*dct)->plan);
    (void)pthread_mutex_unlock(&planner);
    pp_free(*dct);
    *dct = NULL;
}

pp_status pp_fft_wisdom_get(char **text)
{
    (void)pthread_mutex_lock(&planner);
    char *wisdom = fftwf_export_wisdom_to_string();
    (void)pthread_mutex_unlock(&planner);
    if (!wisdom) return PP_FAIL(PP_ERR_RUN, "FFTW's plans cannot be written as text");
    const pp_status status = pp_strdup(wisdom, text);
    fftwf_free(wisdom);
    return status;
}

pp_status pp_fft_wisdom_add(const char *text)
{
    (void)pthread_mutex_lock(&planner);
    const int fine = fftwf_import_wisdom_from_string(text);
    (void)pthread_mutex_unlock(&planner);
    if (!fine) return PP_FAIL(PP_ERR_RUN, "FFTW cannot read the stored plans");
    return PP_OK;
}

const char *pp_fft_version(void)
{
    return fftwf_version;
}

pp_status pp_fft_buffer(int64_t count, pp_c32 **out)
{
    return PP_ALLOC(count, out);
}
