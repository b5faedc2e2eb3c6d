/* Fields, the common field, and the stack that is cut from it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/stack.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "tomo/median.h"

/* Part of the largest illumination that still counts as lit (contract of the field). */
static const float lit_part = 0.05F;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static pp_grid_box intersection(pp_grid_box a, pp_grid_box b)
{
    return (pp_grid_box){most(a.y0, b.y0), most(a.x0, b.x0), least(a.y1, b.y1), least(a.x1, b.x1)};
}

static bool is_empty(pp_grid_box box)
{
    return box.y1 <= box.y0 || box.x1 <= box.x0;
}

/* Bounding box of the grid points where window centres lay. */
static pp_grid_box scanned(const pp_lit_object *view)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int64_t j = 0; j < view->patterns; j++)
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], view->positions[2 * j + k]);
            high[k] = fmax(high[k], view->positions[2 * j + k]);
        }
    if (!(low[0] <= high[0] && low[1] <= high[1])) return (pp_grid_box){0, 0, 0, 0};
    return (pp_grid_box){(int64_t)ceil(low[0]), (int64_t)ceil(low[1]), (int64_t)floor(high[0]) + 1,
                         (int64_t)floor(high[1]) + 1};
}

/* Bounding box of the pixels that are lit. */
static pp_grid_box lit(const pp_lit_object *view)
{
    const int64_t ny = view->shape[0], nx = view->shape[1];
    float largest = 0;
    for (int64_t i = 0; i < ny * nx; i++) largest = fmaxf(largest, view->illumination[i]);
    pp_grid_box box = {ny, nx, 0, 0};
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++)
            if (largest > 0 && view->illumination[y * nx + x] >= lit_part * largest)
                box = (pp_grid_box){least(box.y0, y), least(box.x0, x), most(box.y1, y + 1),
                                    most(box.x1, x + 1)};
    return (pp_grid_box){box.y0 - view->origin[0], box.x0 - view->origin[1],
                         box.y1 - view->origin[0], box.x1 - view->origin[1]};
}

pp_status pp_view_field(const pp_lit_object *view, pp_grid_box *out)
{
    const pp_grid_box field = intersection(scanned(view), lit(view));
    if (is_empty(field))
        return PP_FAIL(PP_ERR_DATA,
                       "the view has no field: no grid point of its %lld positions lies where the "
                       "illumination is at least 5 %% of its largest value",
                       (long long)view->patterns);
    *out = field;
    return PP_OK;
}

static int64_t half_floor(int64_t a)
{
    return a >= 0 ? a / 2 : -((1 - a) / 2);
}

/* Whether 0 lies in [low, high) with a quarter of the extent on each side. */
static bool holds_zero(int64_t low, int64_t high)
{
    return 4 * -low >= high - low && 4 * high >= high - low;
}

pp_status pp_common_field(const pp_grid_box *fields, int64_t views, pp_grid_box *out,
                          int64_t centre[2])
{
    if (views < 1) return PP_FAIL(PP_ERR_DATA, "there is no view to align");
    pp_grid_box box = fields[0];
    for (int64_t v = 1; v < views; v++) {
        box = intersection(box, fields[v]);
        if (box.y1 - box.y0 < 4 || box.x1 - box.x0 < 4)
            return PP_FAIL(PP_ERR_DATA,
                           "view %lld of the stack (from 0) leaves a common field of %lld x %lld "
                           "pixels, at least 4 x 4 are needed: the views' positions must share one "
                           "grid (load's origin = \"absolute\")",
                           (long long)v, (long long)most(0, box.y1 - box.y0),
                           (long long)most(0, box.x1 - box.x0));
    }
    const bool zero = holds_zero(box.y0, box.y1) && holds_zero(box.x0, box.x1);
    centre[0] = zero ? 0 : half_floor(box.y0 + box.y1);
    centre[1] = zero ? 0 : half_floor(box.x0 + box.x1);
    *out = box;
    return PP_OK;
}

/* Half the even side about `centre` in [low, high), with room for shifts between `down` and `up`. */
static int64_t half_side(int64_t low, int64_t high, int64_t centre, double down, double up)
{
    const int64_t whole = least(centre - low, high - centre);
    const int64_t kept =
        least(centre - low - (int64_t)ceil(up), high - centre + (int64_t)floor(down));
    return most(kept, whole - whole / 8);
}

