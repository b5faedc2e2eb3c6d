/* Writing of projections.h5 and volume.h5.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "io/gather.h"
#include "io/h5.h"
#include "io/result.h"
#include "io/stack_file.h"
#include "io/units.h"
#include "version.h"

static const size_t chunk_bytes = (size_t)1 << 26;
static const double degrees = 57.295779513082320876798154814105; /* in a radian */

/* A file that rank 0 writes; NULL elsewhere. Errors are agreed on by the caller. */
typedef struct writer {
    pp_h5 *file;
    float *block; /* rank 0: one chunk of real numbers */
    int64_t pixels;
    bool needs_phase;
} writer;

static pp_status put_rows(void *context, int64_t first, int64_t count, const void *rows)
{
    const writer *self = context;
    return pp_h5_put_rows(self->file, "/exchange/data", first, count, rows);
}

/* Complex rows: themselves, their modulus, and their argument where there is no phase. */
static pp_status put_complex(void *context, int64_t first, int64_t count, const void *rows)
{
    writer *self = context;
    const pp_c32 *psi = rows;
    PP_TRY(pp_h5_put_rows(self->file, "/exchange1/data", first, count, rows));
    PP_TRY(pp_realloc((void **)&self->block, (size_t)(count * self->pixels) * sizeof(float)));
    for (int64_t k = 0; k < count * self->pixels; k++)
        self->block[k] = hypotf(psi[k].re, psi[k].im);
    PP_TRY(pp_h5_put_rows(self->file, "/exchange/data_amplitude", first, count, self->block));
    if (!self->needs_phase) return PP_OK;
    for (int64_t k = 0; k < count * self->pixels; k++)
        self->block[k] = atan2f(psi[k].im, psi[k].re);
    return pp_h5_put_rows(self->file, "/exchange/data", first, count, self->block);
}

static pp_status put_angles(pp_h5 *file, const pp_array *theta)
{
    const int64_t count = pp_array_size(theta, 0);
    pp_array *degree = NULL;
    PP_TRY(pp_array_create_1d(PP_F64, count, "degree", &degree));
    const double *from = pp_array_read(theta);
    double *to = pp_array_data(degree);
    for (int64_t k = 0; k < count; k++) to[k] = from[k] * degrees;
    const pp_status status = pp_h5_put_array(file, "/exchange/theta", degree);
    pp_array_free(&degree);
    PP_TRY(status);
    return pp_h5_put_array(file, "/process/theta", theta); /* exact, for reading again */
}

/* data_white is one frame of ones, data_dark one of zeros: nothing is left to normalise. */
static pp_status put_flat(pp_h5 *file, const char *where, int64_t ny, int64_t nx, float value)
{
    const int64_t shape[] = {1, ny, nx};
    pp_array *frame = NULL;
    PP_TRY(pp_array_create(PP_F32, 3, shape, "1", &frame));
    float *v = pp_array_data(frame);
    for (int64_t k = 0; k < ny * nx; k++) v[k] = value;
    const pp_status status = pp_h5_put_array(file, where, frame);
    pp_array_free(&frame);
    return status;
}

static pp_status set_class(pp_h5 *file, const char *where, const char *name)
{
    if (pp_h5_kind_of(file, where) == PP_H5_NONE) PP_TRY(pp_h5_group(file, where));
    return pp_h5_set_text(file, where, "NX_class", name);
}

static pp_status put_image_key(pp_h5 *file, int64_t views)
{
    pp_array *key = NULL;
    PP_TRY(pp_array_create_1d(PP_I32, views, "1", &key)); /* 0: a projection */
    const pp_status status = pp_h5_put_array(file, "/entry/instrument/detector/image_key", key);
    pp_array_free(&key);
    return status;
}

/* NXtomo: the same data under its names. */
static pp_status put_nxtomo(pp_h5 *file, int64_t views)
{
    PP_TRY(set_class(file, "/entry", "NXentry"));
    PP_TRY(pp_h5_put_text(file, "/entry/definition", "NXtomo"));
    PP_TRY(put_image_key(file, views));
    PP_TRY(set_class(file, "/entry/instrument", "NXinstrument"));
    PP_TRY(set_class(file, "/entry/instrument/detector", "NXdetector"));
    PP_TRY(pp_h5_link(file, "/exchange/data", "/entry/instrument/detector/data"));
    PP_TRY(pp_h5_link(file, "/exchange/theta", "/entry/sample/rotation_angle"));
    PP_TRY(set_class(file, "/entry/sample", "NXsample"));
    PP_TRY(pp_h5_link(file, "/exchange/data", "/entry/data/data"));
    PP_TRY(pp_h5_link(file, "/exchange/theta", "/entry/data/rotation_angle"));
    PP_TRY(pp_h5_link(file, "/entry/instrument/detector/image_key", "/entry/data/image_key"));
    PP_TRY(set_class(file, "/entry/data", "NXdata"));
    PP_TRY(pp_h5_set_text(file, "/entry/data", "signal", "data"));
    PP_TRY(pp_h5_set_text(file, "/entry", "default", "data"));
    return pp_h5_set_text(file, "/", "default", "entry");
}

