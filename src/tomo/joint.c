/* SPDX-License-Identifier: BSD-3-Clause */
#include "tomo/joint_solve.h"

#include <math.h>
#include <polyptych/log.h>
#include <string.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "comm/group.h"
#include "tomo/stack.h"

/* The residual of psi is small beside psi, which is 1 in air: rho changes where one relative residual is so many times the other. */
static const double unbalanced = 20;
/* The weight of the total variation's splitting is balanced so long. */
enum { TAU_ITERATIONS = 20 };
/* rho is doubled every so many iterations on its way back. */
enum { RETURN = 2 };
/* And again, up to its bound, where views swing: over so many iterations the gap h - psi undid what the multiplier had of it, the primal
 * residual is above `rest` and the volume is near its place. In a swing of period 2 the multiplier's term is -1 times the penalty's. */
enum { SWINGS = 4 };
static const double rest = 1e-3, undone = -0.75, near = 0.15;
/* What a view adds to the sums of an outer iteration. */
enum { DATA, MODEL_DATA, MISFIT, COUNTS, GAP, MULTIPLIER, PSI, MODEL, LAMBDA, CHANGE, TERMS };

typedef pp_joint_solve state;
typedef pp_joint_lane lane;

static void aim(const state *s, const lane *to, int64_t local)
{
    const pp_joint_view *view = &s->setup->views[local];
    const pp_c32 *model = s->model + local * s->pixels;
    const float rho = (float)s->rho;
    for (int64_t i = 0; i < view->pixels; i++) {
        const int64_t at = pp_joint_in_stack(s, view, i);
        const pp_c32 h = pp_joint_goal(model, at), l = view->multiplier[i];
        const bool free = at < 0 && s->setup->outside_free;
        to->target[i] = (pp_c32){h.re + l.re / rho, h.im + l.im / rho};
        to->model[i] = free ? view->psi[i] : h;
        to->weight[i] = free ? 0 : rho;
    }
}

/* t = psi - lambda / rho; where the view's array has no pixel, it agrees with the model. */
static void want(state *s, int64_t local)
{
    const pp_joint_view *view = &s->setup->views[local];
    pp_c32 *t = s->wanted + local * s->pixels;
    const float rho = (float)s->rho;
    memcpy(t, s->model + local * s->pixels, (size_t)s->pixels * sizeof *t);
    for (int64_t i = 0; i < view->pixels; i++) {
        const int64_t at = pp_joint_in_stack(s, view, i);
        const pp_c32 p = view->psi[i], l = view->multiplier[i];
        if (at >= 0) t[at] = (pp_c32){p.re - l.re / rho, p.im - l.im / rho};
    }
}

static inline double square(pp_c32 a)
{
    return (double)a.re * a.re + (double)a.im * a.im;
}

/* lambda += rho (h - psi), and the view's terms. */
static void settle(state *s, int64_t local)
{
    pp_joint_view *view = &s->setup->views[local];
    const pp_c32 *model = s->model + local * s->pixels, *last = s->last + local * s->pixels;
    double *each = s->each + (s->setup->first + local) * TERMS;
    const float rho = (float)s->rho;
    for (int k = GAP; k < TERMS; k++) each[k] = 0;
    for (int64_t i = 0; i < view->pixels; i++) {
        const int64_t at = pp_joint_in_stack(s, view, i);
        if (at < 0 && s->setup->outside_free) continue;
        const pp_c32 h = pp_joint_goal(model, at), p = view->psi[i];
        const pp_c32 gap = {h.re - p.re, h.im - p.im};
        pp_c32 *l = &view->multiplier[i];
        each[MULTIPLIER] += 2 * ((double)l->re * gap.re + (double)l->im * gap.im);
        *l = (pp_c32){l->re + rho * gap.re, l->im + rho * gap.im};
        each[GAP] += square(gap);
        each[PSI] += square(p);
        each[MODEL] += square(h);
        each[LAMBDA] += square(*l);
    }
    for (int64_t i = 0; i < s->pixels; i++)
        each[CHANGE] += square((pp_c32){model[i].re - last[i].re, model[i].im - last[i].im});
}

/* ---- an outer iteration ---- */

