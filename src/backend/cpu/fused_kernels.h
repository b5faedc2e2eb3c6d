/* The kernels of the fused sweeps (see fused.h), written over the vector width and compiled once an instruction set: fused_v2.c,
 * fused_v3.c, fused_v4.c define PP_WIDTH, PP_KERNELS (the table's name) and PP_KERNELS_NAME and include this file.
 * Sums: W lanes in float over SEGMENT places, then in double; lanes and blocks in index order.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/passes.h"

#include "backend/sweep.h"

enum { SEGMENT = 16 };

/* ---- steps ---- */

/** rows = block k of rows of a field, transformed along x. */
INLINE void gather(const pp_fused_plan *plan, pair *rows, const float *field, int k)
{
    const pair *from = (const pair *)(const void *)field + (int64_t)k * W;
    for (int b = 0; b < plan->n / W; b++) tile(rows + b * W, from + (int64_t)b * plan->stride);
    forward_rest(rows, plan, 0);
}

/** The way back: destroys rows. */
INLINE void scatter(const pp_fused_plan *plan, float *field, pair *rows, int k)
{
    pair *to = (pair *)(void *)field + (int64_t)k * W;
    backward_rest(rows, plan, 0);
    for (int b = 0; b < plan->n / W; b++) tile(to + (int64_t)b * plan->stride, rows + b * W);
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
                times(load_complex(o + (j + k * q) * object.stride), p[j + k * q]);
            down(v, w);
            UNROLL for (int k = 0; k < 4; k++) x[j + k * q] = v[k];
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
            x[y] = plus(times(o, dp[y]), times(d, p[y]));
            z[y] = times(d, dp[y]);
        }
        forward_rest(x, plan, 0);
        forward_rest(z, plan, 0);
    }
}

/* ---- pixels ---- */

typedef struct pixels {
    vec d, m; /* counts and their square root */
    veci on;  /* measured */
} pixels;

