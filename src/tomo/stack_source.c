/* Stacks from the views' stored results or from projections.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/stack_source.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

static const double pixel_size_bar = 1e-4;

/* One view's stored arrays. */
typedef struct stored {
    pp_array *object, *origin, *illumination, *positions;
} stored;

static void stored_free(stored *s)
{
    pp_array_free(&s->object);
    pp_array_free(&s->origin);
    pp_array_free(&s->illumination);
    pp_array_free(&s->positions);
}

static pp_status check_shapes(const stored *s, int64_t number)
{
    for (int k = 0; k < 2; k++)
        if (pp_array_size(s->object, k) != pp_array_size(s->illumination, k))
            return PP_FAIL(PP_ERR_DATA,
                           "view %lld: object and illumination differ in shape (%lld and %lld "
                           "along axis %d); run the view again (--restart)",
                           (long long)number, (long long)pp_array_size(s->object, k),
                           (long long)pp_array_size(s->illumination, k), k);
    return PP_OK;
}

static pp_status stored_read(pp_context *context, int64_t index, stored *out)
{
    const int64_t number = pp_views_entry(pp_context_views(context), index)->number;
    stored s = {NULL, NULL, NULL, NULL};
    pp_status status = pp_context_view_result(context, index, "object", &s.object);
    if (status == PP_OK) status = pp_context_view_result(context, index, "origin", &s.origin);
    if (status == PP_OK)
        status = pp_context_view_result(context, index, "illumination", &s.illumination);
    if (status == PP_OK) status = pp_context_view_result(context, index, "positions", &s.positions);
    if (status == PP_OK) status = check_shapes(&s, number);
    if (status == PP_OK) {
        *out = s;
    } else {
        stored_free(&s);
    }
    return PP_NOTE(status, "reading the result of view %lld", (long long)number);
}

static pp_lit_object as_lit(const stored *s)
{
    const int64_t *origin = pp_array_read(s->origin);
    return (pp_lit_object){
        .shape = {pp_array_size(s->object, 0), pp_array_size(s->object, 1)},
        .origin = {origin[0], origin[1]},
        .object = pp_array_read(s->object),
        .illumination = pp_array_read(s->illumination),
        .positions = pp_array_read(s->positions),
        .patterns = pp_array_size(s->positions, 0),
    };
}

/* Indices [count] of the views that are done. */
static int64_t done_views(const pp_context *context, int64_t *indices)
{
    int64_t count = 0;
    for (int64_t k = 0; k < pp_views_count(pp_context_views(context)); k++)
        if (pp_context_view_done(context, k)) indices[count++] = k;
    return count;
}

static pp_status check_pixel_sizes(const pp_context *context, const int64_t *indices, int64_t count)
{
    const pp_views *views = pp_context_views(context);
    const pp_view_entry *one = pp_views_entry(views, indices[0]);
    for (int64_t v = 1; v < count; v++) {
        const pp_view_entry *other = pp_views_entry(views, indices[v]);
        for (int k = 0; k < 2; k++) {
            const double a = one->geometry.pixel_size[k], b = other->geometry.pixel_size[k];
            if (fabs(b - a) > pixel_size_bar * fabs(a))
                return PP_FAIL(PP_ERR_DATA,
                               "view %lld has object pixels of %.8g m, view %lld of %.8g m: they "
                               "must agree within 1e-4; leave one kind out or crop the frames so "
                               "that they agree",
                               (long long)other->number, b, (long long)one->number, a);
        }
    }
    return PP_OK;
}

static pp_status read_fields(pp_context *context, const int64_t *indices, const pp_stack *stack,
                             pp_grid_box *fields)
{
    for (int64_t v = stack->first; v < stack->first + stack->count; v++) {
        stored s;
        PP_TRY(stored_read(context, indices[v], &s));
        const pp_lit_object lit = as_lit(&s);
        const pp_status status = pp_view_field(&lit, &fields[v]);
        stored_free(&s);
        PP_TRY(PP_NOTE(status, "in view %lld",
                       (long long)pp_views_entry(pp_context_views(context), indices[v])->number));
    }
    return PP_OK;
}

