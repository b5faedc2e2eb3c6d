/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/joint_state.h"

#include <stdio.h>
#include <string.h>

#include <polyptych/log.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/h5.h"
#include "tomo/stack.h"

static const char hash_path[] = "/process/identity";
static const double chunk_bytes = 67108864.0; /* of slices that rank 0 gathers at a time */
enum { PARTS = 5, TEXT = 64, TERM_NUMBERS = sizeof(pp_joint_terms) / sizeof(double) };

/* An array of a view, in the order of the file's datasets. */
typedef struct part {
    const char *name;
    pp_dtype dtype;
    void *data;
    int64_t count;
} part;

static void parts_of(pp_joint_view *view, part out[PARTS])
{
    out[0] = (part){"psi", PP_C32, view->psi, view->pixels};
    out[1] = (part){"multiplier", PP_C32, view->multiplier, view->pixels};
    out[2] = (part){"probe", PP_C32, view->probe, view->modes * view->n * view->n};
    out[3] = (part){"corners", PP_F64, view->corners, 2 * view->patterns};
    out[4] = (part){"moved", PP_F64, view->moved, 2};
}

static void path_of(int64_t view, const char *name, char out[TEXT])
{
    (void)snprintf(out, TEXT, "/views/%04lld/%s", (long long)view, name);
}

/* ---- writing ---- */

typedef struct writer {
    const pp_joint_state *state;
    const pp_comm *comm;
    pp_h5 *file;   /* rank 0 */
    char *room;    /* rank 0: what is gathered */
    int64_t *from; /* [ranks] rows that each gives */
} writer;

/* Slices [at, at + step) of a field to rank 0 and into the file. */
static pp_status put_slices(writer *w, const pp_joint_field *field, const char *where, int64_t at,
                            int64_t step)
{
    const pp_joint_state *s = w->state;
    const size_t slice = (size_t)(s->n * s->n) * pp_dtype_size(field->dtype);
    int64_t mine = 0;
    for (int r = 0; r < pp_comm_size(w->comm); r++) {
        int64_t first, count;
        pp_slab_block(s->rows, pp_comm_size(w->comm), r, &first, &count);
        const int64_t begin = first > at ? first : at,
                      end = first + count < at + step ? first + count : at + step;
        w->from[r] = end > begin ? end - begin : 0;
        if (r == pp_comm_rank(w->comm)) mine = begin - first;
    }
    if (w->from[pp_comm_rank(w->comm)] == 0) mine = 0;
    PP_TRY(pp_comm_gather_rows(w->comm, (const char *)field->data + (size_t)mine * slice, w->room,
                               slice, w->from, 0));
    return pp_comm_agree(w->comm,
                         w->file ? pp_h5_put_rows(w->file, where, at, step, w->room) : PP_OK);
}

static pp_status put_field(writer *w, const pp_joint_field *field)
{
    const pp_joint_state *s = w->state;
    const double slice = (double)(s->n * s->n) * (double)pp_dtype_size(field->dtype);
    const pp_view like = {.dtype = field->dtype, .ndim = 3, .shape = {s->rows, s->n, s->n}};
    int64_t step = (int64_t)(chunk_bytes / slice) + 1;
    char where[TEXT];
    pp_status status = PP_OK;
    if (step > s->rows) step = s->rows;
    (void)snprintf(where, sizeof where, "/volume/%s", field->name);
    if (w->file) {
        status = pp_realloc((void **)&w->room, (size_t)(slice * (double)step));
        if (status == PP_OK) status = pp_h5_dataset(w->file, where, &like, "1", false);
    }
    PP_TRY(pp_comm_agree(w->comm, status));
    for (int64_t at = 0; at < s->rows; at += step)
        PP_TRY(put_slices(w, field, where, at, at + step > s->rows ? s->rows - at : step));
    return PP_OK;
}

/* One array of one view from its rank. */
static pp_status put_part(writer *w, int64_t view, int64_t count, const part *mine, int which,
                          int owner)
{
    static const pp_dtype types[PARTS] = {PP_C32, PP_C32, PP_C32, PP_F64, PP_F64};
    static const char *const names[PARTS] = {"psi", "multiplier", "probe", "corners", "moved"};
    const size_t size = pp_dtype_size(types[which]);
    pp_status status = PP_OK;
    char where[TEXT];
    path_of(view, names[which], where);
    for (int r = 0; r < pp_comm_size(w->comm); r++) w->from[r] = r == owner ? count : 0;
    if (w->file) status = pp_realloc((void **)&w->room, (size_t)count * size);
    PP_TRY(pp_comm_agree(w->comm, status));
    PP_TRY(pp_comm_gather_rows(w->comm, mine ? mine->data : NULL, w->room, size, w->from, 0));
    if (w->file) {
        const pp_view data = {.data = w->room, .dtype = types[which], .ndim = 1, .shape = {count}};
        status = pp_h5_put(w->file, where, data, "1");
    }
    return pp_comm_agree(w->comm, status);
}

