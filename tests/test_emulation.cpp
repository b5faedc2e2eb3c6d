/* The emulated device obeys a device's rules: each planted mistake is found, and right programs give right results in every
 * order of threads and schedule.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <cmath>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include <check.h>

#include "backend/mock/include/cuda_runtime.h"
#include "backend/mock/include/cufft.h"
#include "backend/mock/include/nccl.h"

using namespace pp_emulation;

namespace
{

sigjmp_buf back;
void fault(int)
{
    siglongjmp(back, 1);
}

/* Whether running `f` faults. */
template <class F> bool faults(F f)
{
    struct sigaction mine = {}, old_segv, old_bus;
    mine.sa_handler = fault;
    mine.sa_flags = SA_NODEFER | SA_ONSTACK;
    sigaction(SIGSEGV, &mine, &old_segv);
    sigaction(SIGBUS, &mine, &old_bus);
    volatile bool hit = true;
    if (sigsetjmp(back, 1) == 0) {
        f();
        hit = false;
    }
    sigaction(SIGSEGV, &old_segv, nullptr);
    sigaction(SIGBUS, &old_bus, nullptr);
    return hit;
}

const order orders[] = {order::ascending, order::descending, order::shuffled};

template <class T> T *device_array(size_t count)
{
    void *p = nullptr;
    ck_assert_int_eq(cudaMalloc(&p, count * sizeof(T)), cudaSuccess);
    return static_cast<T *>(p);
}

template <class T> std::vector<T> download(const T *from, size_t count)
{
    std::vector<T> out(count);
    ck_assert_int_eq(cudaMemcpy(out.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost),
                     cudaSuccess);
    return out;
}

template <class T> void upload(T *to, const std::vector<T> &from)
{
    ck_assert_int_eq(cudaMemcpy(to, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice),
                     cudaSuccess);
}

void sum_rows(const float *a, double *out, int n)
{
    PP_SHARED_BEGIN;
    PP_SHARED(double, part, 8);
    float s = 0;
    for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x))
        s += a[blockIdx.x * static_cast<unsigned>(n) + static_cast<unsigned>(i)];
    for (unsigned d = 16; d; d /= 2) s += __shfl_down_sync(0xffffffffu, s, d);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        double t = 0;
        for (unsigned w = 0; w < blockDim.x / 32; w++) t += part[w];
        out[blockIdx.x] = t;
    }
}

void mirror_without_barrier(const float *a, float *out)
{
    PP_SHARED_BEGIN;
    PP_SHARED(float, tile, 256);
    tile[threadIdx.x] = a[threadIdx.x];
    out[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

void scale(float *a, float s, int n)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < static_cast<unsigned>(n)) a[i] = a[i] * s + 1;
}

void barrier_in_a_branch(float *a)
{
    if (threadIdx.x < 40) __syncthreads();
    a[threadIdx.x] = 1;
}

void two_barriers(float *a)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncwarp();
    a[threadIdx.x] = 1;
    if (threadIdx.x >= 32) __syncthreads();
}

void beyond_the_end(float *a, int n)
{
    a[static_cast<unsigned>(n) + threadIdx.x] = 0;
}

void shared_beyond(float *out)
{
    PP_SHARED_BEGIN;
    PP_SHARED(float, tile, 1024);
    tile[1024 + threadIdx.x] = 1;
    out[threadIdx.x] = tile[threadIdx.x];
}

void warps_take_turns(float *out)
{
    float s = static_cast<float>(threadIdx.x);
    for (unsigned k = 0; k <= threadIdx.x / 32; k++) s += __shfl_xor_sync(0xffffffffu, s, 1);
    __syncthreads();
    out[threadIdx.x] = s;
}

void start_clean()
{
    cudaDeviceSynchronize();
    clear_error();
    set_order(order::ascending);
}

} // namespace

START_TEST(right_sums_in_every_order)
{
    start_clean();
    const int rows = 40, n = 1000;
    std::vector<float> host(static_cast<size_t>(rows * n));
    for (size_t i = 0; i < host.size(); i++) host[i] = static_cast<float>(i % 7);
    float *a = device_array<float>(host.size());
    double *sums = device_array<double>(rows);
    upload(a, host);
    std::vector<double> first;
    for (order o : orders) {
        set_order(o);
        PP_LAUNCH(sum_rows, rows, 256, 8 * sizeof(double), nullptr, a, sums, n);
        const auto got = download(sums, rows);
        if (first.empty()) first = got;
        for (size_t r = 0; r < rows; r++) ck_assert(got[r] == first[r]);
    }
    double want = 0;
    for (int i = 0; i < n; i++) want += i % 7;
    ck_assert(first[0] == want);
    ck_assert_ptr_null(error());
    cudaFree(a), cudaFree(sums);
}
END_TEST

