/* The kernels of the fused sweeps (see fused.h), written over the vector width and compiled once an instruction set: fused_v2.c,
 * fused_v3.c, fused_v4.c define PP_WIDTH, PP_KERNELS (the table's name) and PP_KERNELS_NAME and include this file.
 * Sums: W lanes in float over SEGMENT places, then in double; lanes and blocks in index order.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/passes.h"

#include "backend/sweep.h"

enum { SEGMENT = 16 };

/* ---- steps ---- */

/** rows = block k of rows of a field, transformed along x; `_most`: but for the last pass. */
INLINE void gather_most(const pp_fused_plan *plan, pair *rows, const float *field, int k)
{
    const pair *from = (const pair *)(const void *)field + (int64_t)k * W;
    for (int b = 0; b < plan->n / W; b++) tile(rows + b * W, from + (int64_t)b * plan->stride);
    forward_twiddled(rows, plan, 0);
}

INLINE void gather(const pp_fused_plan *plan, pair *rows, const float *field, int k)
{
    gather_most(plan, rows, field, k);
    last_pass(rows, plan, -1.0f);
}

/** The way back: destroys rows. */
INLINE void scatter_most(const pp_fused_plan *plan, float *field, pair *rows, int k)
{
    pair *to = (pair *)(void *)field + (int64_t)k * W;
    backward_twiddled(rows, plan, 0);
    for (int b = 0; b < plan->n / W; b++) tile(to + (int64_t)b * plan->stride, rows + b * W);
}

INLINE void scatter(const pp_fused_plan *plan, float *field, pair *rows, int k)
{
    last_pass(rows, plan, 1.0f);
    scatter_most(plan, field, rows, k);
}

static int64_t field_floats(const pp_fused_plan *plan)
{
    return (int64_t)(plan->n / W) * plan->stride * 2 * W;
}

static int64_t spectrum_floats(const pp_fused_plan *plan)
{
    return (int64_t)plan->n * plan->n * 2;
}

static void product(const pp_fused_plan *plan, float *field, pp_fused_window object,
                    const float *probe)
{
    const int n = plan->n, q = n / 4;
    for (int b = 0; b < n / W; b++) {
        pair *x = (pair *)(void *)field + (int64_t)b * plan->stride;
        const pair *p = (const pair *)(const void *)probe + (int64_t)b * n;
        const pp_c32 *o = object.data + (int64_t)b * W;
        const float *w = plan->twiddles;
        for (int j = 0; j < q; j++, w += 6) {
            pair v[4];
            UNROLL for (int k = 0; k < 4; k++) v[k] =
                times(load_complex(o + (j + k * q) * object.stride), held(p[j + k * q]));
            const twiddles t = read_twiddles(w);
            down(v, &t);
            write(x + j, v, 4, q);
        }
        forward_rest(x, plan, 1);
    }
}

static void products(const pp_fused_plan *plan, float *const f[2], const pp_fused_window object[2],
                     const float *const probe[2])
{
    const int n = plan->n;
    for (int b = 0; b < n / W; b++) {
        pair *x = (pair *)(void *)f[0] + (int64_t)b * plan->stride;
        pair *z = (pair *)(void *)f[1] + (int64_t)b * plan->stride;
        const pair *p = (const pair *)(const void *)probe[0] + (int64_t)b * n;
        const pair *dp = (const pair *)(const void *)probe[1] + (int64_t)b * n;
        for (int y = 0; y < n; y++) {
            const pair o = load_complex(object[0].data + y * object[0].stride + (int64_t)b * W);
            const pair d = load_complex(object[1].data + y * object[1].stride + (int64_t)b * W);
            const pair u = held(p[y]), du = held(dp[y]);
            x[y] = plus(times(o, du), times(d, u));
            z[y] = times(d, du);
        }
        forward_rest(x, plan, 0);
        forward_rest(z, plan, 0);
    }
}

/* ---- pixels ---- */

typedef struct pixels {
    vec d;   /* counts */
    veci on; /* measured */
} pixels;

