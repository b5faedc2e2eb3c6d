/* FFTs through FFTW's interface, single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/fft.h"

#include <fftw3.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

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

/* ---- which plan a transform gets ---- */

/* A transform, and the effort that its plan was looked for with. Memory is never given back: a run knows few. */
typedef struct problem {
    int rank, sign, kind; /* kind: of fftwf_r2r_kind, -1 for complex data */
    fftwf_iodim dims[3];  /* the last one: of the batch */
    unsigned effort;
} problem;

enum { MOST_KNOWN = 256 };
static problem known[MOST_KNOWN];
static int known_count;

static bool is_same(const problem *a, const problem *b)
{
    return a->rank == b->rank && a->sign == b->sign && a->kind == b->kind &&
           memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

/* Planning overwrites its array, so it gets one of its own. */
static fftwf_plan plan_of(const problem *p, void *scratch, unsigned effort)
{
    if (p->kind < 0)
        return fftwf_plan_guru_dft(p->rank, p->dims, 1, &p->dims[2], scratch, scratch, p->sign,
                                   effort);
    return fftwf_plan_r2r_2d(p->dims[0].n, p->dims[1].n, scratch, scratch, (fftwf_r2r_kind)p->kind,
                             (fftwf_r2r_kind)p->kind, effort);
}

/* An estimate takes what wisdom knows of the same transform, and what it knows hangs on the runs and stages before: it is
 * put away meanwhile, so that the estimate is always the same. */
static fftwf_plan estimate(const problem *p, void *scratch)
{
    char *wisdom = fftwf_export_wisdom_to_string();
    fftwf_forget_wisdom();
    fftwf_plan plan = plan_of(p, scratch, FFTW_ESTIMATE);
    fftwf_forget_wisdom();
    if (wisdom) (void)fftwf_import_wisdom_from_string(wisdom);
    fftwf_free(wisdom);
    return plan;
}

static fftwf_plan choose(problem p, void *scratch)
{
    const problem *same = NULL;
    for (int k = 0; k < known_count && !same; k++)
        if (is_same(&known[k], &p)) same = &known[k];
    if (effort_flag == FFTW_ESTIMATE)
        return same ? plan_of(&p, scratch, same->effort) : estimate(&p, scratch);
    p.effort = effort_flag;
    if (!same && known_count < MOST_KNOWN) known[known_count++] = p;
    return plan_of(&p, scratch, effort_flag);
}

static pp_status make(const problem *p, int64_t extent, fftwf_plan *out)
{
    pp_c32 *scratch;
    PP_TRY(pp_fft_buffer(extent, &scratch));
    (void)pthread_mutex_lock(&planner);
    *out = choose(*p, scratch);
    (void)pthread_mutex_unlock(&planner);
    pp_free(scratch);
    if (*out) return PP_OK;
    return PP_FAIL(PP_ERR_RUN, "FFTW has no plan for a transform of length %d", p->dims[0].n);
}

static pp_status make_fft(const problem *p, int64_t extent, pp_fft **out)
{
    pp_fft *fft;
    PP_TRY(PP_ALLOC(1, &fft));
    const pp_status status = make(p, extent, &fft->plan);
    if (status != PP_OK)
        pp_free(fft);
    else
        *out = fft;
    return status;
}

pp_status pp_fft_create(int ndim, const int64_t *shape, int64_t batch, int sign, pp_fft **out)
{
    problem p = {.rank = ndim, .sign = sign, .kind = -1};
    int64_t stride = 1;
    for (int k = ndim - 1; k >= 0; k--) {
        p.dims[k] = (fftwf_iodim){(int)shape[k], (int)stride, (int)stride};
        stride *= shape[k];
    }
    p.dims[2] = (fftwf_iodim){(int)batch, (int)stride, (int)stride};
    return make_fft(&p, stride * batch, out);
}

pp_status pp_fft_create_strided(int64_t n, int64_t stride, int64_t batch, int64_t dist, int sign,
                                pp_fft **out)
{
    problem p = {.rank = 1, .sign = sign, .kind = -1};
    p.dims[0] = (fftwf_iodim){(int)n, (int)stride, (int)stride};
    p.dims[2] = (fftwf_iodim){(int)batch, (int)dist, (int)dist};
    return make_fft(&p, (n - 1) * stride + (batch - 1) * dist + 1, out);
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
    problem p = {.rank = 2, .kind = (int)kind};
    p.dims[0].n = (int)ny, p.dims[1].n = (int)nx;
    PP_TRY(PP_ALLOC(1, &dct));
    const pp_status status = make(&p, (ny * nx + 1) / 2, &dct->plan);
    if (status != PP_OK)
        pp_free(dct);
    else
        *out = dct;
    return status;
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