START_TEST(a_missing_barrier_changes_the_result)
{
    start_clean();
    std::vector<float> host(256);
    for (size_t i = 0; i < 256; i++) host[i] = static_cast<float>(i);
    float *a = device_array<float>(256), *b = device_array<float>(256);
    upload(a, host);
    int wrong = 0;
    for (order o : orders) {
        set_order(o);
        PP_LAUNCH(mirror_without_barrier, 1, 256, 256 * sizeof(float), nullptr, a, b);
        const auto got = download(b, 256);
        bool right = true;
        for (size_t i = 0; i < 256; i++) right = right && got[i] == host[255 - i];
        wrong += !right;
    }
    ck_assert_int_eq(wrong, 3);
    cudaFree(a), cudaFree(b);
}
END_TEST

START_TEST(the_host_cannot_touch_device_memory)
{
    start_clean();
    float *a = device_array<float>(16);
    ck_assert(faults([&] { (void)*static_cast<volatile float *>(a); }));
    ck_assert(std::isnan(download(a, 16)[3]));
    cudaFree(a);
}
END_TEST

START_TEST(a_host_pointer_given_to_a_copy_is_refused)
{
    start_clean();
    float host[4], *a = device_array<float>(4);
    ck_assert_int_eq(cudaMemcpy(host, host, sizeof host, cudaMemcpyDeviceToHost),
                     cudaErrorInvalidValue);
    ck_assert_int_eq(cudaMemcpy(a, a, 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    cudaFree(a);
}
END_TEST

START_TEST(an_index_out_of_range_faults)
{
    start_clean();
    set_workers(1);
    float *a = device_array<float>(1024);
    ck_assert(faults([&] {
        PP_LAUNCH(beyond_the_end, 1, 32, 0, nullptr, a, 1024);
        cudaDeviceSynchronize();
    }));
    start_clean();
    ck_assert(faults([&] {
        PP_LAUNCH(shared_beyond, 1, 32, 4096, nullptr, a);
        cudaDeviceSynchronize();
    }));
    set_workers(0);
}
END_TEST

START_TEST(a_barrier_that_a_part_does_not_reach_is_an_error)
{
    start_clean();
    float *a = device_array<float>(64);
    PP_LAUNCH(barrier_in_a_branch, 1, 64, 0, nullptr, a);
    ck_assert_int_eq(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    ck_assert_ptr_nonnull(strstr(error(), "barrier"));
    start_clean();
    PP_LAUNCH(two_barriers, 1, 64, 0, nullptr, a);
    ck_assert_int_eq(cudaDeviceSynchronize(), cudaSuccess);
    cudaFree(a);
}
END_TEST

START_TEST(a_missing_wait_between_queues_changes_the_result)
{
    start_clean();
    float *a = device_array<float>(64);
    cudaStream_t p, q;
    cudaStreamCreateWithFlags(&p, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&q, cudaStreamNonBlocking);
    cudaEvent_t done;
    cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
    for (int with_event = 0; with_event < 2; with_event++) {
        int different = 0;
        for (uint64_t seed = 0; seed < 32; seed++) {
            set_seed(seed);
            upload(a, std::vector<float>(64, 1.0f));
            PP_LAUNCH(scale, 1, 64, 0, p, a, 2.0f, 64);
            if (with_event) {
                cudaEventRecord(done, p);
                cudaStreamWaitEvent(q, done, 0);
            }
            PP_LAUNCH(scale, 1, 64, 0, q, a, 3.0f, 64);
            cudaDeviceSynchronize();
            different += download(a, 64)[0] != 10.0f;
        }
        ck_assert(with_event ? different == 0 : different > 0);
    }
    cudaEventDestroy(done);
    cudaStreamDestroy(p), cudaStreamDestroy(q);
    cudaFree(a);
}
END_TEST

START_TEST(a_missing_synchronisation_reads_too_early)
{
    start_clean();
    float *a = device_array<float>(64);
    cudaStream_t p;
    cudaStreamCreateWithFlags(&p, cudaStreamNonBlocking);
    int early = 0;
    for (uint64_t seed = 0; seed < 32; seed++) {
        set_seed(seed);
        std::vector<float> host(64, 1.0f);
        cudaMemcpyAsync(a, host.data(), 256, cudaMemcpyHostToDevice, p);
        PP_LAUNCH(scale, 1, 64, 0, p, a, 2.0f, 64);
        cudaMemcpyAsync(host.data(), a, 256, cudaMemcpyDeviceToHost, p);
        early += host[0] != 3.0f;
        cudaStreamSynchronize(p);
        ck_assert(host[0] == 3.0f);
    }
    ck_assert(early > 0);
    cudaStreamDestroy(p);
    cudaFree(a);
}
END_TEST

START_TEST(warps_may_do_different_numbers_of_shuffles)
{
    start_clean();
    float *a = device_array<float>(128);
    std::vector<float> first;
    for (order o : orders) {
        set_order(o);
        PP_LAUNCH(warps_take_turns, 1, 128, 0, nullptr, a);
        const auto got = download(a, 128);
        if (first.empty()) first = got;
        ck_assert(got == first);
    }
    ck_assert(first[0] == 1 && first[33] == 2 * (32 + 33));
    ck_assert_ptr_null(error());
    cudaFree(a);
}
END_TEST

START_TEST(transforms_there_and_back)
{
    start_clean();
    int size[2] = {12, 8};
    cufftHandle plan;
    ck_assert_int_eq(cufftPlanMany(&plan, 2, size, nullptr, 1, 96, nullptr, 1, 96, CUFFT_C2C, 3),
                     CUFFT_SUCCESS);
    std::vector<float2> host(288);
    for (size_t i = 0; i < host.size(); i++)
        host[i] = {static_cast<float>(i % 13), static_cast<float>(i % 5)};
    float2 *a = device_array<float2>(288);
    upload(a, host);
    ck_assert_int_eq(cufftExecC2C(plan, a, a, CUFFT_FORWARD), CUFFT_SUCCESS);
    float re = 0;
    for (size_t i = 0; i < 96; i++) re += host[i].x;
    ck_assert(std::fabs(download(a, 288)[0].x - re) < 1e-3f);
    ck_assert_int_eq(cufftExecC2C(plan, a, a, CUFFT_INVERSE), CUFFT_SUCCESS);
    const auto got = download(a, 288);
    for (size_t i = 0; i < 288; i++) ck_assert(std::fabs(got[i].x / 96 - host[i].x) < 1e-4f);
    cufftDestroy(plan);
    ck_assert_int_eq(cufftExecC2C(plan, a, a, CUFFT_FORWARD), CUFFT_INVALID_PLAN);
    cudaFree(a);
}
END_TEST

/* One host thread a device: sum over the ranks, then each sends its number to the next. */
static void drive(int rank, int size, ncclComm_t comm, int *wrong)
{
    cudaSetDevice(rank);
    cudaStream_t queue;
    cudaStreamCreateWithFlags(&queue, cudaStreamNonBlocking);
    double *a = nullptr, *b = nullptr;
    cudaMalloc(reinterpret_cast<void **>(&a), 64);
    cudaMalloc(reinterpret_cast<void **>(&b), 64);
    double value = rank + 1, got[2];
    cudaMemcpyAsync(a, &value, 8, cudaMemcpyHostToDevice, queue);
    ncclAllReduce(a, b, 1, ncclFloat64, ncclSum, comm, queue);
    ncclGroupStart();
    ncclSend(a, 1, ncclFloat64, (rank + 1) % size, comm, queue);
    ncclRecv(b + 1, 1, ncclFloat64, (rank + size - 1) % size, comm, queue);
    ncclGroupEnd();
    cudaMemcpyAsync(got, b, 16, cudaMemcpyDeviceToHost, queue);
    cudaStreamSynchronize(queue);
    *wrong = got[0] != size * (size + 1) / 2.0 || got[1] != (rank + size - 1) % size + 1;
    cudaFree(a), cudaFree(b);
    cudaStreamDestroy(queue);
}

START_TEST(ranks_meet)
{
    start_clean();
    set_devices(8);
    for (int size : {1, 2, 3, 8}) {
        std::vector<ncclComm_t> comms(static_cast<size_t>(size));
        ck_assert_int_eq(ncclCommInitAll(comms.data(), size, nullptr), ncclSuccess);
        std::vector<int> wrong(static_cast<size_t>(size), 1);
        std::vector<std::thread> threads;
        for (int r = 0; r < size; r++)
            threads.emplace_back(drive, r, size, comms[static_cast<size_t>(r)],
                                 &wrong[static_cast<size_t>(r)]);
        for (auto &t : threads) t.join();
        for (int w : wrong) ck_assert_int_eq(w, 0);
        for (auto &c : comms) ncclCommDestroy(c);
    }
    ck_assert_ptr_null(error());
}
END_TEST

int main()
{
    Suite *suite = suite_create("emulation");
    TCase *one = tcase_create("emulation");
    tcase_add_test(one, right_sums_in_every_order);
    tcase_add_test(one, a_missing_barrier_changes_the_result);
    tcase_add_test(one, the_host_cannot_touch_device_memory);
    tcase_add_test(one, a_host_pointer_given_to_a_copy_is_refused);
    tcase_add_test(one, a_barrier_that_a_part_does_not_reach_is_an_error);
    tcase_add_test(one, a_missing_wait_between_queues_changes_the_result);
    tcase_add_test(one, a_missing_synchronisation_reads_too_early);
    tcase_add_test(one, warps_may_do_different_numbers_of_shuffles);
    tcase_add_test(one, transforms_there_and_back);
    tcase_add_test(one, ranks_meet);
    tcase_add_test(one, an_index_out_of_range_faults);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