/* One view's step on the calling thread's device. */
static pp_status step_view(state *s, int k, int64_t local, int64_t done)
{
    const pp_joint_setup *setup = s->setup;
    double *each = s->each + (setup->first + local) * TERMS;
    pp_joint_step_result found;
    const pp_joint_step step = {.backend = setup->backend,
                                .iterations = setup->view_iterations * (done == 0 ? 4 : 1),
                                .refine_probe = setup->refine_probe,
                                .keep_far_field = setup->keep_far_field,
                                .threads = setup->threads,
                                .devices = s->devices,
                                .first_device = k * s->devices,
                                .device_memory = setup->device_memory,
                                .weight = s->lane[k].weight,
                                .target = s->lane[k].target,
                                .model = s->lane[k].model};
    aim(s, &s->lane[k], local);
    PP_TRY(pp_joint_view_step(&setup->views[local], &step, &found));
    want(s, local);
    each[DATA] = found.data, each[MODEL_DATA] = found.model_data, each[MISFIT] = found.misfit,
    each[COUNTS] = found.counts;
    return PP_OK;
}

typedef struct views_task {
    state *s;
    pp_joint_view_work work;
    int64_t from, done;
} views_task;

static pp_status work_lane(const pp_comm *group, void *argument)
{
    const views_task *t = argument;
    const pp_backend *backend = pp_backend_find(t->s->setup->backend);
    const int k = pp_comm_rank(group);
    if (backend) PP_TRY(pp_backend_use(backend, pp_backend_device(backend, k * t->s->devices)));
    return t->work(t->s, k, t->from + k, t->done);
}

/* As many views as there are groups of devices, one on each; this thread reads their frames. */
static pp_status work_on(state *s, pp_joint_view_work work, int64_t from, int count, int64_t done)
{
    const pp_joint_setup *setup = s->setup;
    views_task t = {s, work, from, done};
    pp_status status = PP_OK;
    for (int64_t k = from; k < from + count && status == PP_OK; k++)
        if (!setup->views[k].data.frames) status = setup->frames(setup->self, k, &setup->views[k]);
    if (status == PP_OK) status = pp_group_run(count, work_lane, &t);
    for (int64_t k = from; k < from + count && !setup->hold; k++)
        pp_joint_frames_free(&setup->views[k]);
    return status;
}

pp_status pp_joint_each_view(state *s, pp_joint_view_work work, int64_t done)
{
    for (int64_t k = 0; k < s->setup->count; k += s->lanes) {
        const int64_t left = s->setup->count - k;
        PP_TRY(work_on(s, work, k, left < s->lanes ? (int)left : s->lanes, done));
    }
    return PP_OK;
}

static pp_status sum_views(state *s)
{
    const int64_t views = s->setup->shape.views;
    PP_TRY(pp_share_views(s->setup->comm, views, s->each, TERMS * sizeof *s->each));
    for (int k = 0; k < TERMS; k++) {
        s->sums[k] = 0;
        for (int64_t v = 0; v < views; v++) s->sums[k] += s->each[v * TERMS + k];
    }
    return PP_OK;
}

static pp_joint_volume_setup volume_setup(const state *s, int64_t done)
{
    pp_joint_volume_setup setup = s->setup->volume;
    setup.strength = s->strength * s->light / (2 * s->rho);
    setup.balance = done < TAU_ITERATIONS;
    return setup;
}

static pp_status step_volume(state *s, int64_t done)
{
    const pp_comm *comm = s->setup->comm;
    const pp_joint_volume_setup setup = volume_setup(s, done);
    pp_c32 *swap = s->last;
    PP_TRY(pp_views_to_slabs(comm, s->setup->shape, s->wanted, s->slabs));
    PP_TRY(pp_joint_volume_step(&s->volume, &setup, s->slabs));
    s->last = s->model, s->model = swap;
    return pp_slabs_to_views(comm, s->setup->shape, s->volume.h, s->model);
}

static pp_status find_terms(state *s, pp_joint_terms *out)
{
    double variation = 0;
    if (s->strength > 0)
        PP_TRY(pp_joint_variation_sum(&s->volume.variation, s->volume.v, &variation));
    const double *t = s->sums;
    *out = (pp_joint_terms){.data = t[DATA],
                            .multiplier = t[MULTIPLIER],
                            .penalty = s->rho * t[GAP],
                            .variation =
                                s->strength * s->light * (double)s->setup->shape.views * variation,
                            .misfit = t[COUNTS] > 0 ? t[MISFIT] / t[COUNTS] : 0,
                            .primal = sqrt(t[GAP] / fmax(t[PSI], t[MODEL])),
                            .dual = t[LAMBDA] > 0 ? s->rho * sqrt(t[CHANGE] / t[LAMBDA]) : 1,
                            .rho = s->rho / s->largest};
    return PP_OK;
}

