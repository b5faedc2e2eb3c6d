/* Rows of the positions' terms.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_TERMS_H
#define PP_FUSED_TERMS_H

#include "backend/cpu/fused_pixels.h"
#include "backend/cpu/fused_steps.h"

typedef struct normal {
    vec yy, yx, xx, ry, rx, ww, rw;
} normal;

/** background: of these pixels. */
INLINE void add_terms(normal *s, const pair *rows, int span, int modes, pixels p, vec background,
                      float dark, float scale)
{
    vec inten = background, y = {0}, x = {0};
    for (int m = 0; m < modes; m++) {
        const pair g = rows[m * span], u = rows[(modes + m) * span],
                   v = rows[(2 * modes + m) * span];
        inten += scale * (g.r * g.r + g.i * g.i);
        y += scale * (g.r * u.r + g.i * u.i);
        x += scale * (g.r * v.r + g.i * v.i);
    }
    const vec inverse = keep(inverse_root(inten), p.on & at_least(inten, all(dark)));
    y *= inverse, x *= inverse;
    const vec modulus = inten * inverse, r = modulus - p.d * inverse_root(p.d);
    s->yy += y * y, s->yx += y * x, s->xx += x * x, s->ry += y * r, s->rx += x * r;
    const vec beam = modulus - background * inverse; /* d sqrt(I + background) / d log factor */
    s->ww += beam * beam, s->rw += beam * r;
}

static void terms(const pp_fused_plan *plan, pp_fused_terms *t, const pp_fused_frame *frame)
{
    const int n = plan->n, modes = t->modes;
    const int64_t field = field_floats(plan);
    const float scale = 1.0f / ((float)n * (float)n);
    pair *rows = pairs(t->rows);
    sums sum[7] = {{{0}, {0}}};
    for (int k = 0; k < n / W; k++) {
        for (int f = 0; f < 3; f++)
            for (int m = 0; m < modes; m++)
                gather(plan, rows + (f * modes + m) * plan->span, t->fields[f] + m * field, k);
        for (int x0 = 0; x0 < n; x0 += SEGMENT) {
            normal s = {{0}, {0}, {0}, {0}, {0}, {0}, {0}};
            for (int x = x0; x < x0 + SEGMENT; x++) {
                const int64_t at = ((int64_t)k * n + x) * W;
                const pixels p = read_frame(frame, at, frame->wide);
                const vec background = frame->background ? load(frame->background + at) : all(0.0f);
                add_terms(&s, rows + place(x), plan->span, modes, p, background, frame->dark,
                          scale);
            }
            add(sum, s.yy), add(sum + 1, s.yx), add(sum + 2, s.xx);
            add(sum + 3, s.ry), add(sum + 4, s.rx), add(sum + 5, s.ww), add(sum + 6, s.rw);
        }
    }
    t->yy = total(sum + 0), t->yx = total(sum + 1), t->xx = total(sum + 2);
    t->ry = total(sum + 3), t->rx = total(sum + 4), t->ww = total(sum + 5), t->rw = total(sum + 6);
}

#endif
