/* Rows of the gradient: far field -> cost and residual. Sums: W lanes in float over SEGMENT places, then in double.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_GRADIENT_H
#define PP_FUSED_GRADIENT_H

#include "backend/cpu/fused_pixels.h"
#include "backend/cpu/fused_steps.h"

/** Block k of rows of mode m: the far field, from its field or from what is kept. */
INLINE void far_rows(const pp_fused_plan *plan, const pp_fused_gradient *g, int k, int m)
{
    const int64_t at = m * spectrum_floats(plan) + (int64_t)k * plan->n * 2 * W;
    pair *rows = pairs(g->rows) + m * plan->span;
    if (!g->along) {
        gather(plan, rows, g->fields + m * field_floats(plan), k);
        return;
    }
    const pair *far = const_pairs(g->kept + at), *along = const_pairs(g->along + at);
    for (int x = 0; x < plan->n; x++)
        rows[place(x)] = (pair){far[x].r + g->step * along[x].r, far[x].i + g->step * along[x].i};
}

/** One block of rows after its transform: terms, and far field -> residual. */
INLINE void residual(const pp_fused_plan *plan, pp_fused_gradient *g, const pp_fused_frame *frame,
                     int k, bool wide_counts, bool poisson)
{
    const int n = plan->n;
    const float scale = 1.0f / ((float)n * (float)n);
    sums cost = {{0}, {0}}, error = {{0}, {0}};
    vec most = {0};
    for (int x0 = 0; x0 < n; x0 += SEGMENT) {
        vec c = {0}, e = {0};
        for (int x = x0; x < x0 + SEGMENT; x++) {
            pair *far = pairs(g->rows) + place(x);
            vec inten = {0};
            for (int m = 0; m < g->modes; m++) {
                const pair v = held(far[m * plan->span]);
                inten += v.r * v.r + v.i * v.i;
            }
            inten *= scale;
            if (frame->background) inten += load(frame->background + ((int64_t)k * n + x) * W);
            most = larger(inten, most);
            const pixels p = read_frame(frame, ((int64_t)k * n + x) * W, wide_counts);
            const vec bright = floored(inten), rest = deficit(bright, p);
            e += misfit(bright, rest, p);
            if (poisson) c += deviance(inten, p);
            const vec u = scale * keep(poisson ? 1.0f - p.d / bright : rest,
                                       p.on & at_least(inten, all(frame->dark)));
            for (int m = 0; m < g->modes; m++)
                far[m * plan->span].r *= u, far[m * plan->span].i *= u;
        }
        add(&cost, c), add(&error, e);
    }
    g->misfit += total(&error);
    g->cost += poisson ? total(&cost) : total(&error);
    const float here = largest(most);
    if (here > g->most) g->most = here;
}

INLINE void gradient_rows(const pp_fused_plan *plan, pp_fused_gradient *g,
                          const pp_fused_frame *frame, bool wide_counts, bool poisson)
{
    const int64_t field = field_floats(plan), spectrum = spectrum_floats(plan);
    pair *rows = pairs(g->rows);
    g->cost = g->misfit = 0, g->most = 0;
    for (int k = 0; k < plan->n / W; k++) {
        for (int m = 0; m < g->modes; m++) {
            far_rows(plan, g, k, m);
            if (g->kept) put_rows(plan, g->kept + m * spectrum, rows + m * plan->span, k);
        }
        residual(plan, g, frame, k, wide_counts, poisson);
        for (int m = 0; m < g->modes; m++)
            scatter(plan, g->fields + m * field, rows + m * plan->span, k);
    }
}

/** One vector of one mode: terms, and far field -> residual. */
INLINE pair residual_at(pair far, const pp_fused_frame *frame, int64_t at, float scale, vec *most,
                        vec *error)
{
    const vec inten = scale * (far.r * far.r + far.i * far.i);
    const pixels p = read_frame(frame, at * W, false);
    const vec bright = floored(inten), rest = deficit(bright, p);
    *error += misfit(bright, rest, p);
    *most = larger(inten, *most);
    const vec u = scale * keep(rest, p.on & at_least(inten, all(frame->dark)));
    return (pair){far.r * u, far.i * u};
}