/* Outer iterations after which rho comes back: where the residuals are in balance for the first time, or as many as are allowed. */
static int64_t balanced_after(const state *s, const pp_joint_terms *all, int64_t done)
{
    const pp_joint_setup *setup = s->setup;
    const int64_t half = setup->iterations / 2,
                  most = setup->penalty_iterations < half ? setup->penalty_iterations : half;
    for (int64_t k = 0; k < most && k <= done; k++)
        if (all[k].dual <= unbalanced * all[k].primal) return k;
    return most;
}

/* Whether views swing at the present rho (above). */
static bool swings(const pp_joint_terms *all, int64_t done)
{
    const pp_joint_terms *now = &all[done];
    double multiplier = 0, penalty = 0;
    if (done < SWINGS || now->primal <= rest || now->dual > near) return false;
    for (int k = 0; k < SWINGS; k++) {
        if (now[-k].rho < now->rho) return false;
        multiplier += now[-k].multiplier, penalty += now[-k].penalty;
    }
    return multiplier <= undone * penalty;
}

/* Balancing by the relative residuals, rho in the largest illumination: small while the volume is still far off, for smooth
 * phases follow the frames by c / (rho + c) an iteration only, where c is their small curvature. After that rho comes back to its start,
 * so that views and volume agree in the end: the frames' costs are not convex, and below some rho the views swing to and fro: where they do at the start's, it is doubled. */
static double next_rho(const state *s, int64_t done, const pp_joint_terms *all)
{
    const pp_joint_setup *setup = s->setup;
    const pp_joint_terms *terms = &all[done];
    const double rho = s->rho / s->largest;
    const int64_t after = done - balanced_after(s, all, done);
    if (after >= 0 && after % RETURN == 0 && rho < setup->penalty)
        return fmin(2 * rho, setup->penalty);
    if (after >= 0) return swings(all, done) ? fmin(2 * rho, setup->penalty_bounds[1]) : rho;
    if (terms->primal > unbalanced * terms->dual) return fmin(2 * rho, setup->penalty_bounds[1]);
    if (terms->dual > unbalanced * terms->primal) return fmax(rho / 2, setup->penalty_bounds[0]);
    return rho;
}

static void balance(state *s, int64_t done, const pp_joint_terms *all)
{
    const double next = next_rho(s, done, all) * s->largest;
    if (next == s->rho) return;
    pp_joint_variation_scale(&s->volume.variation, next / s->rho);
    s->rho = next;
}

static pp_status iterate(state *s, int64_t done, pp_joint_terms *all)
{
    const pp_comm *comm = s->setup->comm;
    pp_joint_terms *terms = &all[done];
    PP_TRY(pp_joint_move_views(s, done));
    PP_TRY(pp_comm_agree(comm, pp_joint_each_view(s, step_view, done)));
    PP_TRY(step_volume(s, done));
    for (int64_t k = 0; k < s->setup->count; k++) settle(s, k);
    PP_TRY(sum_views(s));
    PP_TRY(find_terms(s, terms));
    pp_info("joint: iteration %lld: data %.6g, at the model before %.6g, 2 Re <lambda, h - psi> "
            "%.4g, rho |h - psi|^2 %.4g, "
            "total variation %.4g; residuals %.2e and %.2e, rho %.3g",
            (long long)done + 1, terms->data, s->sums[MODEL_DATA], terms->multiplier,
            terms->penalty, terms->variation, terms->primal, terms->dual, terms->rho);
    if (!isfinite(terms->data) || !isfinite(terms->primal))
        return PP_FAIL(PP_ERR_RUN,
                       "joint iteration %lld: data %g, residual %g: the solve diverged; use a "
                       "smaller total_variation, or linearisation = \"gauss_newton\"",
                       (long long)done + 1, terms->data, terms->primal);
    balance(s, done, all);
    return PP_OK;
}

pp_status pp_joint_renew_model(state *s)
{
    PP_TRY(pp_comm_agree(s->setup->comm, pp_joint_volume_model(&s->volume)));
    return pp_slabs_to_views(s->setup->comm, s->setup->shape, s->volume.h, s->model);
}