INLINE pixels read_frame(const pp_fused_frame *frame, int64_t at, bool wide_counts)
{
    pixels p;
    if (wide_counts) {
        p.d = load((const float *)frame->counts + at);
        p.on = p.d == p.d;
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
    p.m = p.d * inverse_root(p.d);
    return p;
}

/** I - d log((I + tiny) / d) - d, at measured pixels. */
INLINE vec deviance(vec inten, pixels p)
{
    const vec ratio = larger((inten + (float)PP_SWEEP_TINY) / p.d, all(1.2e-38f));
    return keep(inten - p.d - keep(p.d * logarithm(ratio), p.d > 0.0f), p.on);
}

INLINE vec misfit(vec modulus, pixels p)
{
    const vec r = modulus - p.m;
    return keep(r * r, p.on);
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
                const pair far = rows[m * n + x];
                inten += far.r * far.r + far.i * far.i;
                if (kept) kept[(int64_t)m * (n / W) * n + at] = far;
            }
            inten *= scale;
            most = larger(inten, most);
            const pixels p = read_frame(frame, at * W, wide_counts);
            const vec inverse = inverse_root(inten);
            e += misfit(inten * inverse, p);
            if (poisson) c += deviance(inten, p);
            const vec ratio = poisson ? p.d * inverse * inverse : p.m * inverse;
            const vec u = scale * keep(1.0f - ratio, p.on & (inten >= frame->dark));
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

static void gradient(const pp_fused_plan *plan, pp_fused_gradient *g, const pp_fused_frame *frame)
{
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
                const pair v = rows[m * n + x];
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
    vec a[5][SEGMENT];
    pixels p[SEGMENT];
} quartic;

INLINE void coefficients(quartic *s, const pair *const at[3], int modes, int64_t step[2],
                         bool moves)
{
    for (int x = 0; x < SEGMENT; x++) {
        vec a = {0}, b = {0}, c = {0}, d = {0}, e = {0};
        for (int m = 0; m < modes; m++) {
            const pair g = at[0][m * step[0] + x], h = at[1][m * step[1] + x];
            a += g.r * g.r + g.i * g.i;
            b += g.r * h.r + g.i * h.i;
            c += h.r * h.r + h.i * h.i;
            if (moves) {
                const pair z = at[2][m * step[1] + x];
                c += 2.0f * (g.r * z.r + g.i * z.i);
                d += h.r * z.r + h.i * z.i;
                e += z.r * z.r + z.i * z.i;
            }
        }
        s->a[0][x] = a, s->a[1][x] = 2.0f * b, s->a[2][x] = c;
        s->a[3][x] = 2.0f * d, s->a[4][x] = e;
    }
}

/** Slope and curvature of the cost at t = 0. */
INLINE void slopes(const quartic *s, sums out[2], const pp_fused_frame *frame, float scale,
                   bool poisson)
{
    vec slope = {0}, curvature = {0};
    for (int x = 0; x < SEGMENT; x++) {
        const pixels p = s->p[x];
        const vec a = s->a[0][x] * scale, b = s->a[1][x] * scale, c = s->a[2][x] * scale;
        const vec inverse = inverse_root(a), bi = b * inverse;
        const vec ratio = poisson ? p.d * inverse * inverse : p.m * inverse;
        const veci on = p.on & (a >= frame->dark);
        slope += keep(b * (1.0f - ratio), on);
        curvature +=
            keep(2.0f * c * (1.0f - ratio) + (poisson ? 1.0f : 0.5f) * ratio * bi * bi, on);
    }
    add(out, slope), add(out + 1, curvature);
}

INLINE vec cost_at(const quartic *s, float t, float scale, bool poisson, bool moves)
{
    vec sum = {0};
    for (int x = 0; x < SEGMENT; x++) {
        vec inten = s->a[2][x];
        if (moves) inten += t * (s->a[3][x] + t * s->a[4][x]);
        inten = scale * (s->a[0][x] + t * (s->a[1][x] + t * inten));
        inten = larger(inten, all(0.0f));
        sum += poisson ? deviance(inten, s->p[x]) : misfit(inten * inverse_root(inten), s->p[x]);
    }
    return sum;
}

INLINE void line_rows(const pp_fused_plan *plan, pp_fused_line *line, const pp_fused_frame *frame,
                      bool moves, bool poisson)
{
    const int n = plan->n, modes = line->modes;
    const int64_t field = field_floats(plan);
    const float scale = 1.0f / ((float)n * (float)n);
    pair *rows = (pair *)(void *)line->rows;
    sums slope[2] = {{{0}, {0}}}, costs[PP_SWEEP_STEPS] = {{{0}, {0}}};
    int64_t step[2] = {line->fields[0] ? n : (int64_t)(n / W) * n, n};
    for (int k = 0; k < n / W; k++) {
        for (int f = 0; f < 3; f++)
            for (int m = 0; m < modes && line->fields[f]; m++)
                gather(plan, rows + (f * modes + m) * n, line->fields[f] + m * field, k);
        const pair *kept = (const pair *)(const void *)line->kept + (int64_t)k * n;
        for (int x0 = 0; x0 < n; x0 += SEGMENT) {
            quartic s;
            const pair *at[3] = {(line->fields[0] ? rows : kept) + x0, rows + modes * n + x0,
                                 rows + 2 * modes * n + x0};
            coefficients(&s, at, modes, step, moves);
            for (int x = 0; x < SEGMENT; x++)
                s.p[x] = frame->wide ? read_frame(frame, ((int64_t)k * n + x0 + x) * W, true)
                                     : read_frame(frame, ((int64_t)k * n + x0 + x) * W, false);
            slopes(&s, slope, frame, scale, poisson);
            for (int t = 0; t < line->count; t++)
                add(costs + t, cost_at(&s, line->steps[t], scale, poisson, moves));
        }
    }
    line->slope = total(slope), line->curvature = total(slope + 1);
    for (int t = 0; t < line->count; t++) line->costs[t] = total(costs + t);
}

static void line(const pp_fused_plan *plan, pp_fused_line *l, const pp_fused_frame *frame)
{
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
    vec yy, yx, xx, ry, rx;
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
    const vec r = inten * inverse - p.m;
    s->yy += y * y, s->yx += y * x, s->xx += x * x, s->ry += y * r, s->rx += x * r;
}

static void terms(const pp_fused_plan *plan, pp_fused_terms *t, const pp_fused_frame *frame)
{
    const int n = plan->n, modes = t->modes;
    const int64_t field = field_floats(plan);
    pair *rows = (pair *)(void *)t->rows;
    sums sum[5] = {{{0}, {0}}};
    for (int k = 0; k < n / W; k++) {
        for (int f = 0; f < 3; f++)
            for (int m = 0; m < modes; m++)
                gather(plan, rows + (f * modes + m) * n, t->fields[f] + m * field, k);
        for (int x0 = 0; x0 < n; x0 += SEGMENT) {
            normal s = {{0}, {0}, {0}, {0}, {0}};
            for (int x = x0; x < x0 + SEGMENT; x++) {
                const pixels p = read_frame(frame, ((int64_t)k * n + x) * W, frame->wide);
                add_terms(&s, rows + x, n, modes, p, frame->dark);
            }
            add(sum, s.yy), add(sum + 1, s.yx), add(sum + 2, s.xx);
            add(sum + 3, s.ry), add(sum + 4, s.rx);
        }
    }
    t->yy = total(sum + 0), t->yx = total(sum + 1), t->xx = total(sum + 2);
    t->ry = total(sum + 3), t->rx = total(sum + 4);
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
    const pair p = ((const pair *)(const void *)to->probe)[place];
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
            pair v[4] = {x[j], x[j + q], x[j + 2 * q], x[j + 3 * q]};
            up(v, w);
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
        for (int x = 0; x < n; x++) rows[x] = times(from[x], ramp_at(ramp, y, x));
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
        for (int x = 0; x < n; x++) to[x] = plus(to[x], times_conj(rows[x], ramp_at(ramp, y, x)));
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