static pp_status put_views(writer *w)
{
    const pp_joint_setup *setup = w->state->setup;
    const int64_t views = setup->shape.views;
    const int size = pp_comm_size(w->comm), rank = pp_comm_rank(w->comm);
    double(*counts)[PARTS] = NULL;
    PP_TRY(pp_comm_agree(w->comm, pp_alloc((size_t)views, sizeof *counts, (void **)&counts)));
    part parts[PARTS];
    for (int64_t k = 0; k < setup->count; k++) {
        parts_of(&setup->views[k], parts);
        for (int i = 0; i < PARTS; i++) counts[setup->first + k][i] = (double)parts[i].count;
    }
    pp_status status = pp_share_views(w->comm, views, counts, sizeof *counts);
    for (int owner = 0; owner < size; owner++) {
        int64_t first, count;
        pp_comm_block(views, size, owner, &first, &count);
        for (int64_t k = 0; k < count * PARTS && status == PP_OK; k++) {
            const int64_t v = first + k / PARTS;
            const int which = (int)(k % PARTS);
            if (owner == rank) parts_of(&setup->views[k / PARTS], parts);
            status = put_part(w, v, (int64_t)counts[v][which], owner == rank ? &parts[which] : NULL,
                              which, owner);
        }
    }
    pp_free(counts);
    return status;
}

static pp_status put_numbers(writer *w, const char *hash)
{
    union {
        const void *read;
        void *data;
    } numbers = {.read = w->state->numbers}, terms = {.read = w->state->terms};
    const pp_view one = {
        .data = numbers.data, .dtype = PP_F64, .ndim = 1, .shape = {PP_JOINT_NUMBERS}};
    const pp_view history = {.data = terms.data,
                             .dtype = PP_F64,
                             .ndim = 2,
                             .shape = {(int64_t)w->state->numbers[PP_JOINT_DONE], TERM_NUMBERS}};
    PP_TRY(pp_h5_put_text(w->file, hash_path, hash));
    PP_TRY(pp_h5_put(w->file, "/process/numbers", one, "1"));
    return pp_h5_put(w->file, "/process/terms", history, "1");
}

static pp_status write_all(writer *w, const char *path, const char *hash)
{
    pp_status status = PP_ALLOC(pp_comm_size(w->comm), &w->from);
    if (pp_comm_rank(w->comm) == 0) {
        if (status == PP_OK) status = pp_h5_create(path, &w->file);
        if (status == PP_OK) status = put_numbers(w, hash);
    }
    PP_TRY(pp_comm_agree(w->comm, status));
    for (int k = 0; k < PP_JOINT_FIELDS; k++) PP_TRY(put_field(w, &w->state->fields[k]));
    PP_TRY(put_views(w));
    return pp_comm_agree(w->comm, w->file ? pp_h5_commit(&w->file) : PP_OK);
}

pp_status pp_joint_state_write(const char *path, const char *hash, const pp_joint_state *state)
{
    writer w = {.state = state, .comm = state->setup->comm};
    const pp_status status = write_all(&w, path, hash);
    if (w.file) pp_h5_close(&w.file);
    pp_free(w.room);
    pp_free(w.from);
    return status;
}

/* ---- reading ---- */

static pp_status get_views(pp_h5 *file, const pp_joint_setup *setup)
{
    part parts[PARTS];
    char where[TEXT];
    for (int64_t k = 0; k < setup->count; k++) {
        parts_of(&setup->views[k], parts);
        for (int i = 0; i < PARTS; i++) {
            path_of(setup->first + k, parts[i].name, where);
            PP_TRY(
                pp_h5_read_items(file, where, 0, 0, parts[i].count, parts[i].dtype, parts[i].data));
        }
    }
    return PP_OK;
}

static pp_status get_fields(pp_h5 *file, const pp_joint_state *state)
{
    char where[TEXT];
    for (int k = 0; k < PP_JOINT_FIELDS && state->slices > 0; k++) {
        const pp_joint_field *field = &state->fields[k];
        (void)snprintf(where, sizeof where, "/volume/%s", field->name);
        PP_TRY(pp_h5_read_items(file, where, 2, state->first, state->slices, field->dtype,
                                field->data));
    }
    return PP_OK;
}

static pp_status read_all(const char *path, const char *hash, pp_joint_state *state, bool *mine)
{
    pp_h5 *file = NULL;
    char *text = NULL;
    PP_TRY(pp_h5_open(path, &file));
    pp_status status = pp_h5_read_text(file, hash_path, &text);
    *mine = status == PP_OK && strcmp(text, hash) == 0;
    if (*mine) {
        status = pp_h5_read_items(file, "/process/numbers", 1, 0, 1, PP_F64, state->numbers);
        const int64_t done = (int64_t)state->numbers[PP_JOINT_DONE];
        if (status == PP_OK && (done < 1 || done > state->setup->iterations))
            status = PP_FAIL(PP_ERR_DATA, "%s: %lld iterations of %lld", path, (long long)done,
                             (long long)state->setup->iterations);
        if (status == PP_OK)
            status = pp_h5_read_items(file, "/process/terms", 1, 0, done, PP_F64, state->terms);
        if (status == PP_OK) status = get_fields(file, state);
        if (status == PP_OK) status = get_views(file, state->setup);
    }
    pp_free(text);
    pp_h5_close(&file);
    return status;
}

pp_status pp_joint_state_read(const char *path, const char *hash, pp_joint_state *state,
                              bool *found)
{
    const pp_comm *comm = state->setup->comm;
    double bad = 0;
    bool mine = false;
    *found = false;
    if (pp_file_exists(path) && read_all(path, hash, state, &mine) != PP_OK) {
        pp_error dropped;
        pp_error_take(&dropped);
        pp_warn("%s cannot be used, the joint solve begins anew: %s", path, dropped.text);
        mine = false;
    }
    bad = mine ? 0 : 1;
    PP_TRY(pp_comm_allreduce(comm, &bad, 1, PP_MAX));
    *found = bad == 0;
    return PP_OK;
}