/* The error of a view's solution, where it was stored: knowing it is not needed. */
static double stored_error(pp_context *context, int64_t index)
{
    pp_array *error = NULL;
    double value = NAN;
    if (pp_context_view_result(context, index, "error", &error) == PP_OK) {
        if (pp_array_dtype(error) == PP_F64 && pp_array_count(error) > 0)
            value = *(const double *)pp_array_read(error);
        pp_array_free(&error);
    } else {
        pp_error forget;
        pp_error_take(&forget);
    }
    return value;
}

/* Errors [views] of the views' solutions, on every rank. */
static pp_status read_errors(pp_context *context, const int64_t *indices, const pp_stack *stack,
                             double *errors)
{
    for (int64_t v = stack->first; v < stack->first + stack->count; v++)
        errors[v] = stored_error(context, indices[v]);
    return pp_share_views(pp_context_comm(context), stack->views, errors, sizeof *errors);
}

/* Warns of the views that fit badly; takes them out of `indices` if so wanted. */
static pp_status judge(pp_context *context, bool leave_out, const double *errors, int64_t *indices,
                       int64_t *views)
{
    uint8_t *bad;
    int64_t count, kept = 0;
    double limit;
    PP_TRY(PP_ALLOC(*views, &bad));
    const pp_status status = pp_bad_views(*views, errors, bad, &count, &limit);
    for (int64_t v = 0; status == PP_OK && v < *views; v++) {
        if (bad[v])
            pp_warn("%s: view %lld fits badly, error %.4g where %.4g is the limit (median + 5 "
                    "median deviations)%s",
                    pp_context_stage_id(context),
                    (long long)pp_views_entry(pp_context_views(context), indices[v])->number,
                    errors[v], limit, leave_out ? ": left out" : "");
        if (!bad[v] || !leave_out) indices[kept++] = indices[v];
    }
    if (status == PP_OK) {
        *views = kept;
        pp_context_fact(context, "bad_views", "%lld%s", (long long)count,
                        leave_out && count > 0 ? ", left out" : "");
    }
    pp_free(bad);
    return status;
}

static pp_status read_objects(pp_context *context, const int64_t *indices, pp_stack *stack)
{
    const pp_views *views = pp_context_views(context);
    for (int64_t v = 0; v < stack->views; v++) {
        stack->theta[v] = pp_views_entry(views, indices[v])->geometry.angle;
        stack->number[v] = pp_views_entry(views, indices[v])->number;
    }
    for (int64_t v = stack->first; v < stack->first + stack->count; v++) {
        stored s;
        PP_TRY(stored_read(context, indices[v], &s));
        const pp_lit_object lit = as_lit(&s);
        pp_stack_take(stack, v - stack->first, &lit);
        stored_free(&s);
    }
    return PP_OK;
}

static pp_status from_views(pp_context *context, const int64_t *indices, pp_stack *stack)
{
    const pp_comm *comm = pp_context_comm(context);
    pp_grid_box *fields;
    PP_TRY(check_pixel_sizes(context, indices, stack->views));
    stack->pixel_size =
        pp_views_entry(pp_context_views(context), indices[0])->geometry.pixel_size[1];
    PP_TRY(PP_ALLOC(stack->views, &fields));
    pp_status status = pp_comm_agree(comm, read_fields(context, indices, stack, fields));
    if (status == PP_OK) status = pp_share_views(comm, stack->views, fields, sizeof *fields);
    if (status == PP_OK)
        status = pp_common_field(fields, stack->views, &stack->field, stack->centre);
    pp_free(fields);
    PP_TRY(status);
    status = pp_stack_allocate(stack);
    if (status == PP_OK) status = read_objects(context, indices, stack);
    return pp_comm_agree(comm, status);
}

