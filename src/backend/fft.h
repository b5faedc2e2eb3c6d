/* FFTs on the CPU behind one file: FFTW's interface, single precision. Plans are for one thread and are made under a lock;
 * running one is thread-safe. Unnormalised; sign -1 is exp(-2 pi i ...).
 *
 * Reproducibility: FFTW's measured plans differ from run to run, so a run uses one set of plans (wisdom): see
 * pp_fft_wisdom_*. The engine takes it from the run's directory, else from the user's cache, else measures on rank 0.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FFT_H
#define PP_FFT_H

#include <polyptych/status.h>

typedef struct pp_fft pp_fft;
typedef enum pp_fft_effort { PP_FFT_ESTIMATE, PP_FFT_MEASURE, PP_FFT_PATIENT } pp_fft_effort;

/** Effort of plans that wisdom does not hold yet; default MEASURE. Returns the effort until now. ESTIMATE takes no time and
 *  gives the same plan on every rank and in every run, whatever wisdom holds, except for a transform that this process has already
 *  planned with another effort: it gets that plan. */
pp_fft_effort pp_fft_set_effort(pp_fft_effort effort);

/** In place, contiguous complex [batch][shape...], ndim 1 or 2, 64-byte aligned data. */
PP_MUST_CHECK pp_status pp_fft_create(int ndim, const int64_t *shape, int64_t batch, int sign,
                                      pp_fft **out);
/** In place, element k of transform b at data[k * stride + b * dist]. */
PP_MUST_CHECK pp_status pp_fft_create_strided(int64_t n, int64_t stride, int64_t batch,
                                              int64_t dist, int sign, pp_fft **out);
void pp_fft_run(const pp_fft *fft, pp_c32 *data);
void pp_fft_free(pp_fft **fft);

/** 2-D real cosine transforms in place, float [ny][nx]: DCT-II (forward) and DCT-III (backward), unnormalised: backward
 *  of forward is 4 ny nx times the input. */
typedef struct pp_dct pp_dct;
PP_MUST_CHECK pp_status pp_dct_create(int64_t ny, int64_t nx, pp_dct **forward, pp_dct **backward);
void pp_dct_run(const pp_dct *dct, float *data);
void pp_dct_free(pp_dct **dct);

/** All wisdom as text (pp_free it) / adds wisdom from text. */
PP_MUST_CHECK pp_status pp_fft_wisdom_get(char **text);
PP_MUST_CHECK pp_status pp_fft_wisdom_add(const char *text);
/** "fftw-3.3.10-sse2-avx ..." */
const char *pp_fft_version(void);
/** 64-byte aligned memory from the counting allocator. */
PP_MUST_CHECK pp_status pp_fft_buffer(int64_t count, pp_c32 **out);

#endif
