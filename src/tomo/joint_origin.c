/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/joint_origin.h"

#include <math.h>

#include "base/alloc.h"
#include "tomo/resample.h"

/* The plane a exp(i (c + ky y + kx x)) that is left of `moved` over `psi`, both [ny][nx]. */
typedef struct plane {
    double modulus, ky, kx;
} plane;

static double slope_along(const pp_c32 *moved, const pp_c32 *psi, int64_t ny, int64_t nx, bool rows)
{
    double re = 0, im = 0;
    const int64_t next = rows ? nx : 1;
    for (int64_t i = 0; i < ny * nx; i++) {
        if ((rows ? i / nx + 1 >= ny : i % nx + 1 >= nx)) continue;
        /* q = moved conj(psi); sum of conj(q here) q next */
        const pp_c32 a = moved[i], b = psi[i], c = moved[i + next], d = psi[i + next];
        const double qr = (double)a.re * b.re + (double)a.im * b.im,
                     qi = (double)a.im * b.re - (double)a.re * b.im,
                     sr = (double)c.re * d.re + (double)c.im * d.im,
                     si = (double)c.im * d.re - (double)c.re * d.im;
        re += qr * sr + qi * si, im += qr * si - qi * sr;
    }
    return atan2(im, re);
}

static plane plane_of(const pp_c32 *moved, const pp_c32 *psi, int64_t ny, int64_t nx)
{
    double above = 0, below = 0;
    for (int64_t i = 0; i < ny * nx; i++) {
        above += (double)moved[i].re * moved[i].re + (double)moved[i].im * moved[i].im;
        below += (double)psi[i].re * psi[i].re + (double)psi[i].im * psi[i].im;
    }
    return (plane){above > 0 && below > 0 ? sqrt(above / below) : 1,
                   slope_along(moved, psi, ny, nx, true), slope_along(moved, psi, ny, nx, false)};
}

/* The view's own object against its aligned projection. */
static pp_status find_plane(const pp_joint_origin *view, plane *out)
{
    const int64_t ny = view->rows, nx = view->columns;
    pp_array *object = NULL, *origin = NULL;
    pp_shifter *shifter = NULL;
    pp_c32 *moved = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_context_view_result(view->context, view->index, "object", &object));
    PP_TRY_TO(done, pp_context_view_result(view->context, view->index, "origin", &origin));
    const int64_t *o = pp_array_read(origin);
    const pp_grid_box from = {-o[0], -o[1], pp_array_size(object, 0) - o[0],
                              pp_array_size(object, 1) - o[1]};
    const int64_t y0 = view->centre[0] - ny / 2, x0 = view->centre[1] - nx / 2;
    const pp_grid_box to = {y0, x0, y0 + ny, x0 + nx};
    PP_TRY_TO(done, pp_shifter_create(from, to, &shifter));
    PP_TRY_TO(done, PP_ALLOC(ny * nx, &moved));
    PP_TRY_TO(done,
              pp_shift_complex(shifter, pp_array_read(object), (pp_c32){1, 0}, view->shift, moved));
    *out = plane_of(moved, view->psi, ny, nx);
done:
    pp_free(moved);
    pp_shifter_free(&shifter);
    pp_array_free(&origin);
    pp_array_free(&object);
    return status;
}

static void put_plane(pp_array *probe, const plane *p)
{
    const int64_t n = pp_array_size(probe, 1);
    pp_c32 *values = pp_array_data(probe);
    for (int64_t i = 0; i < pp_array_count(probe); i++) {
        const double y = (double)(i / n % n - n / 2), x = (double)(i % n - n / 2),
                     angle = p->ky * y + p->kx * x, re = p->modulus * cos(angle),
                     im = p->modulus * sin(angle);
        const pp_c32 a = values[i];
        values[i] = (pp_c32){(float)(a.re * re - a.im * im), (float)(a.re * im + a.im * re)};
    }
}

pp_status pp_joint_open_view(const pp_joint_origin *from, pp_joint_view *out)
{
    pp_array *positions = NULL, *probe = NULL, *intensities = NULL;
    plane left;
    pp_status status = PP_OK;
    PP_TRY_TO(done, find_plane(from, &left));
    PP_TRY_TO(done, pp_context_view_result(from->context, from->index, "positions", &positions));
    PP_TRY_TO(done, pp_context_view_result(from->context, from->index, "probe", &probe));
    put_plane(probe, &left);
    double *g = pp_array_data(positions);
    for (int64_t i = 0; i < pp_array_count(positions); i++) g[i] += from->shift[i % 2];
    PP_TRY_TO(done,
              pp_context_view_optional(from->context, from->index, "intensities", &intensities));
    PP_TRY_TO(done, pp_joint_view_create(g, pp_array_size(positions, 0), probe, from->model, out));
    status = pp_joint_view_intensities(out, intensities);
    if (status != PP_OK) pp_joint_view_free(out);
done:
    pp_array_free(&intensities);
    pp_array_free(&positions);
    pp_array_free(&probe);
    return PP_NOTE(status, "in view %lld",
                   (long long)pp_views_entry(pp_context_views(from->context), from->index)->number);
}
