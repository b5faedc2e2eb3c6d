/* Bytes that the kernels of sweeps and projections load and store, counted by the emulated device, against the tables in
 * docs/performance.md.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS mock
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/device.h"

extern "C" {
#include "tomo/projector.h"
}

namespace
{

const int n = 32, side = 5, patterns = side * side, step = 6, size = n + step * (side - 1) + 2;
const double plane = n * n;

struct bytes {
    double loaded, stored;
};

/* What the tables' letters stand for, in bytes a pattern or slice; and what is counted is divided by so many of them. */
std::map<std::string, double> sizes;
double parts = 1;

void use_patterns(int modes)
{
    sizes = {{"A", 8 * modes * plane}, {"B", 4 * plane}, {"D", 2 * plane}, {"P", plane}};
    parts = patterns;
}

/* "2 A + D + P" in bytes; "object" and "sums" stand for what is compared apart. */
double value_of(const std::string &text)
{
    std::istringstream words(text);
    std::string word;
    double sum = 0, factor = 1;
    while (words >> word) {
        if (sizes.count(word)) sum += factor * sizes[word];
        const double number = std::atof(word.c_str());
        factor = number > 0 ? number : 1;
    }
    return sum;
}

std::string trimmed(const std::string &s)
{
    const size_t from = s.find_first_not_of(" `"), to = s.find_last_not_of(" `");
    return from == std::string::npos ? "" : s.substr(from, to - from + 1);
}

/* The row of the table: | kernel | loads | stores | ... */
bytes designed(const char *kernel)
{
    const char *source = std::getenv("SOURCE");
    std::ifstream file(std::string(source ? source : ".") + "/docs/performance.md");
    ck_assert_msg(file.good(), "docs/performance.md cannot be read");
    for (std::string line; std::getline(file, line);) {
        std::vector<std::string> cells;
        std::istringstream row(line);
        for (std::string cell; std::getline(row, cell, '|');) cells.push_back(trimmed(cell));
        if (cells.size() > 3 && cells[1] == kernel) return {value_of(cells[2]), value_of(cells[3])};
    }
    ck_abort_msg("docs/performance.md has no row for %s", kernel);
    return {0, 0};
}

/* Since the last reset, a pattern. */
bytes counted(const char *kernel)
{
    pp_emulation::traffic table[64];
    const int count = pp_emulation::traffic_table(table, 64);
    for (int k = 0; k < count && k < 64; k++)
        if (std::strstr(table[k].kernel, kernel))
            if (table[k].launches > 0)
                return {static_cast<double>(table[k].loaded) / parts,
                        static_cast<double>(table[k].stored) / parts};
    return {0, 0};
}

void compare(const char *row, const char *kernel, double times)
{
    const bytes want = designed(row), got = counted(kernel);
    ck_assert_msg(got.loaded == times * want.loaded && got.stored == times * want.stored,
                  "%s: %g bytes loaded and %g stored a pattern, the table says %g times %g and %g",
                  kernel, got.loaded, got.stored, times, want.loaded, want.stored);
}

/* What is loaded and stored once a batch (a box of the object, sums) beside what the table counts. */
void compare_beside(const char *row, const char *kernel, double times)
{
    const bytes want = designed(row), got = counted(kernel);
    ck_assert_msg(got.stored > 0 && std::llround((got.loaded - got.stored) * parts) ==
                                        std::llround(times * want.loaded * parts),
                  "%s: %g bytes loaded beside %g of sums, the table says %g times %g", kernel,
                  got.loaded - got.stored, got.stored, times, want.loaded);
}

void compare_both(const char *one, const char *other, const char *kernel)
{
    const bytes a = designed(one), b = designed(other), got = counted(kernel);
    ck_assert_msg(got.loaded == a.loaded + b.loaded && got.stored == a.stored + b.stored,
                  "%s: %g bytes loaded and %g stored, the table says %g and %g", kernel, got.loaded,
                  got.stored, a.loaded + b.loaded, a.stored + b.stored);
}

pp_c32 *device(size_t count)
{
    std::vector<pp_c32> host(count);
    for (size_t k = 0; k < count; k++)
        host[k] = {1.0f + 0.5f * std::sin(0.7f * static_cast<float>(k * k % 977)),
                   0.5f * std::cos(static_cast<float>(k * k % 613))};
    return pp_test::put(host);
}

struct view {
    bool keep;
    pp_sweep_positions mode;
    int modes;
    bool probe, background, callbacks = false;
};