INLINE pixels read_frame(const pp_fused_frame *frame, int64_t at, bool wide_counts)
{
    pixels p;
    if (wide_counts) {
        p.d = load((const float *)frame->counts + at);
        p.on = p.d == p.d; // NOLINT(misc-redundant-expression): NaN differs from itself
    } else {
        vec16 c;
        memcpy(&c, (const uint16_t *)frame->counts + at, sizeof c);
        const veci counts = __builtin_convertvector(c, veci);
        p.on = counts != 65535;
        p.d = __builtin_convertvector(counts, vec);
    }
    if (frame->mask) {
        vec8 c;
        memcpy(&c, frame->mask + at, sizeof c);
        p.on &= __builtin_convertvector(c, veci) != 0;
    }
    p.d = keep(p.d, p.on);
    return p;
}

/** An intensity that can be divided by: sqrt(I) (1 - sqrt(d / I)) is then -sqrt(d) in the dark. */
INLINE vec floored(vec inten)
{
    return larger(inten, all(1e-20f));
}

/** I - d log((I + tiny) / d) - d, at measured pixels. */
INLINE vec deviance(vec inten, pixels p)
{
    const vec ratio = larger((inten + (float)PP_SWEEP_TINY) / p.d, all(1.2e-38f));
    return keep(inten - p.d - keep(p.d * logarithm(ratio), p.d > 0.0f), p.on);
}

/** 1 - sqrt(d / I), from one root: sqrt(d / I) = d / sqrt(I d). */
INLINE vec deficit(vec inten, pixels p)
{
    return 1.0f - p.d * inverse_root(inten * p.d);
}

/** (sqrt(I) - sqrt(d))^2, at measured pixels. */
INLINE vec misfit(vec inten, vec rest, pixels p)
{
    return keep(inten * rest * rest, p.on);
}

/* ---- rows: gradient ---- */

