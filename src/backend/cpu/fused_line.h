/* Rows of the line: slope, curvature and trial costs along a direction.
 * Included by fused_kernels.h only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_FUSED_LINE_H
#define PP_FUSED_LINE_H

#include "backend/cpu/fused_pixels.h"
#include "backend/cpu/fused_steps.h"

/** Per pixel, I(t) = a[0] + t a[1] + ... + t^4 a[4]. */
typedef struct quartic {
    vec a[5];
} quartic;

/** Where sixteen places of far field, F1 and F2 are, and the steps from mode to mode. */
typedef struct line_fields {
    const pair *at[3];
    int64_t step[2];
    int modes;
} line_fields;

/** Of place x of block k of rows. */
INLINE line_fields fields_at(const pp_fused_plan *plan, const pp_fused_line *line, int k, int x)
{
    const pair *rows = const_pairs(line->rows) + place(x);
    const int64_t modes = line->modes, span = plan->span;
    line_fields f = {
        {rows, rows + modes * span, rows + 2 * modes * span}, {span, span}, line->modes};
    if (line->fields[0]) return f;
    f.at[0] = const_pairs(line->kept) + (int64_t)k * plan->n + x;
    f.step[0] = (int64_t)(plan->n / W) * plan->n;
    return f;
}

INLINE quartic coefficients(const line_fields *f, int x, bool moves)
{
    vec a = {0}, b = {0}, c = {0}, d = {0}, e = {0};
    for (int m = 0; m < f->modes; m++) {
        const pair g = held(f->at[0][m * f->step[0] + x]), h = held(f->at[1][m * f->step[1] + x]);
        a += g.r * g.r + g.i * g.i;
        b += g.r * h.r + g.i * h.i;
        c += h.r * h.r + h.i * h.i;
        if (moves) {
            const pair z = held(f->at[2][m * f->step[1] + x]);
            c += 2.0f * (g.r * z.r + g.i * z.i);
            d += h.r * z.r + h.i * z.i;
            e += z.r * z.r + z.i * z.i;
        }
    }
    return (quartic){{a, 2.0f * b, c, 2.0f * d, e}};
}

typedef struct slopes {
    vec slope, curvature;
} slopes;

/** Slope and curvature of the cost at t = 0 at one place, added to. */
INLINE void add_slopes(slopes *to, const quartic *s, pixels p, float dark, float scale,
                       bool poisson)
{
    const vec a = floored(s->a[0] * scale), b = s->a[1] * scale, c = s->a[2] * scale;
    const lanes on = p.on & at_least(a, all(dark));
    if (poisson) {
        const vec ratio = p.d / a, rest = 1.0f - ratio;
        to->slope += keep(b * rest, on);
        to->curvature += keep(2.0f * c * rest + ratio * b * b / a, on);
    } else { /* ratio = sqrt(d / a), ratio / a = ratio^2 / sqrt(a d) */
        const vec inverse = inverse_root(a * p.d), ratio = p.d * inverse, rest = 1.0f - ratio;
        const vec br = b * ratio;
        to->slope += keep(b * rest, on);
        to->curvature += keep(2.0f * c * rest + 0.5f * inverse * br * br, on);
    }
}

/** Cost at step t over one segment. */
INLINE vec cost_at(const quartic *s, const pixels *p, float t, float scale, bool poisson,
                   bool moves)
{
    vec sum = {0};
    for (int x = 0; x < SEGMENT; x++) {
        vec inten = s[x].a[2];
        if (moves) inten += t * (s[x].a[3] + t * s[x].a[4]);
        inten = scale * (s[x].a[0] + t * (s[x].a[1] + t * inten));
        if (poisson) {
            sum += deviance(larger(inten, all(0.0f)), p[x]);
        } else {
            inten = floored(inten);
            sum += misfit(inten, deficit(inten, p[x]), p[x]);
        }
    }
    return sum;
}

/** One block of rows after its transforms. */
// NOLINTNEXTLINE(readability-function-size): one loop whose values stay in registers
INLINE void line_block(const pp_fused_plan *plan, const pp_fused_line *line,
                       const pp_fused_frame *frame, int k, sums *out, bool moves, bool poisson,
                       bool wide_counts)
{
    const float unit = (float)plan->n * (float)plan->n, scale = 1.0f / unit;
    for (int x0 = 0; x0 < plan->n; x0 += SEGMENT) {
        const line_fields f = fields_at(plan, line, k, x0);
        const int64_t at = (int64_t)k * plan->n + x0;
        quartic s[SEGMENT];
        pixels p[SEGMENT];
        slopes here = {{0}, {0}};
        for (int x = 0; x < SEGMENT; x++) {
            quartic c = coefficients(&f, x, moves);
            if (frame->background) c.a[0] += unit * load(frame->background + (at + x) * W);
            const pixels d = read_frame(frame, (at + x) * W, wide_counts);
            add_slopes(&here, &c, d, frame->dark, scale, poisson);
            if (line->count) s[x] = c, p[x] = d;
        }
        add(out, here.slope), add(out + 1, here.curvature);
        for (int t = 0; t < line->count; t++)
            add(out + 2 + t, cost_at(s, p, line->steps[t], scale, poisson, moves));
    }
}