static pp_status put_identity(pp_h5 *file, const pp_file_facts *facts)
{
    if (!facts->hash) return PP_OK;
    return pp_identity_write(file, facts->hash, facts->parameters);
}

/* Everything small, and the large datasets empty. */
static pp_status begin_projections(writer *self, const char *path, const pp_stack_ports *ports,
                                   const pp_file_facts *facts)
{
    const pp_array *psi = ports->projections;
    const int64_t ny = pp_array_size(psi, 1), nx = pp_array_size(psi, 2);
    pp_view like = {.dtype = PP_F32, .ndim = 3, .shape = {pp_array_total_rows(psi), ny, nx}};
    PP_TRY(pp_h5_create(path, &self->file));
    pp_h5 *file = self->file;
    PP_TRY(pp_h5_put_text(file, "/implements", "exchange:measurement:process"));
    PP_TRY(pp_h5_dataset(file, "/exchange/data", &like, "rad", false));
    PP_TRY(pp_h5_set_text(file, "/exchange/data", "axes", "theta:y:x"));
    PP_TRY(pp_h5_set_text(file, "/exchange/data", "description",
                          "phase of the transmission, -2 pi / wavelength times the line integral "
                          "of delta; use without a logarithm"));
    PP_TRY(pp_h5_set_integer(file, "/exchange/data", "wrapped", ports->wrapped || !ports->phase));
    PP_TRY(pp_h5_dataset(file, "/exchange/data_amplitude", &like, "1", false));
    like.dtype = PP_C32;
    PP_TRY(pp_h5_dataset(file, "/exchange1/data", &like, "1", false));
    PP_TRY(pp_h5_set_text(file, "/exchange1/data", "axes", "theta:y:x"));
    PP_TRY(put_angles(file, ports->theta));
    PP_TRY(put_flat(file, "/exchange/data_white", ny, nx, 1));
    PP_TRY(put_flat(file, "/exchange/data_dark", ny, nx, 0));
    PP_TRY(pp_h5_put_number(file, "/exchange/pixel_size", facts->pixel_size, "m"));
    if (facts->wavelength > 0)
        PP_TRY(pp_h5_put_number(file, "/measurement/instrument/monochromator/energy",
                                PP_HC / facts->wavelength / PP_EV / 1e3, "keV"));
    if (facts->wavelength > 0)
        PP_TRY(pp_h5_put_number(file, "/process/wavelength", facts->wavelength, "m"));
    if (ports->views) PP_TRY(pp_h5_put_array(file, "/process/view", ports->views));
    if (ports->shifts) PP_TRY(pp_h5_put_array(file, "/process/shifts", ports->shifts));
    if (ports->centre) PP_TRY(pp_h5_put_array(file, "/process/centre", ports->centre));
    if (ports->sinogram) PP_TRY(pp_h5_put_array(file, "/process/sinogram", ports->sinogram));
    PP_TRY(put_nxtomo(file, like.shape[0]));
    return put_identity(file, facts);
}

static pp_status finish(writer *self, const pp_comm *comm, pp_status status)
{
    pp_free(self->block);
    if (status == PP_OK && self->file) status = pp_h5_commit(&self->file);
    pp_h5_close(&self->file);
    return pp_comm_agree(comm, status);
}

pp_status pp_projections_write(const char *path, const pp_stack_ports *ports,
                               const pp_file_facts *facts, const pp_comm *comm)
{
    const pp_array *psi = ports->projections;
    writer self = {.pixels = pp_array_size(psi, 1) * pp_array_size(psi, 2),
                   .needs_phase = !ports->phase};
    pp_status status = PP_OK;
    if (pp_comm_rank(comm) == 0) status = begin_projections(&self, path, ports, facts);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK && ports->phase)
        status = pp_gather(ports->phase, comm, chunk_bytes, put_rows, &self);
    if (status == PP_OK) status = pp_gather(psi, comm, chunk_bytes, put_complex, &self);
    return finish(&self, comm, status);
}

