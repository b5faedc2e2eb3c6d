/* The list of views: built by the source on rank 0, broadcast, checked as a whole.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "engine/views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

pp_status pp_views_add(pp_views *views, const pp_view_entry *entry)
{
    if (views->count == views->capacity) {
        void *grown = views->entries;
        const int64_t capacity = views->capacity ? 2 * views->capacity : 16;
        PP_TRY(pp_realloc(&grown, (size_t)capacity * sizeof *views->entries));
        views->entries = grown;
        views->capacity = capacity;
    }
    pp_view_entry copy = *entry;
    if (entry->path) {
        char *path;
        PP_TRY(pp_strdup(entry->path, &path));
        copy.path = path;
    }
    views->entries[views->count++] = copy;
    return PP_OK;
}

int64_t pp_views_count(const pp_views *views)
{
    return views->count;
}

const pp_view_entry *pp_views_entry(const pp_views *views, int64_t index)
{
    return &views->entries[index];
}

void pp_views_free(pp_views *views)
{
    for (int64_t i = 0; i < views->count; i++) {
        union {
            const char *read;
            char *owned;
        } path = {.read = views->entries[i].path};
        pp_free(path.owned);
    }
    pp_free(views->entries);
    *views = (pp_views){0};
}

/* The texts behind one another, NUL between; an empty one stands for none. */
static pp_status pack_paths(const pp_views *views, pp_text *text)
{
    for (int64_t i = 0; i < views->count; i++) {
        const char *path = views->entries[i].path ? views->entries[i].path : "";
        PP_TRY(pp_text_add_bytes(text, path, strlen(path) + 1));
    }
    return PP_OK;
}

static pp_status unpack_paths(pp_views *views, const char *text)
{
    for (int64_t i = 0; text && i < views->count; i++, text += strlen(text) + 1) {
        char *path;
        if (!*text) continue;
        PP_TRY(pp_strdup(text, &path));
        views->entries[i].path = path;
    }
    return PP_OK;
}

static pp_status share_entries(pp_views *views, const pp_comm *comm, pp_text *text)
{
    const bool root = pp_comm_rank(comm) == 0;
    int64_t sizes[2] = {views->count, (int64_t)text->length};
    PP_TRY(pp_comm_bcast(comm, sizes, sizeof sizes, 0));
    char *bytes = text->data;
    pp_status status = PP_OK;
    if (!root) {
        status = PP_ALLOC(sizes[0] + 1, &views->entries);
        if (status == PP_OK) status = PP_ALLOC(sizes[1] + 1, &text->data);
        bytes = text->data;
    }
    PP_TRY(pp_comm_agree(comm, status));
    PP_TRY(pp_comm_bcast(comm, bytes, (size_t)sizes[1], 0));
    /* the paths in the entries are rank 0's pointers: replaced */
    status = pp_comm_bcast(comm, views->entries, (size_t)sizes[0] * sizeof *views->entries, 0);
    if (root || status != PP_OK) return status;
    views->count = views->capacity = sizes[0];
    for (int64_t i = 0; i < views->count; i++) views->entries[i].path = NULL;
    return unpack_paths(views, bytes);
}

pp_status pp_views_share(pp_views *views, const pp_comm *comm)
{
    if (pp_comm_size(comm) == 1) return PP_OK;
    pp_text text = {0};
    pp_status status = PP_OK;
    if (pp_comm_rank(comm) == 0) status = pack_paths(views, &text);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK) status = pp_comm_agree(comm, share_entries(views, comm, &text));
    pp_text_free(&text);
    return status;
}

static const double square_tolerance = 1e-4; /* that of the pixel sizes of different views */

static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const double degree = 57.295779513082320876798154814105;

/* Repeated angles; angles in radians that were given as degrees. */
static void check_angles(const double *angles, int64_t count, pp_check *check)
{
    int64_t repeated = 0;
    double which = 0;
    for (int64_t i = 1; i < count; i++)
        if (fabs(angles[i] - angles[i - 1]) < 1e-9) {
            repeated++;
            which = angles[i] * degree;
        }
    if (repeated)
        pp_check_warning(check, "views", "%lld angle%s repeated, %g degree among them",
                         (long long)repeated, repeated > 1 ? "s are" : " is", which);
    const double span = (angles[count - 1] - angles[0]) * degree;
    if (count >= 8 && span >= 2.8 && span <= 6.4)
        pp_check_warning(check, "views",
                         "%lld views span only %.3g degrees, near a multiple of pi: were the "
                         "angles given in radians? They are read as degrees",
                         (long long)count, span);
}

static void check_numbers(const pp_views *views, pp_check *check)
{
    for (int64_t i = 1; i < views->count; i++)
        if (views->entries[i].number <= views->entries[i - 1].number)
            pp_check_error(check, NULL, PP_ERR_DATA,
                           "view %lld follows view %lld in the list: numbers must rise",
                           (long long)views->entries[i].number,
                           (long long)views->entries[i - 1].number);
}

void pp_views_check(const pp_views *views, pp_check *check, int ranks)
{
    if (views->count == 0) {
        pp_check_error(check, NULL, PP_ERR_DATA, "gives no view");
        return;
    }
    if (ranks > 0) check_numbers(views, check);
    if (ranks > views->count)
        pp_check_warning(check, NULL, "%d ranks for %lld view%s: the others have nothing to do",
                         ranks, (long long)views->count, views->count > 1 ? "s" : "");
    double *angles;
    if (views->count < 2 || PP_ALLOC(views->count, &angles) != PP_OK) return;
    for (int64_t i = 0; i < views->count; i++) angles[i] = views->entries[i].geometry.angle;
    qsort(angles, (size_t)views->count, sizeof *angles, by_number);
    check_angles(angles, views->count, check);
    pp_free(angles);
}

void pp_views_check_square(const pp_views *views, pp_check *check)
{
    for (int64_t i = 0; i < views->count; i++) {
        const double *size = views->entries[i].geometry.pixel_size;
        if (fabs(size[0] / size[1] - 1) <= square_tolerance) continue;
        pp_check_error(check, NULL, PP_ERR_DATA,
                       "view %lld: object pixels of %.6g x %.6g nm: alignment and tomography need "
                       "square ones; detector_pixel sets both sides",
                       (long long)views->entries[i].number, size[0] * 1e9, size[1] * 1e9);
        return;
    }
}