struct arrays {
    pp_c32 *object, *probe, *dobject, *dprobe, *g, *gp;
    explicit arrays(const view &v)
        : object(device(size_t(size) * size)), probe(device(size_t(v.modes) * n * n)),
          dobject(device(size_t(size) * size)), dprobe(device(size_t(v.modes) * n * n)),
          g(device(size_t(size) * size)), gp(device(size_t(v.modes) * n * n))
    {
    }
    arrays(const arrays &) = delete;
    arrays &operator=(const arrays &) = delete;
    ~arrays()
    {
        for (pp_c32 *memory : {object, probe, dobject, dprobe, g, gp})
            pp_backend_mock.release(memory);
    }
};

pp_sweep *make(const view &v, const std::vector<uint16_t> &frames)
{
    std::vector<double> positions;
    const double part = v.mode == PP_SWEEP_NEAREST ? 0 : 0.25;
    for (int j = 0; j < patterns; j++)
        positions.push_back(j / side * step + part), positions.push_back(j % side * step + part);
    pp_sweep_setup setup = {};
    setup.n = n, setup.modes = v.modes, setup.patterns = patterns, setup.threads = 1;
    setup.frame_type = PP_U16, setup.object[0] = setup.object[1] = size;
    setup.positions = positions.data(), setup.frames = frames.data(), setup.keep = v.keep;
    setup.mode = v.mode, setup.probe_moves = v.probe, setup.background = v.background;
    setup.callbacks = v.callbacks;
    pp_sweep *s = nullptr;
    ck_assert_int_eq(pp_backend_mock.sweeps[0]->create(&setup, &s), PP_OK);
    return s;
}

void gradient(pp_sweep *s, const arrays &a, bool probe)
{
    const pp_sweep_point at = {a.object, a.probe};
    double cost = 0;
    const pp_sweep_gradient out = {
        a.g, probe ? a.gp : nullptr, &cost, nullptr, nullptr, nullptr, nullptr, nullptr};
    ck_assert_int_eq(s->kind->gradient(s, &out, &at), PP_OK);
}

/* One iteration, a line of one step and the gradient after it, after a gradient; bytes are counted for the iteration. */
void iterate(const view &v)
{
    const std::vector<uint16_t> frames(static_cast<size_t>(patterns * n * n), 7);
    const arrays a(v);
    const pp_sweep_point at = {a.object, a.probe};
    const pp_sweep_direction along = {a.dobject, v.probe ? a.dprobe : nullptr};
    double costs[1], steps[1] = {0.5};
    pp_sweep_slope slope;
    pp_sweep *s = make(v, frames);
    use_patterns(v.modes);
    gradient(s, a, v.probe);
    pp_emulation::traffic_reset();
    ck_assert_int_eq(s->kind->line(s, &slope, &at, &along, steps, 1, costs), PP_OK);
    s->kind->advance(s, 0.5);
    gradient(s, a, v.probe);
    s->kind->free(s);
}

START_TEST(far_fields_kept)
{
    iterate({true, PP_SWEEP_NEAREST, 1, false, false});
    compare("product", "product_kernel", 1);
    compare("line", "line_kernel", 1);
    compare("follow, kept", "follow_kernel", 1);
    compare("residual", "residual_kernel", 1);
    compare_beside("add_object", "add_object_kernel", 1);
}
END_TEST

START_TEST(far_fields_computed_again)
{
    iterate({false, PP_SWEEP_NEAREST, 1, false, false});
    compare("product", "product_kernel", 3);
    compare("line", "line_kernel", 1);
    compare("follow, computed again", "follow_kernel", 2);
    compare("residual", "residual_kernel", 1);
    compare_beside("add_object", "add_object_kernel", 1);
}
END_TEST

START_TEST(modes_and_a_probe_that_moves)
{
    iterate({true, PP_SWEEP_NEAREST, 2, true, false});
    compare_both("product", "product, with the probe's direction", "product_kernel");
    compare("line, with the probe's direction", "line_kernel", 1);
    compare("follow, kept, with the probe's direction", "follow_kernel", 1);
    compare("residual", "residual_kernel", 1);
    compare_beside("add_object", "add_object_kernel", 1);
    compare_beside("add_probe, nearest", "add_probe_kernel", 1);
}
END_TEST

