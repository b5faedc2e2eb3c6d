/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/backend.h"
#include "base/alloc.h"
#include "comm/comm.h"

static int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

static int judge(int failed)
{
    const long long left = (long long)pp_alloc_live_blocks();
    if (left && !failed) (void)fprintf(stderr, "%lld blocks of memory were not freed\n", left);
    return failed || left ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A back end that is not built, or has no device here. */
static const char *absent(void)
{
    static char text[256];
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    const char *why = "not built";
    if (backend && backend->devices(&why) > 0) return NULL;
    (void)snprintf(text, sizeof text, "back end %s: %s", pp_test_backend(),
                   why ? why : "no device");
    return text;
}

int pp_test_main(Suite *suite)
{
    const char *why = strcmp(pp_test_backend(), "none") == 0 ? NULL : absent();
    if (why) return pp_test_skip(why);
    return judge(run_suite(suite));
}

int pp_test_main_of_ranks(int argc, char **argv, const char *name, const TTest *const *tests,
                          pp_comm **world)
{
    if (pp_mpi_start(&argc, &argv) != PP_OK || pp_comm_world(world) != PP_OK) return EXIT_FAILURE;
    const int failed = run_suite(pp_test_suite(name, tests));
    pp_comm_free(world);
    if (failed) pp_mpi_abort(EXIT_FAILURE);
    pp_mpi_stop();
    return judge(failed);
}

Suite *pp_test_suite(const char *name, const TTest *const *tests)
{
    Suite *suite = suite_create(name);
    TCase *one = tcase_create(name);
    for (; *tests; tests++) tcase_add_test(one, *tests);
    suite_add_tcase(suite, one);
    return suite;
}

const char *pp_test_backend(void)
{
    const char *name = getenv("PP_TEST_BACKEND");
    return name ? name : "cpu";
}

void *pp_test_upload(const void *host, size_t bytes)
{
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    void *memory = NULL;
    pp_assert_ok(backend->alloc(bytes, &memory));
    if (host) pp_assert_ok(backend->upload(memory, host, bytes));
    return memory;
}

void pp_test_fetch(void *host, void *memory, size_t bytes)
{
    const pp_backend *backend = pp_backend_find(pp_test_backend());
    if (host) pp_assert_ok(backend->download(host, memory, bytes));
    backend->release(memory);
}

const char *pp_test_shared(const char *path)
{
    static char whole[4096];
    const char *shared = getenv("SHARED");
    if (!shared) return NULL;
    (void)snprintf(whole, sizeof whole, "%s/%s", shared, path);
    struct stat facts;
    return stat(whole, &facts) == 0 ? whole : NULL;
}

int pp_test_skip(const char *why)
{
    (void)printf("skipped: %s\n", why);
    return 77;
}

void pp_test_out_of_memory(pp_status (*work)(void *argument), void *argument)
{
    const int64_t before = pp_alloc_live_blocks();
    pp_status status = PP_ERR_RESOURCE;
    for (int64_t n = 1; status != PP_OK; n++) {
        pp_alloc_fail_after(n);
        status = work(argument);
        pp_alloc_fail_after(0);
        if (status != PP_OK) ck_assert_int_eq(status, PP_ERR_RESOURCE);
        ck_assert_int_eq(pp_alloc_live_blocks(), before);
    }
}