static bool close_enough(const state *s, const pp_joint_terms *terms)
{
    return terms->primal <= s->setup->tolerance && terms->dual <= s->setup->tolerance;
}

static pp_status all_iterations(state *s, pp_joint_terms *terms, pp_joint_result *result)
{
    const pp_joint_setup *setup = s->setup;
    if (result->done > 0) result->converged = close_enough(s, &terms[result->done - 1]);
    while (result->done < setup->iterations && !result->converged) {
        double stop = 0;
        PP_TRY(iterate(s, result->done, terms));
        result->converged = close_enough(s, &terms[result->done++]);
        if (setup->stopped) stop = setup->stopped(setup->self, result->done);
        PP_TRY(pp_comm_allreduce(setup->comm, &stop, 1, PP_MAX));
        const bool due = setup->keep_every > 0 && result->done % setup->keep_every == 0;
        if (stop > 0 || due) PP_TRY(pp_joint_keep(s, terms, result->done));
        if (stop > 0)
            return PP_FAIL(PP_ERR_INTERRUPTED, "stopped after outer iteration %lld",
                           (long long)result->done);
    }
    return PP_OK;
}

/* ---- start and end ---- */

/* As many as this process has groups of devices, and views. */
int pp_joint_lanes(const char *backend_name, int64_t views, int group)
{
    const pp_backend *backend = pp_backend_find(backend_name);
    const int devices = backend && backend->use ? pp_backend_devices(backend) / group : 1;
    const int64_t most = views < PP_GROUP_MOST ? views : PP_GROUP_MOST;
    return devices < 1 || most < 1 ? 1 : devices < most ? devices : (int)most;
}

static pp_status allocate(state *s, const pp_projector *projector)
{
    const pp_joint_setup *setup = s->setup;
    const pp_stack_shape *shape = &setup->shape;
    int64_t most = 1;
    s->pixels = shape->rows * shape->columns;
    for (int64_t k = 0; k < setup->count; k++)
        if (setup->views[k].pixels > most) most = setup->views[k].pixels;
    PP_TRY(pp_joint_volume_create(setup->comm, projector, shape->rows, shape->columns, shape->views,
                                  &s->volume));
    PP_TRY(PP_ALLOC(setup->count * s->pixels + 1, &s->model));
    PP_TRY(PP_ALLOC(setup->count * s->pixels + 1, &s->last));
    PP_TRY(PP_ALLOC(setup->count * s->pixels + 1, &s->wanted));
    PP_TRY(PP_ALLOC(s->volume.samples + 1, &s->slabs));
    s->devices = setup->devices_per_view > 1 ? setup->devices_per_view : 1;
    s->lanes = pp_joint_lanes(setup->backend, setup->count, s->devices);
    PP_TRY(PP_ALLOC(s->lanes, &s->lane));
    for (int k = 0; k < s->lanes; k++) {
        PP_TRY(PP_ALLOC(most, &s->lane[k].target));
        PP_TRY(PP_ALLOC(most, &s->lane[k].model));
        PP_TRY(PP_ALLOC(most, &s->lane[k].weight));
    }
    PP_TRY(PP_ALLOC(TERMS, &s->sums));
    PP_TRY(PP_ALLOC(2 * shape->views, &s->moves));
    return PP_ALLOC(shape->views * TERMS, &s->each);
}

static void release(state *s)
{
    pp_joint_volume_free(&s->volume);
    pp_free(s->model), pp_free(s->last), pp_free(s->wanted), pp_free(s->slabs);
    for (int k = 0; s->lane && k < s->lanes; k++)
        pp_free(s->lane[k].target), pp_free(s->lane[k].model), pp_free(s->lane[k].weight);
    pp_free(s->lane), pp_free(s->each), pp_free(s->sums), pp_free(s->moves);
}

/* ---- strength of the total variation ---- */

/* Mean illumination of the field. */
static pp_status find_light(state *s)
{
    const int64_t views = s->setup->shape.views;
    for (int64_t k = 0; k < s->setup->count; k++) {
        const pp_joint_view *view = &s->setup->views[k];
        double sum = 0;
        for (int64_t i = 0; i < view->pixels; i++)
            if (pp_joint_in_stack(s, view, i) >= 0) sum += view->illumination[i];
        s->each[(s->setup->first + k) * TERMS] = sum / (double)s->pixels;
    }
    PP_TRY(pp_share_views(s->setup->comm, views, s->each, TERMS * sizeof *s->each));
    s->light = 0;
    for (int64_t v = 0; v < views; v++) s->light += s->each[v * TERMS] / (double)views;
    return PP_OK;
}

