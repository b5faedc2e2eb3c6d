/* FFT plans: stored in the run's directory and in the user's cache, taken from either, the same on every rank.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 1 2
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/file.h"
#include "comm/wisdom.h"
#include "support/support.h"

static pp_comm *comm;
static int calls;
static char folder[64];

static pp_status plan(void *data)
{
    const int64_t *n = data, shape[] = {*n, *n};
    pp_fft *fft = NULL;
    calls++;
    PP_TRY(pp_fft_create(2, shape, 1, -1, &fft));
    pp_fft_free(&fft);
    return PP_OK;
}

static pp_status refuse(void *data)
{
    (void)data;
    return PP_FAIL(PP_ERR_RUN, "no plan");
}

/* All plans in one number that does not depend on the order in which FFTW lists them. */
static double wisdom(void)
{
    char *text = NULL;
    double sum = 0;
    pp_assert_ok(pp_fft_wisdom_get(&text));
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        double hash = 0;
        for (const char *c = line; *c; c++) hash = fmod(31 * hash + *c, 1000003);
        sum += hash;
    }
    pp_free(text);
    return sum;
}

/* All of rank 0's plans are on every rank. */
START_TEST(shared)
{
    int64_t n = 24;
    pp_assert_ok(pp_fft_prepare(comm, folder, PP_FFT_MEASURE, plan, &n));
    ck_assert_int_eq(calls, 1);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/.polyptych/fft-plans", folder);
    ck_assert(pp_file_exists(path));
    const double mine = wisdom();
    double least = mine, most = mine;
    pp_assert_ok(pp_comm_allreduce(comm, &least, 1, PP_MIN));
    pp_assert_ok(pp_comm_allreduce(comm, &most, 1, PP_MAX));
    ck_assert(mine > 0 && least == most);
    /* what is known is not measured again: the plans stay as they are */
    pp_assert_ok(pp_fft_prepare(comm, folder, PP_FFT_MEASURE, plan, &n));
    ck_assert(wisdom() == mine);
}
END_TEST

enum { SIZES = 6 };
static const int64_t sides[SIZES] = {36, 60, 90, 96, 120, 160};

/* Bits of one transform of each size, in one number. */
static double bits(void)
{
    double sum = 0;
    for (int i = 0; i < SIZES; i++) {
        const int64_t n = sides[i], shape[2] = {n, n};
        pp_fft *fft = NULL;
        pp_c32 *data;
        pp_assert_ok(pp_fft_create(2, shape, 1, -1, &fft));
        pp_assert_ok(pp_fft_buffer(n * n, &data));
        for (int64_t k = 0; k < n * n; k++)
            data[k] = (pp_c32){(float)sin(0.7 * (double)(k * k % 1009)), (float)cos((double)k)};
        pp_fft_run(fft, data);
        const unsigned char *bytes = (const unsigned char *)data;
        for (int64_t k = 0; k < n * n * (int64_t)sizeof *data; k++)
            sum = fmod(31 * sum + bytes[k], 9007199254);
        pp_free(data);
        pp_fft_free(&fft);
    }
    return sum;
}

/* Measured plans of another process, as text. */
static char *others_plans(void)
{
    char path[96], *text = NULL;
    (void)snprintf(path, sizeof path, "%s/others-%d", folder, pp_comm_rank(comm));
    const pid_t child = fork();
    if (child == 0) {
        (void)pp_fft_set_effort(PP_FFT_MEASURE);
        (void)bits();
        pp_status status = pp_fft_wisdom_get(&text);
        if (status == PP_OK) status = pp_file_write(path, text, strlen(text));
        _exit(status != PP_OK);
    }
    int outcome = 1;
    ck_assert_int_eq(waitpid(child, &outcome, 0), child);
    ck_assert_int_eq(outcome, 0);
    pp_assert_ok(pp_file_read(path, &text, NULL));
    return text;
}

/* What the cache holds of other runs and stages changes no bit of a transform that nobody prepared. */
START_TEST(estimates_are_always_the_same)
{
    char *text = others_plans();
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    const double alone = bits();
    pp_assert_ok(pp_fft_wisdom_add(text));
    int64_t n = 28;
    pp_assert_ok(pp_fft_prepare(comm, folder, PP_FFT_MEASURE, plan, &n));
    const double all = wisdom();
    ck_assert(bits() == alone);
    ck_assert(wisdom() == all);
    (void)pp_fft_set_effort(before);
    pp_free(text);
}
END_TEST

START_TEST(failure)
{
    ck_assert_int_eq(pp_fft_prepare(comm, folder, PP_FFT_MEASURE, refuse, NULL), PP_ERR_RUN);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "no plan"));
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {shared, estimates_are_always_the_same, failure, NULL};
    char cache[4096];
    if (!getcwd(cache, sizeof cache - 32)) return EXIT_FAILURE;
    (void)strcat(cache, "/wisdom_cache");
    if (setenv("XDG_CACHE_HOME", cache, 1) != 0) return EXIT_FAILURE;
    if (pp_mpi_start(&argc, &argv) != PP_OK || pp_comm_world(&comm) != PP_OK) return EXIT_FAILURE;
    (void)snprintf(folder, sizeof folder, "wisdom_run.n%d", pp_comm_size(comm));
    SRunner *runner = srunner_create(pp_test_suite("wisdom", tests));
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    pp_comm_free(&comm);
    if (failed) pp_mpi_abort(EXIT_FAILURE);
    pp_mpi_stop();
    return pp_alloc_live_blocks() ? EXIT_FAILURE : EXIT_SUCCESS;
}