START_TEST(fourier_positions)
{
    iterate({true, PP_SWEEP_FOURIER, 2, true, false});
    compare("shift", "shift_kernel", 3);
    compare("window_conj", "window_conj_kernel", 1);
    compare_beside("add_probe, fourier", "add_probe_kernel", 1);
    compare_beside("add_object", "add_object_kernel", 1);
    const view v = {false, PP_SWEEP_FOURIER, 2, true, false};
    const std::vector<uint16_t> frames(static_cast<size_t>(patterns * n * n), 7);
    const arrays a(v);
    const pp_sweep_point at = {a.object, a.probe};
    pp_sweep_position terms[patterns];
    pp_sweep *s = make(v, frames);
    pp_emulation::traffic_reset();
    ck_assert_int_eq(s->kind->positions(s, terms, &at), PP_OK);
    s->kind->free(s);
    compare("positions", "positions_kernel", 1);
}
END_TEST

START_TEST(bilinear_positions_and_a_background)
{
    iterate({true, PP_SWEEP_BILINEAR, 1, false, false});
    compare("product, bilinear", "product_kernel", 1);
    compare_beside("spread_object", "spread_object_kernel", 1);
    const view v = {false, PP_SWEEP_NEAREST, 2, false, true};
    const std::vector<uint16_t> frames(static_cast<size_t>(patterns * n * n), 7);
    const arrays a(v);
    const pp_sweep_point at = {a.object, a.probe};
    std::vector<double> terms(2 * size_t(n) * n);
    pp_sweep *s = make(v, frames);
    use_patterns(2);
    s->kind->set_background(s, std::vector<float>(size_t(n) * n, 1.0f).data());
    pp_emulation::traffic_reset();
    ck_assert_int_eq(s->kind->background_terms(s, &terms[0], &terms[size_t(n) * n], &at), PP_OK);
    s->kind->free(s);
    compare_beside("background", "background_kernel", 1);
}
END_TEST

START_TEST(illuminations_and_ramps)
{
    const view v = {false, PP_SWEEP_FOURIER, 1, false, false};
    const std::vector<uint16_t> frames(static_cast<size_t>(patterns * n * n), 7);
    const arrays a(v);
    const pp_sweep_point at = {a.object, a.probe};
    float *const light = pp_test::put(std::vector<float>(size_t(size) * size)),
                 *const window = pp_test::put(std::vector<float>(size_t(n) * n));
    pp_emulation::traffic_reset();
    pp_sweep *s = make(v, frames);
    use_patterns(1);
    sizes["n"] = n, sizes["sums"] = 3; /* the totals of the frames */
    compare("sum_rows", "sum_rows_kernel", 1);
    ck_assert_int_eq(s->kind->illumination(s, light, window, &at), PP_OK);
    s->kind->free(s);
    compare("ramps", "ramps_kernel", 1);
    compare_beside("light_object", "light_object_kernel", 1);
    const bytes lit = counted("light_probe_kernel");
    ck_assert_double_eq(lit.loaded, designed("light_probe").loaded);
    ck_assert_double_eq(lit.stored * parts, 4 * plane);
    (void)pp_test::fetch(size_t(size) * size, light), (void)pp_test::fetch(size_t(n) * n, window);
}
END_TEST

/* Elements fetched by the transforms: nothing is stored for them, and kernels that did that are gone or sum alone. */
START_TEST(callbacks)
{
    iterate({true, PP_SWEEP_NEAREST, 1, false, false, true});
    compare("load_product", "load_product", 1);
    compare("load_residual", "load_residual", 1);
    compare("residual, sums alone", "residual_kernel", 1);
    compare("line", "line_kernel", 1);
    compare("follow, kept", "follow_kernel", 1);
    compare_beside("add_object", "add_object_kernel", 1);
    ck_assert_double_eq(counted("product_kernel").loaded, 0);
    iterate({false, PP_SWEEP_NEAREST, 1, false, false, true});
    compare("load_product", "load_product", 3);
    compare("load_residual", "load_residual", 1);
    iterate({true, PP_SWEEP_BILINEAR, 1, false, false, true});
    compare("load_product, bilinear", "load_product", 1);
    iterate({true, PP_SWEEP_NEAREST, 2, true, false, true});
    compare_both("load_product", "load_product, with the probe's direction", "load_product");
    compare("residual", "residual_kernel", 1);
    ck_assert_double_eq(counted("load_residual").loaded, 0);
}
END_TEST