/** One block of rows after its transform: terms, and far field -> residual. */
INLINE void residual(const pp_fused_plan *plan, pp_fused_gradient *g, const pp_fused_frame *frame,
                     int k, bool wide_counts, bool poisson)
{
    const int n = plan->n;
    const float scale = 1.0f / ((float)n * (float)n);
    pair *rows = (pair *)(void *)g->rows;
    pair *kept = (pair *)(void *)g->kept;
    sums cost = {{0}, {0}}, error = {{0}, {0}};
    vec most = {0};
    for (int x0 = 0; x0 < n; x0 += SEGMENT) {
        vec c = {0}, e = {0};
        for (int x = x0; x < x0 + SEGMENT; x++) {
            const int64_t at = (int64_t)k * n + x;
            vec inten = {0};
            for (int m = 0; m < g->modes; m++) {
                const pair far = held(rows[m * n + x]);
                inten += far.r * far.r + far.i * far.i;
                if (kept) {
                    pair *to = kept + (int64_t)m * (n / W) * n + at;
                    store_far((float *)&to->r, far.r);
                    store_far((float *)&to->i, far.i);
                }
            }
            inten *= scale;
            most = larger(inten, most);
            const pixels p = read_frame(frame, at * W, wide_counts);
            const vec bright = floored(inten), rest = deficit(bright, p);
            e += misfit(bright, rest, p);
            if (poisson) c += deviance(inten, p);
            const vec u =
                scale * keep(poisson ? 1.0f - p.d / bright : rest, p.on & (inten >= frame->dark));
            for (int m = 0; m < g->modes; m++) rows[m * n + x].r *= u, rows[m * n + x].i *= u;
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
    const int64_t field = field_floats(plan);
    g->cost = g->misfit = 0, g->most = 0;
    for (int k = 0; k < plan->n / W; k++) {
        pair *rows = (pair *)(void *)g->rows;
        for (int m = 0; m < g->modes; m++)
            gather(plan, rows + m * plan->n, g->fields + m * field, k);
        residual(plan, g, frame, k, wide_counts, poisson);
        for (int m = 0; m < g->modes; m++)
            scatter(plan, g->fields + m * field, rows + m * plan->n, k);
    }
}

/** One block of rows of a single mode: last pass forward, amplitude residual and first pass back in one go. */
INLINE void residual_single(const pp_fused_plan *plan, pp_fused_gradient *g,
                            const pp_fused_frame *frame, int k, int last)
{
    const float scale = 1.0f / ((float)plan->n * (float)plan->n);
    pair *rows = (pair *)(void *)g->rows;
    sums error = {{0}, {0}};
    vec most = {0}, e = {0};
    for (int x = 0; x < plan->n; x += last) {
        const int64_t at = (int64_t)k * plan->n + x;
        pair v[8];
        read(v, rows + x, last, 1);
        last_group(v, last, -1.0f);
        UNROLL for (int i = 0; i < last; i++)
        {
            if (g->kept) {
                store_far(g->kept + (at + i) * 2 * W, v[i].r);
                store_far(g->kept + (at + i) * 2 * W + W, v[i].i);
            }
            const vec inten = scale * (v[i].r * v[i].r + v[i].i * v[i].i);
            const pixels p = read_frame(frame, (at + i) * W, false);
            const vec bright = floored(inten), rest = deficit(bright, p);
            e += misfit(bright, rest, p);
            most = larger(inten, most);
            const vec u = scale * keep(rest, p.on & (inten >= frame->dark));
            v[i].r *= u, v[i].i *= u;
        }
        last_group(v, last, 1.0f);
        write(rows + x, v, last, 1);
        if ((x & (SEGMENT - 1)) == SEGMENT - last) add(&error, e), e = all(0.0f);
    }
    const double cost = total(&error);
    g->cost += cost, g->misfit += cost;
    const float here = largest(most);
    if (here > g->most) g->most = here;
}

/** The case that most time is spent in: one mode, amplitudes, uint16. */
static void gradient_single(const pp_fused_plan *plan, pp_fused_gradient *g,
                            const pp_fused_frame *frame)
{
    pair *rows = (pair *)(void *)g->rows;
    g->cost = g->misfit = 0, g->most = 0;
    for (int k = 0; k < plan->n / W; k++) {
        gather_most(plan, rows, g->fields, k);
        if (plan->last == 4)
            residual_single(plan, g, frame, k, 4);
        else
            residual_single(plan, g, frame, k, 8);
        scatter_most(plan, g->fields, rows, k);
    }
}

static void gradient(const pp_fused_plan *plan, pp_fused_gradient *g, const pp_fused_frame *frame)
{
    if (g->modes == 1 && !frame->poisson && !frame->wide) {
        gradient_single(plan, g, frame);
        return;
    }
    if (frame->poisson && frame->wide)
        gradient_rows(plan, g, frame, true, true);
    else if (frame->poisson)
        gradient_rows(plan, g, frame, false, true);
    else if (frame->wide)
        gradient_rows(plan, g, frame, true, false);
    else
        gradient_rows(plan, g, frame, false, false);
}

static void far(const pp_fused_plan *plan, pp_fused_gradient *g)
{
    const int n = plan->n;
    const int64_t field = field_floats(plan), spectrum = spectrum_floats(plan);
    pair *rows = (pair *)(void *)g->rows;
    vec most = {0};
    for (int k = 0; k < n / W; k++) {
        for (int m = 0; m < g->modes; m++) {
            gather(plan, rows + m * n, g->fields + m * field, k);
            if (g->kept)
                memcpy(g->kept + m * spectrum + (int64_t)k * n * 2 * W, rows + m * n,
                       (size_t)n * sizeof(pair));
        }
        for (int x = 0; x < n; x++) {
            vec inten = {0};
            for (int m = 0; m < g->modes; m++) {
                const pair v = held(rows[m * n + x]);
                inten += v.r * v.r + v.i * v.i;
            }
            most = larger(inten, most);
        }
    }
    g->most = largest(most) / ((float)n * (float)n);
}

/* ---- rows: line ---- */

/** Per pixel, I(t) = a[0] + t a[1] + ... + t^4 a[4]. */
typedef struct quartic {
    vec a[5];
} quartic;

/** Where a block's far field, F1 and F2 are, and the steps from mode to mode. */
typedef struct line_fields {
    const pair *at[3];
    int64_t step[2];
    int modes;
} line_fields;

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
    const veci on = p.on & (a >= dark);
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
                       const pp_fused_frame *frame, const line_fields *f, int64_t place, sums *out,
                       bool moves, bool poisson, bool wide_counts)
{
    const float scale = 1.0f / ((float)plan->n * (float)plan->n);
    for (int x0 = 0; x0 < plan->n; x0 += SEGMENT) {
        quartic s[SEGMENT];
        pixels p[SEGMENT];
        slopes here = {{0}, {0}};
        for (int x = 0; x < SEGMENT; x++) {
            const quartic c = coefficients(f, x0 + x, moves);
            const pixels d = read_frame(frame, (place + x0 + x) * W, wide_counts);
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
    const int n = plan->n, modes = line->modes;
    const int64_t field = field_floats(plan);
    pair *rows = (pair *)(void *)line->rows;
    sums out[2 + PP_SWEEP_STEPS] = {{{0}, {0}}};
    line_fields f = {{rows, rows + modes * n, rows + 2 * modes * n}, {n, n}, modes};
    for (int k = 0; k < n / W; k++) {
        const int64_t place = (int64_t)k * n;
        for (int which = 0; which < 3; which++)
            for (int m = 0; m < modes && line->fields[which]; m++)
                gather(plan, rows + (which * modes + m) * n, line->fields[which] + m * field, k);
        if (!line->fields[0]) {
            f.at[0] = (const pair *)(const void *)line->kept + place;
            f.step[0] = (int64_t)(n / W) * n;
        }
        if (frame->wide)
            line_block(plan, line, frame, &f, place, out, moves, poisson, true);
        else
            line_block(plan, line, frame, &f, place, out, moves, poisson, false);
    }
    line->slope = total(out), line->curvature = total(out + 1);
    for (int t = 0; t < line->count; t++) line->costs[t] = total(out + 2 + t);
}

/** One block of rows of a single mode and a probe that stays: last pass and slopes in one go. */
INLINE void slopes_single(const pp_fused_plan *plan, const pp_fused_line *line,
                          const pp_fused_frame *frame, int k, sums *out, int last)
{
    const int n = plan->n;
    const float scale = 1.0f / ((float)n * (float)n);
    const pair *rows = (const pair *)(const void *)line->rows;
    const pair *kept = (const pair *)(const void *)line->kept + (int64_t)k * n;
    slopes here = {{0}, {0}};
    for (int x = 0; x < n; x += last) {
        pair g[8], h[8];
        read(h, rows + n + x, last, 1);
        last_group(h, last, -1.0f);
        read(g, (line->fields[0] ? rows : kept) + x, last, 1);
        if (line->fields[0]) last_group(g, last, -1.0f);
        UNROLL for (int i = 0; i < last; i++)
        {
            const quartic s = {{g[i].r * g[i].r + g[i].i * g[i].i,
                                2.0f * (g[i].r * h[i].r + g[i].i * h[i].i),
                                h[i].r * h[i].r + h[i].i * h[i].i}};
            const pixels p = read_frame(frame, ((int64_t)k * n + x + i) * W, false);
            add_slopes(&here, &s, p, frame->dark, scale, false);
        }
        if ((x & (SEGMENT - 1)) == SEGMENT - last) {
            add(out, here.slope), add(out + 1, here.curvature);
            here.slope = here.curvature = all(0.0f);
        }
    }
}

/** The case that most time is spent in: one mode, object alone, amplitudes, uint16, no trial steps. */
static void line_single(const pp_fused_plan *plan, pp_fused_line *l, const pp_fused_frame *frame)
{
    pair *rows = (pair *)(void *)l->rows;
    sums out[2] = {{{0}, {0}}, {{0}, {0}}};
    for (int k = 0; k < plan->n / W; k++) {
        if (l->fields[0]) gather_most(plan, rows, l->fields[0], k);
        gather_most(plan, rows + plan->n, l->fields[1], k);
        if (plan->last == 4)
            slopes_single(plan, l, frame, k, out, 4);
        else
            slopes_single(plan, l, frame, k, out, 8);
    }
    l->slope = total(out), l->curvature = total(out + 1);
}

static void line(const pp_fused_plan *plan, pp_fused_line *l, const pp_fused_frame *frame)
{
    if (l->modes == 1 && !l->count && !l->fields[2] && !frame->poisson && !frame->wide) {
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

/* ---- rows: terms of the positions ---- */

typedef struct normal {
    vec yy, yx, xx, ry, rx, ww, rw;
} normal;

INLINE void add_terms(normal *s, const pair *rows, int n, int modes, pixels p, float dark)
{
    const float scale = 1.0f / ((float)n * (float)n);
    vec inten = {0}, y = {0}, x = {0};
    for (int m = 0; m < modes; m++) {
        const pair g = rows[m * n], u = rows[(modes + m) * n], v = rows[(2 * modes + m) * n];
        inten += scale * (g.r * g.r + g.i * g.i);
        y += scale * (g.r * u.r + g.i * u.i);
        x += scale * (g.r * v.r + g.i * v.i);
    }
    const vec inverse = keep(inverse_root(inten), p.on & (inten >= dark));
    y *= inverse, x *= inverse;
    const vec modulus = inten * inverse, r = modulus - p.d * inverse_root(p.d);
    s->yy += y * y, s->yx += y * x, s->xx += x * x, s->ry += y * r, s->rx += x * r;
    s->ww += modulus * modulus, s->rw += modulus * r;
}

static void terms(const pp_fused_plan *plan, pp_fused_terms *t, const pp_fused_frame *frame)
{
    const int n = plan->n, modes = t->modes;
    const int64_t field = field_floats(plan);
    pair *rows = (pair *)(void *)t->rows;
    sums sum[7] = {{{0}, {0}}};
    for (int k = 0; k < n / W; k++) {
        for (int f = 0; f < 3; f++)
            for (int m = 0; m < modes; m++)
                gather(plan, rows + (f * modes + m) * n, t->fields[f] + m * field, k);
        for (int x0 = 0; x0 < n; x0 += SEGMENT) {
            normal s = {{0}, {0}, {0}, {0}, {0}, {0}, {0}};
            for (int x = x0; x < x0 + SEGMENT; x++) {
                const pixels p = read_frame(frame, ((int64_t)k * n + x) * W, frame->wide);
                add_terms(&s, rows + x, n, modes, p, frame->dark);
            }
            add(sum, s.yy), add(sum + 1, s.yx), add(sum + 2, s.xx);
            add(sum + 3, s.ry), add(sum + 4, s.rx), add(sum + 5, s.ww), add(sum + 6, s.rw);
        }
    }
    t->yy = total(sum + 0), t->yx = total(sum + 1), t->xx = total(sum + 2);
    t->ry = total(sum + 3), t->rx = total(sum + 4), t->ww = total(sum + 5), t->rw = total(sum + 6);
}

/* ---- back ---- */

INLINE void add_complex(pp_c32 *to, pair x)
{
    store(&to->re, load(&to->re) + SHUFFLE(x.r, x.i, ZIP_LOW));
    store(&to->re + W, load(&to->re + W) + SHUFFLE(x.r, x.i, ZIP_HIGH));
}

/** One block of columns, place y of it: the residual x into the gradients. */
INLINE void spread(const pp_fused_plan *plan, pair *field, pair x, const pp_fused_back *to, int b,
                   int y)
{
    const int64_t place = (int64_t)b * plan->n + y, column = (int64_t)b * W;
    const pair p = held(((const pair *)(const void *)to->probe)[place]);
    if (to->box) add_complex(to->box + y * to->box_stride + column, times_conj(x, p));
    if (!to->sum && !to->moves) return;
    const pair g = times_conj(x, load_complex(to->object.data + y * to->object.stride + column));
    pair *sum = (pair *)(void *)to->sum;
    if (sum)
        sum[place] = plus(sum[place], g);
    else
        field[y] = g;
}

static void back(const pp_fused_plan *plan, float *field, const pp_fused_back *to)
{
    const int n = plan->n, q = n / 4;
    for (int b = 0; b < n / W; b++) {
        pair *x = (pair *)(void *)field + (int64_t)b * plan->stride;
        const float *w = plan->twiddles;
        backward_rest(x, plan, 1);
        for (int j = 0; j < q; j++, w += 6) {
            const twiddles t = read_twiddles(w);
            pair v[4];
            read(v, x + j, 4, q);
            up(v, &t);
            UNROLL for (int k = 0; k < 4; k++) spread(plan, x, v[k], to, b, j + k * q);
        }
        if (to->moves) forward_rest(x, plan, 0);
    }
}

/* ---- translations of the probe ---- */

/** ramp at block k, place x. */
INLINE pair ramp_at(pp_fused_ramp ramp, pair y, int x)
{
    return times(y, (pair){all(ramp.x[x].re), all(ramp.x[x].im)});
}

static void shift(const pp_fused_plan *plan, float *probe, const float *spectrum,
                  pp_fused_ramp ramp, float *rows_, float *field)
{
    const int n = plan->n;
    const float scale = 1.0f / ((float)n * (float)n);
    pair *rows = (pair *)(void *)rows_;
    for (int k = 0; k < n / W; k++) {
        const pair *from = (const pair *)(const void *)spectrum + (int64_t)k * n;
        pair y = load_complex(ramp.y + (int64_t)k * W);
        y.r *= scale, y.i *= scale;
        for (int x = 0; x < n; x++) rows[x] = times(held(from[x]), ramp_at(ramp, y, x));
        scatter(plan, field, rows, k);
    }
    for (int b = 0; b < n / W; b++) {
        pair *x = (pair *)(void *)field + (int64_t)b * plan->stride;
        backward_rest(x, plan, 0);
        memcpy((pair *)(void *)probe + (int64_t)b * n, x, (size_t)n * sizeof *x);
    }
}

static void spectrum_of(const pp_fused_plan *plan, float *spectrum, const float *probe,
                        float *rows_, float *field)
{
    const int n = plan->n;
    pair *rows = (pair *)(void *)rows_;
    for (int b = 0; b < n / W; b++) {
        pair *x = (pair *)(void *)field + (int64_t)b * plan->stride;
        memcpy(x, (const pair *)(const void *)probe + (int64_t)b * n, (size_t)n * sizeof *x);
        forward_rest(x, plan, 0);
    }
    for (int k = 0; k < n / W; k++) {
        gather(plan, rows, field, k);
        memcpy((pair *)(void *)spectrum + (int64_t)k * n, rows, (size_t)n * sizeof *rows);
    }
}

static void unshift(const pp_fused_plan *plan, float *spectrum, const float *moved,
                    pp_fused_ramp ramp, float *rows_)
{
    const int n = plan->n;
    pair *rows = (pair *)(void *)rows_;
    for (int k = 0; k < n / W; k++) {
        pair *to = (pair *)(void *)spectrum + (int64_t)k * n;
        const pair y = load_complex(ramp.y + (int64_t)k * W);
        gather(plan, rows, moved, k);
        for (int x = 0; x < n; x++)
            to[x] = plus(to[x], times_conj(held(rows[x]), ramp_at(ramp, y, x)));
    }
}

const pp_fused_kernels PP_KERNELS = {.name = PP_KERNELS_NAME,
                                     .width = W,
                                     .product = product,
                                     .products = products,
                                     .gradient = gradient,
                                     .far = far,
                                     .line = line,
                                     .terms = terms,
                                     .back = back,
                                     .shift = shift,
                                     .spectrum = spectrum_of,
                                     .unshift = unshift};