/** Far fields of `last` points of a single mode: the last pass forward, or what is kept moved on. */
INLINE void far_group(pair *v, const pp_fused_gradient *g, const pair *rows, int64_t at, int last,
                      bool known)
{
    if (known) {
        pair *kept = pairs(g->kept) + at;
        const pair *along = const_pairs(g->along) + at;
        UNROLL for (int i = 0; i < last; i++)
        {
            v[i] = held(kept[i]);
            v[i].r += g->step * along[i].r, v[i].i += g->step * along[i].i;
            kept[i] = v[i];
        }
        return;
    }
    read(v, rows, last, 1);
    last_group(v, last, -1.0f);
    if (g->kept) put(pairs(g->kept) + at, v, last);
}

/** One block of rows of a single mode: last pass forward, amplitude residual and first pass back in one go. */
INLINE void residual_single(const pp_fused_plan *plan, pp_fused_gradient *g,
                            const pp_fused_frame *frame, int k, int last, bool known)
{
    const float scale = 1.0f / ((float)plan->n * (float)plan->n);
    pair *rows = pairs(g->rows);
    sums error = {{0}, {0}};
    vec most = {0}, e = {0};
    for (int x = 0; x < plan->n; x += last) {
        const int64_t at = (int64_t)k * plan->n + x, next = at + PP_FUSED_AHEAD;
        pair v[8];
        fetch((const uint16_t *)frame->counts + next * W, last * 2 * W);
        if (known) fetch(g->kept + next * 2 * W, last * 8 * W);
        if (known) fetch(g->along + next * 2 * W, last * 8 * W);
        far_group(v, g, rows + place(x), at, last, known);
        UNROLL for (int i = 0; i < last; i++) v[i] =
            residual_at(v[i], frame, at + i, scale, &most, &e);
        last_group(v, last, 1.0f);
        write(rows + place(x), v, last, 1);
        if ((x & (SEGMENT - 1)) == SEGMENT - last) add(&error, e), e = all(0.0f);
    }
    const double cost = total(&error);
    g->cost += cost, g->misfit += cost;
    const float here = largest(most);
    if (here > g->most) g->most = here;
}

/** The case that most time is spent in: one mode, amplitudes, uint16. */
INLINE void gradient_single(const pp_fused_plan *plan, pp_fused_gradient *g,
                            const pp_fused_frame *frame, int last, bool known)
{
    pair *rows = pairs(g->rows);
    g->cost = g->misfit = 0, g->most = 0;
    for (int k = 0; k < plan->n / W; k++) {
        if (!known) gather_most(plan, rows, g->fields, k);
        residual_single(plan, g, frame, k, last, known);
        scatter_most(plan, g->fields, rows, k);
    }
}

static void gradient_fast(const pp_fused_plan *plan, pp_fused_gradient *g,
                          const pp_fused_frame *frame)
{
    if (plan->last == 4 && g->along)
        gradient_single(plan, g, frame, 4, true);
    else if (plan->last == 4)
        gradient_single(plan, g, frame, 4, false);
    else if (g->along)
        gradient_single(plan, g, frame, 8, true);
    else
        gradient_single(plan, g, frame, 8, false);
}

static void gradient(const pp_fused_plan *plan, pp_fused_gradient *g, const pp_fused_frame *frame)
{
    if (g->modes == 1 && !frame->poisson && !frame->wide && !frame->background)
        gradient_fast(plan, g, frame);
    else if (frame->poisson && frame->wide)
        gradient_rows(plan, g, frame, true, true);
    else if (frame->poisson)
        gradient_rows(plan, g, frame, false, true);
    else if (frame->wide)
        gradient_rows(plan, g, frame, true, false);
    else
        gradient_rows(plan, g, frame, false, false);
}

static void far(const pp_fused_plan *plan, pp_fused_gradient *g, const float *background)
{
    const int n = plan->n;
    const float scale = 1.0f / ((float)n * (float)n);
    const int64_t spectrum = spectrum_floats(plan);
    pair *rows = pairs(g->rows);
    vec most = {0};
    for (int k = 0; k < n / W; k++) {
        for (int m = 0; m < g->modes; m++) {
            far_rows(plan, g, k, m);
            if (g->kept && !g->along)
                put_rows(plan, g->kept + m * spectrum, rows + m * plan->span, k);
        }
        for (int x = 0; x < n; x++) {
            vec inten = {0};
            for (int m = 0; m < g->modes; m++) {
                const pair v = held(rows[m * plan->span + place(x)]);
                inten += v.r * v.r + v.i * v.i;
            }
            inten *= scale;
            if (background) inten += load(background + ((int64_t)k * n + x) * W);
            most = larger(inten, most);
        }
    }
    g->most = largest(most);
}

#endif