static pp_status put_axis(pp_h5 *file, const char *where, int64_t count, double pixel)
{
    pp_array *axis = NULL;
    PP_TRY(pp_array_create_1d(PP_F64, count, "m", &axis));
    double *v = pp_array_data(axis);
    for (int64_t k = 0; k < count; k++) v[k] = (double)(k - count / 2) * pixel;
    const pp_status status = pp_h5_put_array(file, where, axis);
    pp_array_free(&axis);
    return status;
}

static pp_status put_program(pp_h5 *file)
{
    char now[PP_CLOCK_TEXT];
    pp_clock_text(now);
    PP_TRY(pp_h5_put_text(file, "/entry/reconstruction/program", "polyptych"));
    PP_TRY(pp_h5_put_text(file, "/entry/reconstruction/version", PP_VERSION));
    PP_TRY(pp_h5_put_text(file, "/entry/reconstruction/date", now));
    PP_TRY(pp_h5_put_text(file, "/entry/reconstruction/parameters/raw_file", "projections.h5"));
    return set_class(file, "/entry/reconstruction", "NXprocess");
}

/* Fourier shell correlation of two half volumes. */
static pp_status put_curves(pp_h5 *file, const pp_array *curves)
{
    static const char where[] = "/process/shell_correlation";
    const pp_view like = {
        .dtype = PP_F64, .ndim = 2, .shape = {pp_array_size(curves, 0), pp_array_size(curves, 1)}};
    PP_TRY(pp_h5_dataset(file, where, &like, "1", false));
    PP_TRY(pp_h5_put_rows(file, where, 0, like.shape[0], pp_array_read(curves)));
    return pp_h5_set_text(
        file, where, "columns",
        "frequency (cycles a pixel), shell correlation, its half-bit threshold, ring "
        "correlation, its half-bit threshold");
}

static pp_status begin_volume(writer *self, const char *path, const pp_array *delta,
                              const pp_array *beta, const pp_file_facts *facts)
{
    static const char *const axes[] = {"/entry/data/z", "/entry/data/y", "/entry/data/x"};
    pp_view like = {.dtype = PP_F32, .ndim = 3, .shape = {pp_array_total_rows(delta)}};
    for (int k = 1; k < 3; k++) like.shape[k] = pp_array_size(delta, k);
    PP_TRY(pp_h5_create(path, &self->file));
    pp_h5 *file = self->file;
    PP_TRY(pp_h5_put_text(file, "/entry/definition", "NXtomoproc"));
    PP_TRY(set_class(file, "/entry", "NXentry"));
    PP_TRY(pp_h5_dataset(file, "/entry/data/delta", &like, "1", false));
    if (beta) PP_TRY(pp_h5_dataset(file, "/entry/data/beta", &like, "1", false));
    PP_TRY(pp_h5_link(file, "/entry/data/delta", "/entry/data/data"));
    for (int k = 0; k < 3; k++) PP_TRY(put_axis(file, axes[k], like.shape[k], facts->pixel_size));
    PP_TRY(pp_h5_put_number(file, "/entry/data/pixel_size", facts->pixel_size, "m"));
    PP_TRY(set_class(file, "/entry/data", "NXdata"));
    PP_TRY(pp_h5_set_text(file, "/entry/data", "signal", "data"));
    PP_TRY(pp_h5_set_text(file, "/entry", "default", "data"));
    PP_TRY(pp_h5_set_text(file, "/", "default", "entry"));
    PP_TRY(put_program(file));
    if (facts->shell_correlation) PP_TRY(put_curves(file, facts->shell_correlation));
    if (facts->joint_shifts)
        PP_TRY(pp_h5_put_array(file, "/process/joint_shifts", facts->joint_shifts));
    return put_identity(file, facts);
}

static pp_status put_delta(void *context, int64_t first, int64_t count, const void *rows)
{
    const writer *self = context;
    return pp_h5_put_rows(self->file, "/entry/data/delta", first, count, rows);
}

static pp_status put_beta(void *context, int64_t first, int64_t count, const void *rows)
{
    const writer *self = context;
    return pp_h5_put_rows(self->file, "/entry/data/beta", first, count, rows);
}

pp_status pp_volume_write(const char *path, const pp_array *delta, const pp_array *beta,
                          const pp_file_facts *facts, const pp_comm *comm)
{
    writer self = {0};
    pp_status status = PP_OK;
    if (pp_comm_rank(comm) == 0) status = begin_volume(&self, path, delta, beta, facts);
    status = pp_comm_agree(comm, status);
    if (status == PP_OK) status = pp_gather(delta, comm, chunk_bytes, put_delta, &self);
    if (status == PP_OK && beta) status = pp_gather(beta, comm, chunk_bytes, put_beta, &self);
    return finish(&self, comm, status);
}