/* As `tomo` has it (total_variation.c), half the squared misfit of a view's lines beside it: the data's cost is about light / 2 times that
 * (amplitude model; Poisson: twice as much). The noise of a voxel is that of counts; a fifth of the start's rms stands for what is no noise, the streaks of few
 * views and what voxels cannot show. */
static pp_status find_strength(state *s)
{
    double size;
    PP_TRY(find_light(s));
    s->strength = s->setup->volume.strength;
    if (!isnan(s->strength)) return PP_OK;
    PP_TRY(pp_joint_volume_size(&s->volume, &size));
    s->strength = hypot(0.5 / sqrt(s->light * (double)s->setup->shape.views), 0.2 * size);
    return PP_OK;
}

/* psi is the model, lambda 0. */
static void start_view(state *s, int64_t local)
{
    pp_joint_view *view = &s->setup->views[local];
    for (int64_t i = 0; i < view->pixels; i++) {
        view->psi[i] = pp_joint_goal(s->model + local * s->pixels, pp_joint_in_stack(s, view, i));
        view->multiplier[i] = (pp_c32){0, 0};
    }
}

static pp_status start(state *s, const pp_c32 *volume)
{
    const pp_joint_setup *setup = s->setup;
    memcpy(s->volume.v, volume, (size_t)s->volume.voxels * sizeof *volume);
    PP_TRY(pp_joint_renew_model(s));
    for (int64_t k = 0; k < setup->count; k++) {
        start_view(s, k);
        s->largest = fmax(s->largest, (double)setup->views[k].largest);
    }
    PP_TRY(pp_comm_allreduce(setup->comm, &s->largest, 1, PP_MAX));
    s->rho = setup->penalty * s->largest;
    return find_strength(s);
}

static pp_status run(state *s, pp_c32 *volume, pp_joint_terms *terms, pp_joint_result *result)
{
    PP_TRY(start(s, volume));
    PP_TRY(pp_joint_recall(s, terms, result));
    result->strength = s->strength;
    PP_TRY(all_iterations(s, terms, result));
    PP_TRY(pp_joint_moved(s, result));
    memcpy(volume, s->volume.v, (size_t)s->volume.voxels * sizeof *volume);
    return PP_OK;
}

static pp_projector_setup projector_of(const pp_joint_setup *setup)
{
    return (pp_projector_setup){.n = setup->shape.columns,
                                .views = setup->shape.views,
                                .angles = setup->angles,
                                .oversampling = setup->oversampling,
                                .threads = setup->threads,
                                .backend = setup->backend ? pp_backend_find(setup->backend) : NULL};
}

pp_status pp_joint_run(const pp_joint_setup *setup, pp_c32 *volume, pp_joint_terms *terms,
                       pp_joint_result *result)
{
    state s = {.setup = setup};
    pp_projector *projector = NULL;
    const pp_projector_setup make = projector_of(setup);
    const pp_slab slab = pp_slab_of(setup->comm, setup->shape.rows, 1);
    /* estimated plans: the same on every rank and in every run */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    *result = (pp_joint_result){0};
    pp_status status = slab.slices > 0 ? pp_projector_create(&make, &projector) : PP_OK;
    if (status == PP_OK) status = allocate(&s, projector);
    status = pp_comm_agree(setup->comm, status);
    if (status == PP_OK) status = run(&s, volume, terms, result);
    release(&s);
    pp_projector_free(&projector);
    (void)pp_fft_set_effort(before);
    return status;
}

double pp_joint_bytes(const pp_joint_setup *setup, int ranks)
{
    const pp_stack_shape *shape = &setup->shape;
    const pp_projector_setup make = projector_of(setup);
    const double slices = 2 * ceil((double)((shape->rows + 1) / 2) / ranks),
                 views = ceil((double)shape->views / ranks),
                 line = (double)shape->columns * sizeof(pp_c32);
    return pp_projector_bytes(&make) +
           pp_joint_volume_bytes(shape->columns, shape->views, (int64_t)slices) +
           line * (3 * views * (double)shape->rows + slices * (double)shape->views) +
           pp_transpose_bytes(ranks, *shape);
}
