/* Cross-correlation of neighbouring views.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/correlation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "tomo/centre.h"
#include "tomo/register.h"

enum { columns_most = 64 };

typedef struct turn {
    double angle;
    int64_t view;
} turn;

static int by_angle(const void *a_, const void *b_)
{
    const turn *a = a_, *b = b_;
    if (a->angle < b->angle) return -1;
    if (a->angle > b->angle) return 1;
    return a->view < b->view ? -1 : a->view > b->view;
}

/* Mean modulus of the phase's gradient over bin x bin pixels, faded at the left and right edge. */
static void gradient_image(const pp_stack *stack, int64_t local, int64_t rows, int64_t bin,
                           const int64_t shape[2], float *out)
{
    const float *phase = stack->phase + local * stack->ny * stack->nx;
    const int64_t nx = stack->nx;
    for (int64_t i = 0; i < shape[0] * shape[1]; i++) {
        double sum = 0;
        for (int64_t k = 0; k < bin * bin; k++) {
            const int64_t y = i / shape[1] * bin + k / bin - rows, x = i % shape[1] * bin + k % bin;
            if (y < 0 || y + 1 >= stack->ny || x + 1 >= nx) continue;
            const float *a = phase + y * nx + x;
            sum += hypot((double)a[1] - a[0], (double)a[nx] - a[0]);
        }
        const double at = ((double)(i % shape[1]) + 0.5) / (double)shape[1];
        const double edge = fmin(1, fmin(at, 1 - at) / 0.1);
        out[i] = (float)(sum * edge / (double)(bin * bin));
    }
}

/* Adds up the registrations from each angle to the next. */
static pp_status chain(const turn *order, int64_t views, const float *images,
                       const int64_t shape[2], double *out)
{
    const int64_t pixels = shape[0] * shape[1];
    for (int64_t k = 1; k < views; k++) {
        double step[2];
        PP_TRY(pp_register(shape[0], shape[1], images + order[k - 1].view * pixels,
                           images + order[k].view * pixels, step));
        out[order[k].view] = out[order[k - 1].view] + step[1];
    }
    return PP_OK;
}

static pp_status align(const pp_comm *comm, const pp_stack *stack, const double *shifts,
                       float *images, turn *order, double *out)
{
    const int64_t bin = (stack->nx + columns_most - 1) / columns_most;
    const int64_t shape[2] = {stack->ny / bin, stack->nx / bin}, pixels = shape[0] * shape[1];
    for (int64_t v = stack->first; v < stack->first + stack->count; v++)
        gradient_image(stack, v - stack->first, (int64_t)floor(shifts[2 * v] + 0.5), bin, shape,
                       images + v * pixels);
    PP_TRY(pp_share_views(comm, stack->views, images, (size_t)pixels * sizeof *images));
    for (int64_t v = 0; v < stack->views; v++) {
        order[v] = (turn){stack->theta[v], v};
        out[v] = 0;
    }
    qsort(order, (size_t)stack->views, sizeof *order, by_angle);
    PP_TRY(chain(order, stack->views, images, shape, out));
    for (int64_t v = 0; v < stack->views; v++) out[v] *= (double)bin;
    return PP_OK;
}

pp_status pp_correlation_align(const pp_comm *comm, const pp_stack *stack, const double *shifts,
                               const double *centres, double *out)
{
    const int64_t bin = (stack->nx + columns_most - 1) / columns_most;
    float *images = NULL;
    turn *order = NULL;
    double of_centres[3], of_chain[3];
    pp_status status = PP_ALLOC(stack->views * (stack->ny / bin) * (stack->nx / bin), &images);
    if (status == PP_OK) status = PP_ALLOC(stack->views, &order);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK) status = align(comm, stack, shifts, images, order, out);
    if (status == PP_OK) {
        pp_fit_circle(stack->views, stack->theta, centres, 1, of_centres);
        pp_fit_circle(stack->views, stack->theta, out, 1, of_chain);
        for (int64_t v = 0; v < stack->views; v++) out[v] += of_centres[0] - of_chain[0];
    }
    pp_free(order);
    pp_free(images);
    return status;
}
