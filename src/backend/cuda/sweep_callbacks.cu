/* A sweep's transforms that fetch their elements through callbacks: plans, and the tables that the callbacks read.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <cufftXt.h>

#include "backend/cuda/callbacks.h"
#include "backend/cuda/sweep.h"

extern "C" {
#include "base/alloc.h"
}

#ifndef PP_MOCK
/* Assembled from what nvcc makes of callbacks/ (cmake/Cuda.cmake). */
extern "C" const char pp_image_load_product[], pp_image_load_product_end[],
    pp_image_load_residual[], pp_image_load_residual_end[];
#endif

namespace PP_DEVICE
{
namespace
{

#ifdef PP_MOCK
const pp_mock_callback product_image = {"pp_load_product", load_product},
                       residual_image = {"pp_load_residual", load_residual};
load_callback product_callback()
{
    return {product_image.name, &product_image, sizeof product_image};
}
load_callback residual_callback()
{
    return {residual_image.name, &residual_image, sizeof residual_image};
}
#else
load_callback product_callback()
{
    return {"pp_load_product", pp_image_load_product,
            static_cast<size_t>(pp_image_load_product_end - pp_image_load_product)};
}
load_callback residual_callback()
{
    return {"pp_load_residual", pp_image_load_residual,
            static_cast<size_t>(pp_image_load_residual_end - pp_image_load_residual)};
}
#endif

/* One place of a table, in the order of the queue. */
template <class T> __global__ void tell_kernel(T *to, T value)
{
    *to = value;
}

bool same(const products &a, const products &b)
{
    return a.p.at == b.p.at && a.p.stride == b.p.stride && a.o == b.o && a.p2.at == b.p2.at &&
           a.p2.stride == b.p2.stride && a.o2 == b.o2;
}

pp_status make_tables(sweep *s)
{
    callback_tables *const t = &s->tables;
    const int64_t batches = s->batches;
    PP_TRY(PP_ALLOC(USES * batches, &t->told));
    PP_TRY(PP_ALLOC(batches, &t->frames));
    PP_TRY(take(static_cast<size_t>(USES * batches), &t->product));
    t->info[0] = t->product;
    if (!residual_is_loaded(s)) return PP_OK;
    PP_TRY(take(static_cast<size_t>(batches), &t->residual));
    PP_TRY(take(static_cast<size_t>(s->slots), &t->limit));
    t->info[1] = t->residual;
    return PP_OK;
}

int size_of(const sweep *s, int i)
{
    return s->of[i].count == s->sizes[0] ? 0 : 1;
}

/* cuFFT has no input array here: the callback gets this address. */
template <class T> cufftComplex *input(T *source)
{
    return reinterpret_cast<cufftComplex *>(source);
}

} // namespace

bool residual_is_loaded(const sweep *s)
{
    return s->base.setup.callbacks && s->base.setup.modes == 1;
}

pp_status make_callbacks(sweep *s, size_t *bytes)
{
    const pp_sweep_setup *u = &s->base.setup;
    callback_tables *const t = &s->tables;
    PP_TRY(make_tables(s));
    for (int i = 0; i < 2; i++) {
        const int64_t count = s->sizes[i] * u->modes;
        if (count == 0) continue;
        PP_TRY(make_loading_transforms(u->n, count, product_callback(), &t->info[0], bytes,
                                       &s->plans[PRODUCT + i]));
        if (residual_is_loaded(s))
            PP_TRY(make_loading_transforms(u->n, count, residual_callback(), &t->info[1], bytes,
                                           &s->plans[RESIDUAL + i]));
    }
    return PP_OK;
}

void free_callbacks(sweep *s)
{
    callback_tables *const t = &s->tables;
    give(t->product), give(t->residual), give(t->limit);
    pp_free(t->told), pp_free(t->frames);
}

pp_status transform_product(sweep *s, cudaStream_t q, int i, int use, pp_c32 *to, const products &f)
{
    const int64_t place = static_cast<int64_t>(use) * s->batches + i;
    product_source *const source = s->tables.product + place;
    if (!same(s->tables.told[place], f)) {
        const product_source value = {scene_of(s, s->of[i]), f};
        PP_LAUNCH((tell_kernel<product_source>), 1, 1, 0, q, source, value);
        s->tables.told[place] = f;
    }
    return PP_CHECK_FFT(cufftExecC2C(s->plans[PRODUCT + size_of(s, i)], input(source),
                                     reinterpret_cast<cufftComplex *>(to), CUFFT_FORWARD));
}

pp_status transform_residual(sweep *s, cudaStream_t q, int i, pp_c32 *near, const pp_c32 *far,
                             const void *frames)
{
    residual_source *const source = s->tables.residual + i;
    if (s->tables.frames[i] != frames) {
        const residual_source value = {scene_of(s, s->of[i]), measurement_of(s, frames), far,
                                       s->tables.limit + s->of[i].first};
        PP_LAUNCH((tell_kernel<residual_source>), 1, 1, 0, q, source, value);
        s->tables.frames[i] = frames;
    }
    return PP_CHECK_FFT(cufftExecC2C(s->plans[RESIDUAL + size_of(s, i)], input(source),
                                     reinterpret_cast<cufftComplex *>(near), CUFFT_INVERSE));
}

} // namespace PP_DEVICE