static void block_of(const pp_context *context, pp_stack *stack)
{
    const pp_comm *comm = pp_context_comm(context);
    pp_comm_block(stack->views, pp_comm_size(comm), pp_comm_rank(comm), &stack->first,
                  &stack->count);
}

/* The views that are to be stacked, and this rank's block of them. */
static pp_status choose(pp_context *context, bool leave_out, int64_t *indices, pp_stack *stack)
{
    double *errors;
    stack->views = done_views(context, indices);
    block_of(context, stack);
    if (stack->views < 1) return PP_FAIL(PP_ERR_DATA, "no view is done, nothing can be stacked");
    PP_TRY(PP_ALLOC(stack->views, &errors));
    pp_status status = read_errors(context, indices, stack, errors);
    if (status == PP_OK) status = judge(context, leave_out, errors, indices, &stack->views);
    pp_free(errors);
    block_of(context, stack);
    return status;
}

static pp_status load_views(pp_context *context, bool leave_out, pp_stack *stack)
{
    int64_t *indices;
    PP_TRY(PP_ALLOC(pp_views_count(pp_context_views(context)) + 1, &indices));
    pp_status status = choose(context, leave_out, indices, stack);
    if (status == PP_OK) status = from_views(context, indices, stack);
    pp_free(indices);
    return status;
}

/* ---- projections from a file ---- */

static pp_status check_projections(const pp_context *context, const pp_stack *stack)
{
    const pp_array *projections = pp_context_get(context, "projections");
    const pp_array *theta = pp_context_get(context, "theta");
    if (!theta || pp_array_count(theta) != stack->views)
        return PP_FAIL(PP_ERR_DATA, "%lld projections come with %lld angles",
                       (long long)stack->views, (long long)(theta ? pp_array_count(theta) : 0));
    if (pp_array_first_row(projections) != stack->first ||
        pp_array_size(projections, 0) != stack->count)
        return PP_FAIL(PP_ERR_RUN,
                       "this rank holds projections [%lld, %lld), not the block [%lld, %lld)",
                       (long long)pp_array_first_row(projections),
                       (long long)(pp_array_first_row(projections) + pp_array_size(projections, 0)),
                       (long long)stack->first, (long long)(stack->first + stack->count));
    return PP_OK;
}

static pp_status field_of_projections(const pp_context *context, pp_stack *stack)
{
    const pp_array *projections = pp_context_get(context, "projections");
    const pp_array *centre = pp_context_get(context, "centre");
    const int64_t *middle = centre ? pp_array_read(centre) : NULL;
    const int64_t ny = pp_array_size(projections, 1), nx = pp_array_size(projections, 2);
    const int64_t y0 = (middle ? middle[0] : 0) - ny / 2, x0 = (middle ? middle[1] : 0) - nx / 2;
    const pp_grid_box field = {y0, x0, y0 + ny, x0 + nx};
    return pp_common_field(&field, 1, &stack->field, stack->centre);
}

static pp_status load_projections(pp_context *context, pp_stack *stack)
{
    const pp_array *projections = pp_context_get(context, "projections");
    const pp_array *numbers = pp_context_get(context, "views");
    const pp_views *views = pp_context_views(context);
    stack->views = pp_array_total_rows(projections);
    block_of(context, stack);
    if (pp_views_count(views) > 0)
        stack->pixel_size = pp_views_entry(views, 0)->geometry.pixel_size[1];
    PP_TRY(check_projections(context, stack));
    PP_TRY(field_of_projections(context, stack));
    PP_TRY(pp_stack_allocate(stack));
    memcpy(stack->theta, pp_array_read(pp_context_get(context, "theta")),
           (size_t)stack->views * sizeof *stack->theta);
    for (int64_t v = 0; v < stack->views; v++)
        stack->number[v] = numbers ? ((const int64_t *)pp_array_read(numbers))[v] : v;
    memcpy(stack->psi, pp_array_read(projections), pp_array_bytes(projections));
    for (int64_t i = 0; i < stack->count * stack->ny * stack->nx; i++) stack->weight[i] = 1;
    return PP_OK;
}