pp_status pp_stack_box(pp_grid_box field, const int64_t centre[2], const double *shifts,
                       int64_t views, pp_grid_box *out)
{
    double down[2] = {0, 0}, up[2] = {0, 0};
    for (int64_t v = 0; shifts && v < views; v++)
        for (int k = 0; k < 2; k++) {
            down[k] = fmin(down[k], shifts[2 * v + k]);
            up[k] = fmax(up[k], shifts[2 * v + k]);
        }
    const int64_t hy = half_side(field.y0, field.y1, centre[0], down[0], up[0]);
    const int64_t hx = half_side(field.x0, field.x1, centre[1], down[1], up[1]);
    if (hy < 1 || hx < 1)
        return PP_FAIL(
            PP_ERR_DATA,
            "the common field [%lld, %lld) x [%lld, %lld) has no room about its centre "
            "(%lld, %lld): a stack takes 2 rows and 2 columns or more about it, of what "
            "all views see; leave out the views that see too little or lie elsewhere, or, "
            "where the projections are aligned already, align itself: tomo takes a "
            "single row",
            (long long)field.y0, (long long)field.y1, (long long)field.x0, (long long)field.x1,
            (long long)centre[0], (long long)centre[1]);
    *out = (pp_grid_box){centre[0] - hy, centre[1] - hx, centre[0] + hy, centre[1] + hx};
    return PP_OK;
}

pp_status pp_stack_allocate(pp_stack *stack)
{
    stack->ny = stack->field.y1 - stack->field.y0;
    stack->nx = stack->field.x1 - stack->field.x0;
    const int64_t pixels = stack->count * stack->ny * stack->nx;
    PP_TRY(PP_ALLOC(stack->views, &stack->theta));
    PP_TRY(PP_ALLOC(stack->views, &stack->number));
    PP_TRY(PP_ALLOC_LARGE(pixels, &stack->psi));
    PP_TRY(PP_ALLOC_LARGE(pixels, &stack->weight));
    return PP_ALLOC_LARGE(pixels, &stack->phase);
}

void pp_stack_free(pp_stack *stack)
{
    pp_free(stack->theta);
    pp_free(stack->number);
    pp_free(stack->psi);
    pp_free(stack->weight);
    pp_free(stack->phase);
    *stack = (pp_stack){0};
}

void pp_stack_take(pp_stack *stack, int64_t local, const pp_lit_object *view)
{
    const int64_t pixels = stack->ny * stack->nx;
    pp_c32 *psi = stack->psi + local * pixels;
    float *weight = stack->weight + local * pixels, largest = 0;
    for (int64_t y = 0; y < stack->ny; y++) {
        const int64_t from = (y + stack->field.y0 + view->origin[0]) * view->shape[1] +
                             stack->field.x0 + view->origin[1];
        memcpy(psi + y * stack->nx, view->object + from, (size_t)stack->nx * sizeof *psi);
        memcpy(weight + y * stack->nx, view->illumination + from,
               (size_t)stack->nx * sizeof *weight);
    }
    for (int64_t i = 0; i < pixels; i++) largest = fmaxf(largest, weight[i]);
    for (int64_t i = 0; i < pixels; i++) weight[i] = largest > 0 ? weight[i] / largest : 1;
}

/* Errors differ from view to view by some ten per cent without anything being wrong: the sample's thickness does that. */
static const double least_spread = 0.1;

pp_status pp_bad_views(int64_t views, const double *error, uint8_t *bad, int64_t *count,
                       double *limit)
{
    double *work;
    int64_t known = 0;
    PP_TRY(PP_ALLOC(views, &work));
    for (int64_t v = 0; v < views; v++)
        if (isfinite(error[v])) work[known++] = error[v];
    const double middle = known > 0 ? pp_median(work, known) : 0;
    for (int64_t k = 0; k < known; k++) work[k] = fabs(work[k] - middle);
    const double spread = known > 0 ? fmax(pp_median(work, known), least_spread * middle) : 0;
    *limit = middle + 5 * spread;
    *count = 0;
    for (int64_t v = 0; v < views; v++) *count += bad[v] = isfinite(error[v]) && error[v] > *limit;
    pp_free(work);
    return PP_OK;
}

pp_status pp_each_view(int64_t count, int threads, pp_view_task task, void *self)
{
    pp_error worst = {.status = PP_OK};
    int64_t failed = count;
#pragma omp parallel for num_threads(threads > 0 ? threads : 1) schedule(dynamic)
    for (int64_t k = 0; k < count; k++)
        if (task(self, k) != PP_OK) {
#pragma omp critical(pp_each_view)
            if (k < failed) {
                failed = k;
                pp_error_take(&worst);
            }
        }
    return failed < count ? pp_error_give(&worst) : PP_OK;
}
