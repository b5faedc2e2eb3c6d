/* Memory and vector kernels of src/backend/cuda on the emulated device, against the CPU's, in every order of threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/device.h"

extern "C" {
extern const pp_vectors pp_cpu_vectors;
}

namespace
{

const int64_t rows = 37, columns = 29, stride = 41, count = rows * stride;

struct results {
    pp_c64 dot, box_dot;
    double largest;
    std::vector<pp_c32> d;
    std::vector<float> w, box;
};

float value(int64_t i, int64_t salt)
{
    return std::sin(static_cast<float>(i * 7 + salt * 13)) + 1.5f;
}

void work(const pp_vectors *v, results *out, pp_c32 *x, pp_c32 *d, float *w, float *box)
{
    out->dot = v->dot(x, d, w, count, 1);
    out->box_dot = v->dot_box(x, d, nullptr, rows, columns, stride, 1);
    v->direction(d, x, w, {0.25, -0.5}, count, 1);
    v->axpy(d, 0.75, x, count, 1);
    v->scale(d, 1.25, count, 1);
    v->box(box, stride, w, columns, rows, columns, true);
    out->largest = v->largest(w, count, 1);
    v->weight(w, out->largest, count, 1);
}

results run(bool device)
{
    results r;
    std::vector<pp_c32> x(count);
    r.d.resize(count), r.w.resize(count), r.box.resize(count);
    for (int64_t i = 0; i < count; i++) {
        const size_t k = static_cast<size_t>(i);
        x[k] = {value(i, 1), -value(i, 2)}, r.d[k] = {value(i, 3), value(i, 4)};
        r.w[k] = value(i, 5), r.box[k] = value(i, 6);
    }
    if (!device) {
        work(&pp_cpu_vectors, &r, x.data(), r.d.data(), r.w.data(), r.box.data());
        return r;
    }
    pp_c32 *const dx = pp_test::put(x), *const dd = pp_test::put(r.d);
    float *const dw = pp_test::put(r.w), *const db = pp_test::put(r.box);
    work(pp_backend_mock.vectors, &r, dx, dd, dw, db);
    pp_backend_mock.release(dx);
    r.d = pp_test::fetch(count, dd), r.w = pp_test::fetch(count, dw),
    r.box = pp_test::fetch(count, db);
    return r;
}

bool near(double a, double b, double bar)
{
    return std::fabs(a - b) <= bar * (std::fabs(b) + 1.0);
}

START_TEST(agrees_with_the_cpu)
{
    const results cpu = run(false), mock = run(true);
    ck_assert(near(mock.dot.re, cpu.dot.re, 1e-12) && near(mock.dot.im, cpu.dot.im, 1e-12));
    ck_assert(near(mock.box_dot.re, cpu.box_dot.re, 1e-12));
    ck_assert(near(mock.box_dot.im, cpu.box_dot.im, 1e-12));
    ck_assert_double_eq(mock.largest, cpu.largest);
    for (size_t i = 0; i < static_cast<size_t>(count); i++) {
        ck_assert(near(mock.d[i].re, cpu.d[i].re, 1e-6) && near(mock.d[i].im, cpu.d[i].im, 1e-6));
        ck_assert(near(mock.w[i], cpu.w[i], 1e-6) && near(mock.box[i], cpu.box[i], 1e-6));
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

START_TEST(same_bits_in_every_order)
{
    using pp_emulation::order;
    const results first = run(true);
    for (const order rule : {order::ascending, order::descending, order::shuffled}) {
        pp_emulation::set_order(rule);
        const results r = run(true);
        ck_assert_int_eq(std::memcmp(&r.dot, &first.dot, sizeof r.dot), 0);
        ck_assert_int_eq(std::memcmp(&r.box_dot, &first.box_dot, sizeof r.box_dot), 0);
        ck_assert(pp_test::same_bits(r.d, first.d));
        ck_assert(pp_test::same_bits(r.w, first.w));
    }
    ck_assert_ptr_null(pp_emulation::error());
}
END_TEST

START_TEST(fresh_memory_is_zero)
{
    void *memory = nullptr;
    ck_assert_int_eq(pp_backend_mock.alloc(400, &memory), PP_OK);
    for (const float v : pp_test::fetch(100, static_cast<float *>(memory)))
        ck_assert_float_eq(v, 0.0f);
}
END_TEST

} // namespace

int main()
{
    return pp_test::run("device", 60, pp_test::process::each_its_own,
                        {agrees_with_the_cpu, same_bits_in_every_order, fresh_memory_is_zero});
}