/* Objects of 1000 pixels. */
START_TEST(vectors)
{
    const int64_t count = 1000;
    const pp_vectors *k = pp_backend_mock.vectors;
    pp_c32 *const x = device(count), *const y = device(count);
    float *const w = pp_test::put(std::vector<float>(count, 2.0f));
    sizes = {{"O", 8.0 * count}, {"W", 4.0 * count}}, parts = 1;
    const auto check = [&](const char *row, const char *kernel) {
        compare(row, kernel, 1);
        pp_emulation::traffic_reset();
    };
    pp_emulation::traffic_reset();
    (void)k->dot(x, y, nullptr, count, 1), check("dot", "dot_kernel");
    (void)k->dot(x, y, w, count, 1), check("dot, weighted", "dot_kernel");
    const auto run = [&](auto work, const char *row, const char *kernel) {
        work();
        ck_assert_int_eq(pp_backend_mock.upload(nullptr, nullptr, 0), PP_OK); /* waits */
        check(row, kernel);
    };
    run([&] { k->direction(x, y, w, {0.5, 0}, count, 1); }, "direction", "direction_kernel");
    run(
        [&] {
            k->direction(x, y, w, {0, 0}, count, 1);
        },
        "direction, the first", "direction_kernel");
    run([&] { k->axpy(x, 0.5, y, count, 1); }, "axpy", "axpy_kernel");
    run([&] { k->scale(x, 0.5, count, 1); }, "scale", "scale_kernel");
    (void)k->largest(w, count, 1), check("largest", "largest_kernel");
    run([&] { k->weight(w, 2.0, count, 1); }, "weight", "weight_kernel");
    run([&] { k->box(&x->re, 40, &y->re, 40, count / 20, 40, true); }, "box, added", "box_kernel");
    run([&] { k->regrid(&x->re, &y->re, 0.25, 2 * count, 1); }, "regrid", "regrid_kernel");
    (void)pp_test::fetch(count, x), (void)pp_test::fetch(count, y), (void)pp_test::fetch(count, w);
}
END_TEST

/* Three slices of 30 x 30: T an array of one. */
START_TEST(vectors_of_slices)
{
    const int64_t side_of = 30, count = side_of * side_of, slices = 3;
    const pp_slice_class *k = pp_backend_mock.slices;
    const std::vector<float> below(static_cast<size_t>(slices * count), -1.0f);
    float *const x = pp_test::put(below), *const y = pp_test::put(below),
                 *const z = pp_test::put(below);
    const double gains[] = {0.5, 0.25, -1.0}, none[] = {0.0, 0.0, 0.0};
    double sums[3], outside = 0;
    bool clipped[3];
    for (int64_t i = 0; i < count; i++) {
        const int64_t dy = i / side_of - 15, dx = i % side_of - 15;
        if (dy * dy + dx * dx > 14 * 14) outside += 4.0;
    }
    sizes = {{"T", 4.0 * static_cast<double>(count)}, {"parts", 8.0}, {"outside", outside}};
    parts = static_cast<double>(slices);
    const auto run = [&](pp_status status, const char *row, const char *kernel) {
        ck_assert_int_eq(status, PP_OK);
        ck_assert_int_eq(pp_backend_mock.upload(nullptr, nullptr, 0), PP_OK); /* waits */
        compare(row, kernel, 1);
        pp_emulation::traffic_reset();
    };
    pp_emulation::traffic_reset();
    run(k->dots(sums, x, y, slices, count), "slice_dots", "slice_dots_kernel");
    run(k->dots(sums, x, x, slices, count), "slice_dots, of one array", "slice_dots_kernel");
    run(k->dots(sums, x, x, slices, count), "slice_totals", "slice_totals_kernel");
    run(k->add(y, gains, x, slices, count), "slice_add", "slice_add_kernel");
    run(k->add_clipped(y, clipped, gains, x, slices, count), "slice_clip", "slice_clip_kernel");
    run(k->follow(y, gains, x, slices, count), "slice_follow", "slice_follow_kernel");
    run(k->follow(y, none, x, slices, count), "slice_follow, the first", "slice_follow_kernel");
    run(k->subtract(y, x, z, nullptr, slices, count), "slice_subtract", "slice_subtract_kernel");
    run(k->weigh(y, sums, z, x, slices, count), "slice_weigh", "slice_weigh_kernel");
    run(k->hold(x, z, slices, count), "slice_hold", "slice_hold_kernel");
    run(k->mask(x, slices, side_of), "slice_mask", "slice_mask_kernel");
    for (float *memory : {x, y, z}) pp_backend_mock.release(memory);
}
END_TEST

