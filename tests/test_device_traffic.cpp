/* Bytes that the kernels of the ptychography sweep load and store, counted by the emulated device, against the table in
 * docs/performance.md.
 * SPDX-License-Identifier: BSD-3-Clause */
// BACKENDS mock
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/device.h"

namespace
{

const int n = 32, side = 5, patterns = side * side, step = 6, size = n + step * (side - 1);
const double plane = n * n;

struct bytes {
    double loaded, stored;
};

/* "2 A + D + P" in bytes a pattern: A a complex field, D a frame, P the mask; "object" stands for what is compared apart. */
double value_of(const std::string &text)
{
    std::istringstream words(text);
    std::string word;
    double sum = 0, factor = 1;
    while (words >> word) {
        if (word == "A") sum += factor * 8 * plane;
        if (word == "D") sum += factor * 2 * plane;
        if (word == "P") sum += factor * plane;
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
                return {static_cast<double>(table[k].loaded) / patterns,
                        static_cast<double>(table[k].stored) / patterns};
    return {0, 0};
}

void compare(const char *row, const char *kernel, double times)
{
    const bytes want = designed(row), got = counted(kernel);
    ck_assert_msg(got.loaded == times * want.loaded && got.stored == times * want.stored,
                  "%s: %g bytes loaded and %g stored a pattern, the table says %g times %g and %g",
                  kernel, got.loaded, got.stored, times, want.loaded, want.stored);
}

/* Each pixel of a batch's box is loaded and stored once beside what the table counts. */
void compare_object()
{
    const bytes want = designed("add_object"), got = counted("add_object_kernel");
    ck_assert_msg(got.stored > 0 && got.loaded - got.stored == want.loaded,
                  "add_object_kernel: %g bytes loaded beside %g of the object, the table says %g",
                  got.loaded - got.stored, got.stored, want.loaded);
}

pp_c32 *device(size_t count)
{
    return pp_test::put(std::vector<pp_c32>(count, pp_c32{1.0f, 0.25f}));
}

/* One iteration, a line of one step and the gradient after it, after a gradient; bytes are counted for the iteration. */
void iterate(bool keep)
{
    const pp_sweep_class *kind = pp_backend_mock.sweeps[0];
    std::vector<double> positions;
    for (int j = 0; j < patterns; j++)
        positions.push_back(j / side * step), positions.push_back(j % side * step);
    const std::vector<uint16_t> frames(static_cast<size_t>(patterns * n * n), 7);
    pp_sweep_setup setup = {};
    setup.n = n, setup.modes = 1, setup.patterns = patterns, setup.threads = 1;
    setup.frame_type = PP_U16, setup.object[0] = setup.object[1] = size;
    setup.positions = positions.data(), setup.frames = frames.data(), setup.keep = keep;
    const size_t pixels = static_cast<size_t>(size) * size;
    pp_c32 *const object = device(pixels), *const probe = device(n * n), *const d = device(pixels),
                  *const g = device(pixels);
    const pp_sweep_point at = {object, probe};
    const pp_sweep_direction along = {d, nullptr};
    double cost = 0, costs[1], steps[1] = {0.5};
    const pp_sweep_gradient out = {g, nullptr, &cost, nullptr};
    pp_sweep_slope slope;
    pp_sweep *s = nullptr;
    ck_assert_int_eq(kind->create(&setup, &s), PP_OK);
    ck_assert_int_eq(kind->gradient(s, &out, &at), PP_OK);
    pp_emulation::traffic_reset();
    ck_assert_int_eq(kind->line(s, &slope, &at, &along, steps, 1, costs), PP_OK);
    kind->advance(s, 0.5);
    ck_assert_int_eq(kind->gradient(s, &out, &at), PP_OK);
    kind->free(s);
    for (pp_c32 *memory : {object, probe, d, g}) pp_backend_mock.release(memory);
}

START_TEST(far_fields_kept)
{
    iterate(true);
    compare("product", "product_kernel", 1);
    compare("line", "line_kernel", 1);
    compare("follow, kept", "follow_kernel", 1);
    compare("residual", "residual_kernel", 1);
    compare_object();
}
END_TEST

START_TEST(far_fields_computed_again)
{
    iterate(false);
    compare("product", "product_kernel", 3);
    compare("line", "line_kernel", 1);
    compare("follow, computed again", "follow_kernel", 2);
    compare("residual", "residual_kernel", 1);
    compare_object();
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("device traffic", 60, pp_test::process::one,
                        {far_fields_kept, far_fields_computed_again});
}
