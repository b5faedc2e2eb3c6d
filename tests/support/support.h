/* What every Check program of the tests shares: no fork, a leak count, the back end and the data folder from the
 * environment. A program is: suites made with pp_test_case, `int main(void) { return pp_test_main(suite()); }`.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEST_SUPPORT_H
#define PP_TEST_SUPPORT_H

#include <check.h>
#include <polyptych/status.h>

struct pp_comm;

/** Runs the suite; fails too if a block of the counting allocator is left. Returns the exit code. */
int pp_test_main(Suite *suite);
/** The same under MPI, which it starts and stops; *world is there for the tests, and freed before blocks are counted. A failure of
 *  one rank ends the others. */
int pp_test_main_of_ranks(int argc, char **argv, const char *name, const TTest *const *tests,
                          struct pp_comm **world);
/** A suite of one case with these tests (NULL-terminated). */
Suite *pp_test_suite(const char *name, const TTest *const *tests);
/** PP_TEST_BACKEND, "cpu" by default. */
const char *pp_test_backend(void);
/** A copy of `bytes` in the tested back end's memory (host NULL: zeroes). */
void *pp_test_upload(const void *host, size_t bytes);
/** Gives it back after copying it to `host` (NULL: without). */
void pp_test_fetch(void *host, void *memory, size_t bytes);
/** Path in ../shared in a static buffer, or NULL where there is none: then exit with pp_test_skip. */
const char *pp_test_shared(const char *path);
/** Prints why and returns 77, which CTest shows as skipped. */
int pp_test_skip(const char *why);

/** Runs `work` with its 1st, 2nd, 3rd ... allocation refused until none is: it must report PP_ERR_RESOURCE, and leave no block. */
void pp_test_out_of_memory(pp_status (*work)(void *argument), void *argument);

/** Fails the test with the error record's text. */
#define pp_assert_ok(expr)                                                                         \
    do {                                                                                           \
        const pp_status status_ = (expr);                                                          \
        ck_assert_msg(status_ == PP_OK, "%s: %s", #expr, pp_error_last()->text);                   \
    } while (0)
/** a is within `bar` of b. */
#define pp_assert_near(a, b, bar)                                                                  \
    do {                                                                                           \
        const double a_ = (a), b_ = (b), bar_ = (bar);                                             \
        ck_assert_msg(a_ - b_ <= bar_ && b_ - a_ <= bar_,                                          \
                      "%s = %.9g, %s = %.9g, apart %.3g > %.3g", #a, a_, #b, b_,                   \
                      a_ > b_ ? a_ - b_ : b_ - a_, bar_);                                          \
    } while (0)

#endif