/* A slice: I its image, G the oversampled grid, C the samples of all lines, L the lines, all complex. */
START_TEST(projections)
{
    const int64_t views = 21, slices = 2 * PP_RADIAL_LANES, samples = (n / 2 * 2 + 1) * views;
    std::vector<double> angles(static_cast<size_t>(views));
    std::vector<pp_c32> volume(static_cast<size_t>(slices * n * n)),
        lines(static_cast<size_t>(slices * views * n));
    for (size_t v = 0; v < angles.size(); v++) angles[v] = 0.15 * static_cast<double>(v);
    pp_projector_setup setup = {};
    setup.n = n, setup.views = views, setup.angles = angles.data(), setup.threads = 1;
    setup.backend = &pp_backend_mock;
    pp_projector *p = nullptr;
    ck_assert_int_eq(pp_projector_create(&setup, &p), PP_OK);
    ck_assert_int_eq(pp_projector_forward(p, slices, volume.data(), lines.data()), PP_OK);
    pp_emulation::traffic_reset();
    ck_assert_int_eq(pp_projector_forward(p, slices, volume.data(), lines.data()), PP_OK);
    ck_assert_int_eq(pp_projector_adjoint(p, slices, lines.data(), volume.data()), PP_OK);
    pp_projector_free(&p);
    sizes = {{"I", 8 * plane},
             {"G", 8 * 4 * plane},
             {"C", 8.0 * static_cast<double>(samples)},
             {"L", 8.0 * static_cast<double>(views * n)}};
    parts = static_cast<double>(slices);
    for (const char *kernel : {"load_image", "store_image", "gather", "values_to_lines",
                               "lines_to_values", "load_lines", "store_lines"})
        compare(kernel, kernel, 1);
    compare("to the device", "copy to the device", 1);
    compare("to the host", "copy to the host", 1);
    const bytes want = designed("scatter"), got = counted("scatter_kernel");
    ck_assert_double_eq(got.stored, want.stored);
    ck_assert_msg(got.loaded >= want.loaded && got.loaded < 1.3 * want.loaded,
                  "scatter: %g loaded, the table says about %g", got.loaded, want.loaded);
}
END_TEST

/* Slices of X bytes, three of them: the steps of total variation between projections. */
START_TEST(slabs)
{
    const int64_t slices = 3, count = slices * n * n;
    const pp_slab_class *k = pp_backend_mock.slabs;
    float *of[10];
    for (float *&memory : of) memory = pp_test::put(std::vector<float>(count, 1.5f));
    const pp_slab_cut cut = {n, slices, nullptr, of[0]};
    const pp_slab_splitting fields = {{of[1], of[2], of[3]}, {of[4], of[5], of[6]}};
    std::vector<double> each(5 * slices);
    sizes = {{"X", 4 * plane}}, parts = static_cast<double>(slices);
    const auto run = [&](auto work, const char *row, const char *kernel) {
        pp_emulation::traffic_reset();
        work();
        ck_assert_int_eq(pp_backend_mock.upload(nullptr, nullptr, 0), PP_OK); /* waits */
        compare(row, kernel, 1);
    };
    run([&] { k->combine(count, of[7], 1, of[8], 2, of[9]); }, "slab_combine",
        "slab_combine_kernel");
    const pp_slab_normal normal = {of[8], 0.1f, 0.2f, 0.3f, true};
    run([&] { k->normal(&cut, &normal, of[7]); }, "slab_normal", "slab_normal_kernel");
    pp_slab_right right = {of[8], of[9], of[0], fields, 0.1f, 0.2f, true};
    run([&] { k->right(&cut, &right, of[7]); }, "slab_right, positivity", "slab_right_kernel");
    right.positive = right.positive_multiplier = nullptr;
    run([&] { k->right(&cut, &right, of[7]); }, "slab_right", "slab_right_kernel");
    run([&] { k->differences(&cut, of[8], &fields); }, "slab_differences",
        "slab_differences_kernel");
    run([&] { ck_assert_int_eq(k->shrink(&cut, of[8], &fields, 0.1f, each.data()), PP_OK); },
        "slab_shrink", "slab_shrink_kernel");
    run([&] { ck_assert_int_eq(k->variation(&cut, of[8], each.data()), PP_OK); }, "slab_variation",
        "slab_variation_kernel");
    run([&] { k->keep_positive(count, of[8], of[7], of[9]); }, "slab_positive",
        "slab_positive_kernel");
    for (float *memory : of) (void)pp_test::fetch(1, memory);
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("device traffic", 60, pp_test::process::one,
                        {far_fields_kept, far_fields_computed_again, modes_and_a_probe_that_moves,
                         fourier_positions, bilinear_positions_and_a_background,
                         illuminations_and_ramps, callbacks, vectors, vectors_of_slices,
                         projections, slabs});
}