INLINE void line_rows(const pp_fused_plan *plan, pp_fused_line *line, const pp_fused_frame *frame,
                      bool moves, bool poisson)
{
    const int modes = line->modes;
    const int64_t field = field_floats(plan), spectrum = spectrum_floats(plan);
    pair *rows = pairs(line->rows);
    sums out[2 + PP_SWEEP_STEPS] = {{{0}, {0}}};
    for (int k = 0; k < plan->n / W; k++) {
        for (int which = 0; which < 3; which++)
            for (int m = 0; m < modes && line->fields[which]; m++)
                gather(plan, rows + (which * modes + m) * plan->span,
                       line->fields[which] + m * field, k);
        for (int m = 0; m < modes && line->along; m++)
            put_rows(plan, line->along + m * spectrum, rows + (modes + m) * plan->span, k);
        if (frame->wide)
            line_block(plan, line, frame, k, out, moves, poisson, true);
        else
            line_block(plan, line, frame, k, out, moves, poisson, false);
    }
    line->slope = total(out), line->curvature = total(out + 1);
    for (int t = 0; t < line->count; t++) line->costs[t] = total(out + 2 + t);
}

/** Slopes of `last` places of a single mode: far field g, direction h. */
INLINE void slopes_group(slopes *here, const pair *g, const pair *h, const pp_fused_frame *frame,
                         int64_t at, int last, float scale)
{
    UNROLL for (int i = 0; i < last; i++)
    {
        const quartic s = {{g[i].r * g[i].r + g[i].i * g[i].i,
                            2.0f * (g[i].r * h[i].r + g[i].i * h[i].i),
                            h[i].r * h[i].r + h[i].i * h[i].i}};
        add_slopes(here, &s, read_frame(frame, (at + i) * W, false), frame->dark, scale, false);
    }
}

/** One block of rows of a single mode and a probe that stays: last pass and slopes in one go. */
INLINE void slopes_single(const pp_fused_plan *plan, const pp_fused_line *line,
                          const pp_fused_frame *frame, int k, sums *out, int last)
{
    const float scale = 1.0f / ((float)plan->n * (float)plan->n);
    const pair *rows = const_pairs(line->rows);
    slopes here = {{0}, {0}};
    for (int x = 0; x < plan->n; x += last) {
        const int64_t at = (int64_t)k * plan->n + x, next = at + PP_FUSED_AHEAD;
        pair g[8], h[8];
        fetch((const uint16_t *)frame->counts + next * W, last * 2 * W);
        if (!line->fields[0]) fetch(line->kept + next * 2 * W, last * 8 * W);
        read(h, rows + plan->span + place(x), last, 1);
        last_group(h, last, -1.0f);
        if (line->along) put(pairs(line->along) + at, h, last);
        read(g, line->fields[0] ? rows + place(x) : const_pairs(line->kept) + at, last, 1);
        if (line->fields[0]) last_group(g, last, -1.0f);
        slopes_group(&here, g, h, frame, at, last, scale);
        if ((x & (SEGMENT - 1)) == SEGMENT - last) {
            add(out, here.slope), add(out + 1, here.curvature);
            here.slope = here.curvature = all(0.0f);
        }
    }
}

/** The case that most time is spent in: one mode, object alone, amplitudes, uint16, no trial steps. */
static void line_single(const pp_fused_plan *plan, pp_fused_line *l, const pp_fused_frame *frame)
{
    pair *rows = pairs(l->rows);
    sums out[2] = {{{0}, {0}}, {{0}, {0}}};
    for (int k = 0; k < plan->n / W; k++) {
        if (l->fields[0]) gather_most(plan, rows, l->fields[0], k);
        gather_most(plan, rows + plan->span, l->fields[1], k);
        if (plan->last == 4)
            slopes_single(plan, l, frame, k, out, 4);
        else
            slopes_single(plan, l, frame, k, out, 8);
    }
    l->slope = total(out), l->curvature = total(out + 1);
}

static void line(const pp_fused_plan *plan, pp_fused_line *l, const pp_fused_frame *frame)
{
    if (l->modes == 1 && !l->count && !l->fields[2] && !frame->poisson && !frame->wide &&
        !frame->background) {
        line_single(plan, l, frame);
        return;
    }
    if (frame->poisson && l->fields[2])
        line_rows(plan, l, frame, true, true);
    else if (frame->poisson)
        line_rows(plan, l, frame, false, true);
    else if (l->fields[2])
        line_rows(plan, l, frame, true, false);
    else
        line_rows(plan, l, frame, false, false);
}

#endif
