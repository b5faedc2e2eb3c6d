/* What the tests of devices share: arrays on the emulated device, how far arrays are apart, and their program. C++ only.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TEST_DEVICE_H
#define PP_TEST_DEVICE_H

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <vector>

#include <check.h>

#include "backend/mock/emulation.h"

extern "C" {
#include "backend/cuda/cuda.h"
}

namespace pp_test
{

/** A copy in the memory of the calling thread's device. */
template <class T> T *put(const std::vector<T> &from)
{
    void *memory = nullptr;
    ck_assert_int_eq(pp_backend_mock.alloc(from.size() * sizeof(T), &memory), PP_OK);
    ck_assert_int_eq(pp_backend_mock.upload(memory, from.data(), from.size() * sizeof(T)), PP_OK);
    return static_cast<T *>(memory);
}

/** Back from there, and given back. */
template <class T> std::vector<T> fetch(size_t count, T *from)
{
    std::vector<T> to(count);
    ck_assert_int_eq(pp_backend_mock.download(to.data(), from, count * sizeof(T)), PP_OK);
    pp_backend_mock.release(from);
    return to;
}

template <class T> bool same_bits(const std::vector<T> &a, const std::vector<T> &b)
{
    if (a.size() != b.size()) return false;
    return a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/** |a - b| / |a|. */
inline double apart(const std::vector<float> &a, const std::vector<float> &b)
{
    double sum = 0, norm = 0;
    ck_assert_uint_eq(a.size(), b.size());
    for (size_t i = 0; i < a.size(); i++) {
        sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
        norm += std::pow(static_cast<double>(a[i]), 2);
    }
    return std::sqrt(sum / norm);
}

inline double seconds_since(std::chrono::steady_clock::time_point start)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

enum class process { each_its_own, one };

/** One suite of one case; the exit code. seconds: of a test at most; each_its_own: a test's devices are its own. */
inline int run(const char *name, int seconds, process how,
               std::initializer_list<const TTest *> tests)
{
    Suite *suite = suite_create(name);
    TCase *one = tcase_create(name);
    tcase_set_timeout(one, seconds);
    for (const TTest *test : tests) tcase_add_test(one, test);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    if (how == process::one) srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

} // namespace pp_test

#endif
