/* The simulated campaign as a whole: the same files for any number of ranks, kept when there, refused when foreign.
 * Each rank compares with views that it makes by itself.
 * SPDX-License-Identifier: BSD-3-Clause */
// RANKS 1 2 3
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/cxi.h"
#include "io/synthetic.h"
#include "support/campaign.h"
#include "support/support.h"

static pp_comm *world;

static pp_synthetic small(const char *directory)
{
    pp_synthetic s = small_campaign(directory);
    s.phantom = PP_PHANTOM_INTEGRATED_CIRCUIT, s.height = 24, s.largest_phase = NAN, s.balls = 0;
    s.spokes = 0, s.views = 5, s.probe_modes = 2, s.scan = PP_SCAN_FERMAT_SPIRAL;
    s.scan_jitter = s.scan_margin = 0, s.detector_gap = 0, s.misalignment = 2, s.seed = 9;
    return s;
}

/* One name for all ranks. */
static void folder_name(const char *what, char out[80])
{
    int64_t number = (int64_t)getpid();
    pp_assert_ok(pp_comm_bcast(world, &number, sizeof number, 0));
    (void)snprintf(out, 80, "/tmp/test_campaign_%lld_%s", (long long)number, what);
}

static void remove_folder(const char *folder)
{
    char command[128];
    pp_assert_ok(pp_comm_barrier(world));
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (pp_comm_rank(world) == 0) ck_assert_int_eq(system(command), 0);
    pp_assert_ok(pp_comm_barrier(world));
}

static pp_array *frames_of(const char *path)
{
    const pp_cxi_options options = {0};
    const pp_frame_rules rules = {0};
    pp_cxi cxi;
    pp_array *frames, *mask;
    pp_assert_ok(pp_cxi_open(path, &options, &cxi));
    pp_assert_ok(pp_cxi_read(&cxi, &options, &rules, &frames, &mask, NULL));
    ck_assert_int_eq(cxi.modes, 2);
    pp_array_free(&mask);
    pp_cxi_free(&cxi);
    return frames;
}

START_TEST(every_rank_count_makes_the_same_frames)
{
    char folder[80], own[120];
    folder_name("same", folder);
    pp_synthetic p = small(folder);
    pp_assert_ok(pp_synthetic_make(&p, "seed = 9\n", false, world, 1));
    (void)snprintf(own, sizeof own, "%s_rank%d", folder, pp_comm_rank(world));
    pp_synthetic q = small(own);
    pp_specimen *specimen;
    pp_c32 *probe;
    pp_assert_ok(pp_file_make_folders(own));
    pp_assert_ok(pp_synthetic_specimen(&q, &specimen));
    pp_assert_ok(pp_synthetic_probe(&q, &probe));
    for (int64_t k = 0; k < p.views; k++) {
        char *a, *b;
        pp_assert_ok(pp_synthetic_make_view(&q, specimen, probe, k, 2));
        pp_assert_ok(pp_synthetic_path(&p, k, &a));
        pp_assert_ok(pp_synthetic_path(&q, k, &b));
        pp_array *x = frames_of(a), *y = frames_of(b);
        ck_assert(pp_array_bytes(x) == pp_array_bytes(y) &&
                  memcmp(pp_array_read(x), pp_array_read(y), pp_array_bytes(x)) == 0);
        pp_array_free(&x);
        pp_array_free(&y);
        (void)unlink(b);
        pp_free(a);
        pp_free(b);
    }
    (void)rmdir(own);
    pp_free(probe);
    pp_specimen_free(&specimen);
    remove_folder(folder);
}
END_TEST

START_TEST(what_is_there_is_kept_and_what_is_missing_is_made)
{
    char folder[80], *path;
    int64_t bytes;
    double before, after;
    folder_name("kept", folder);
    pp_synthetic p = small(folder);
    pp_assert_ok(pp_synthetic_make(&p, "seed = 9\n", false, world, 1));
    pp_assert_ok(pp_synthetic_path(&p, 1, &path));
    pp_assert_ok(pp_file_stat(path, &bytes, &before));
    pp_free(path);
    pp_assert_ok(pp_synthetic_path(&p, 2, &path));
    pp_assert_ok(pp_comm_barrier(world));
    if (pp_comm_rank(world) == 0) (void)unlink(path);
    pp_assert_ok(pp_synthetic_make(&p, "seed = 9\n", false, world, 1));
    ck_assert(pp_file_exists(path));
    pp_free(path);
    pp_assert_ok(pp_synthetic_path(&p, 1, &path));
    pp_assert_ok(pp_file_stat(path, &bytes, &after));
    pp_free(path);
    ck_assert(before == after);
    remove_folder(folder);
}
END_TEST

START_TEST(other_parameters_and_foreign_files_are_refused)
{
    char folder[80], path[120];
    folder_name("refused", folder);
    pp_synthetic p = small(folder);
    p.views = 2;
    pp_assert_ok(pp_synthetic_make(&p, "seed = 9\nviews = 2\n", false, world, 1));
    ck_assert_int_eq(pp_synthetic_make(&p, "seed = 10\nviews = 2\n", false, world, 1),
                     PP_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(pp_error_last()->text, "seed = 10"));
    ck_assert_ptr_null(strstr(pp_error_last()->text, "views = 2"));
    pp_assert_ok(pp_synthetic_make(&p, "seed = 10\nviews = 2\n", true, world, 1));
    remove_folder(folder);
    if (pp_comm_rank(world) == 0) {
        pp_assert_ok(pp_file_make_folders(folder));
        (void)snprintf(path, sizeof path, "%s/thesis.txt", folder);
        pp_assert_ok(pp_file_write(path, "mine", 4));
    }
    pp_assert_ok(pp_comm_barrier(world));
    ck_assert_int_eq(pp_synthetic_make(&p, "seed = 9\n", true, world, 1), PP_ERR_CONFIG);
    ck_assert(pp_comm_rank(world) != 0 || pp_file_exists(path));
    remove_folder(folder);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {every_rank_count_makes_the_same_frames,
                                  what_is_there_is_kept_and_what_is_missing_is_made,
                                  other_parameters_and_foreign_files_are_refused, NULL};
    pp_fft_set_effort(PP_FFT_ESTIMATE);
    return pp_test_main_of_ranks(argc, argv, "synthetic_campaign", tests, &world);
}