pp_status pp_stack_load(pp_context *context, bool leave_out, pp_stack *out)
{
    pp_stack stack = {0};
    pp_status status;
    if (pp_context_get(context, "projections")) {
        status = pp_comm_agree(pp_context_comm(context), load_projections(context, &stack));
    } else {
        status = load_views(context, leave_out, &stack);
    }
    if (status == PP_OK) {
        *out = stack;
    } else {
        pp_stack_free(&stack);
    }
    return status;
}

/* ---- arrays of the ports ---- */

void pp_stack_arrays_free(pp_stack_arrays *arrays)
{
    pp_array_free(&arrays->projections);
    pp_array_free(&arrays->phase);
    pp_array_free(&arrays->theta);
    pp_array_free(&arrays->views);
    pp_array_free(&arrays->shifts);
    pp_array_free(&arrays->centre);
}

static pp_status make_arrays(const pp_stack *stack, pp_grid_box box, pp_stack_arrays *a)
{
    const int64_t shape[] = {stack->count, box.y1 - box.y0, box.x1 - box.x0};
    const int64_t pairs[] = {stack->views, 2};
    PP_TRY(pp_array_create(PP_C32, 3, shape, "1", &a->projections));
    PP_TRY(pp_array_create(PP_F32, 3, shape, "rad", &a->phase));
    PP_TRY(pp_array_create_1d(PP_F64, stack->views, "rad", &a->theta));
    PP_TRY(pp_array_create_1d(PP_I64, stack->views, "1", &a->views));
    PP_TRY(pp_array_create(PP_F64, 2, pairs, "pixel", &a->shifts));
    return pp_array_create_1d(PP_I64, 2, "pixel", &a->centre);
}

pp_status pp_stack_arrays_create(const pp_stack *stack, pp_grid_box box, const double *shifts,
                                 pp_stack_arrays *out)
{
    pp_stack_arrays a = {0};
    const pp_status status = make_arrays(stack, box, &a);
    if (status != PP_OK) {
        pp_stack_arrays_free(&a);
        return status;
    }
    pp_array_set_rows(a.projections, stack->first, stack->views);
    pp_array_set_rows(a.phase, stack->first, stack->views);
    memcpy(pp_array_data(a.theta), stack->theta, pp_array_bytes(a.theta));
    memcpy(pp_array_data(a.views), stack->number, pp_array_bytes(a.views));
    memcpy(pp_array_data(a.centre), stack->centre, pp_array_bytes(a.centre));
    if (shifts) memcpy(pp_array_data(a.shifts), shifts, pp_array_bytes(a.shifts));
    *out = a;
    return PP_OK;
}

static void cut(const pp_stack *stack, pp_grid_box box, const pp_stack_arrays *a)
{
    const int64_t height = box.y1 - box.y0, width = box.x1 - box.x0;
    pp_c32 *psi = pp_array_data(a->projections);
    float *phase = pp_array_data(a->phase);
    for (int64_t i = 0; i < stack->count * height * width; i++) {
        const int64_t view = i / (height * width), y = i / width % height, x = i % width;
        psi[i] = stack->psi[(view * stack->ny + y + box.y0 - stack->field.y0) * stack->nx + x +
                            box.x0 - stack->field.x0];
        phase[i] = atan2f(psi[i].im, psi[i].re);
    }
}

pp_status pp_stack_raw(pp_context *context, pp_stack_arrays *out, double *pixel_size)
{
    pp_stack stack;
    pp_grid_box box;
    PP_TRY(pp_stack_load(context, false, &stack));
    pp_status status = pp_stack_box(stack.field, stack.centre, NULL, 0, &box);
    if (status == PP_OK) status = pp_stack_arrays_create(&stack, box, NULL, out);
    status = pp_comm_agree(pp_context_comm(context), status);
    if (status == PP_OK) {
        cut(&stack, box, out);
        *pixel_size = stack.pixel_size;
    }
    pp_stack_free(&stack);
    return status;
}
