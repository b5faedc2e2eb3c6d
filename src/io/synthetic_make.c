/* The campaign as a whole: the folder and who may write there, the views over the ranks, the truth.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "backend/fft.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "io/h5.h"
#include "io/synthetic.h"

static const char identity_name[] = "campaign.txt";

static bool is_ours(const char *name)
{
    return strncmp(name, "view_", 5) == 0 || strcmp(name, "angles.txt") == 0 ||
           strcmp(name, "truth.h5") == 0 || strcmp(name, identity_name) == 0;
}

/* Goes through the folder: counts what is there, or removes the files of a campaign. */
static pp_status sweep_folder(const char *folder, bool clear, int64_t *found)
{
    DIR *dir = opendir(folder);
    if (!dir) return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be listed", folder);
    pp_status status = PP_OK;
    *found = 0;
    for (const struct dirent *e; status == PP_OK && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *path = NULL;
        (*found)++;
        if (!clear || !is_ours(e->d_name)) continue;
        status = pp_path_join(folder, e->d_name, &path);
        if (status == PP_OK && unlink(path) != 0)
            status = PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be removed", path);
        pp_free(path);
    }
    (void)closedir(dir);
    return status;
}

/* Lines of `text` that do not stand in `other`, up to a few, for a message. */
static pp_status changed_lines(const char *text, const char *other, pp_text *out)
{
    int shown = 0;
    while (*text) {
        const size_t length = strcspn(text, "\n");
        bool same = false;
        for (const char *o = other; *o && !same; o += strcspn(o, "\n"), o += *o == '\n')
            same = strcspn(o, "\n") == length && strncmp(o, text, length) == 0;
        if (!same && length && shown++ < 8)
            PP_TRY(pp_text_add(out, "%s%.*s", shown > 1 ? ", " : "", (int)length, text));
        text += length + (text[length] == '\n');
    }
    return PP_OK;
}

static pp_status refuse_changed(const pp_synthetic *p, const char *was, const char *now)
{
    pp_text changed = {0};
    pp_status status = changed_lines(now, was, &changed);
    if (status == PP_OK)
        status = PP_FAIL(PP_ERR_CONFIG,
                         "%s: holds a simulated campaign of other parameters; now %s\n    name "
                         "another directory, or "
                         "say --restart to replace it",
                         p->directory, changed.length ? changed.data : "fewer parameters");
    pp_text_free(&changed);
    return status;
}

/* Whether the folder may be used; afterwards it holds our identity file. */
static pp_status claim(const pp_synthetic *p, const char *identity, bool replace, const char *path)
{
    int64_t found = 0;
    char *was = NULL;
    PP_TRY(pp_file_make_folders(p->directory));
    PP_TRY(sweep_folder(p->directory, false, &found));
    if (found && !pp_file_exists(path))
        return PP_FAIL(
            PP_ERR_CONFIG,
            "%s: is not empty and holds no simulated campaign (no %s); name another directory",
            p->directory, identity_name);
    if (found) {
        PP_TRY(pp_file_read(path, &was, NULL));
        pp_status status = PP_OK;
        const bool same = strcmp(was, identity) == 0;
        if (!same && !replace) status = refuse_changed(p, was, identity);
        pp_free(was);
        if (same || status != PP_OK) return status;
        PP_TRY(sweep_folder(p->directory, true, &found));
    }
    return pp_file_write(path, identity, strlen(identity));
}

static pp_status is_made(const pp_synthetic *p, const char *name, bool *out)
{
    char *path = NULL;
    PP_TRY(pp_path_join(p->directory, name, &path));
    *out = pp_file_exists(path);
    pp_free(path);
    return PP_OK;
}

static pp_status view_is_made(const pp_synthetic *p, int64_t view, bool *out)
{
    char *path = NULL;
    PP_TRY(pp_synthetic_path(p, view, &path));
    *out = pp_file_exists(path);
    pp_free(path);
    return PP_OK;
}

static pp_status write_angles(const pp_synthetic *p, const char *path)
{
    pp_text text = {0};
    pp_status status = pp_text_add(&text, "# file, angle in degrees\n");
    for (int64_t k = 0; k < p->views && status == PP_OK; k++)
        status = pp_text_add(&text, "view_%04lld.cxi %.6f\n", (long long)k,
                             pp_synthetic_angle(p, k) * (180 / 3.141592653589793));
    if (status == PP_OK) status = pp_file_write(path, text.data, text.length);
    pp_text_free(&text);
    return status;
}

/* delta and beta, a slice at a time. */
static pp_status put_volume(const pp_synthetic *p, const pp_specimen *specimen, pp_h5 *file)
{
    const int64_t n = p->width, slices = p->height == PP_AUTO ? p->width : p->height;
    const pp_view like = {.dtype = PP_F32, .ndim = 3, .shape = {slices, n, n}};
    pp_status status = PP_OK;
    float *delta = NULL, *beta = NULL;
    PP_TRY_TO(done, PP_ALLOC(n * n, &delta));
    PP_TRY_TO(done, PP_ALLOC(n * n, &beta));
    PP_TRY_TO(done, pp_h5_dataset(file, "/delta", &like, "1", true));
    PP_TRY_TO(done, pp_h5_dataset(file, "/beta", &like, "1", true));
    for (int64_t z = 0; z < slices; z++) {
        pp_specimen_voxels(specimen, (pp_slab){slices, n, z, 1}, delta, beta);
        PP_TRY_TO(done, pp_h5_put_rows(file, "/delta", z, 1, delta));
        PP_TRY_TO(done, pp_h5_put_rows(file, "/beta", z, 1, beta));
    }
done:
    pp_free(beta);
    pp_free(delta);
    return status;
}

/* Phase of the object in rad; index height / 2, width / 2 is grid point (0, 0). */
static pp_status put_phase(const pp_synthetic *p, const pp_specimen *specimen, pp_h5 *file)
{
    const pp_synthetic_optics o = pp_synthetic_optics_of(p);
    const int64_t height = p->height == PP_AUTO ? p->width : p->height, count = height * p->width;
    const double wave_number = 6.283185307179586 * o.pixel_size / o.wavelength;
    const float *sheet = pp_specimen_sheet_of(specimen);
    float *phase = NULL;
    PP_TRY(PP_ALLOC(count, &phase));
    for (int64_t i = 0; i < count; i++) phase[i] = (float)(-wave_number * (double)sheet[i]);
    const pp_status status =
        pp_h5_put(file, "/phase", (pp_view){phase, PP_F32, 2, {height, p->width}}, "rad");
    pp_free(phase);
    return status;
}

static pp_status put_probe(const pp_synthetic *p, pp_c32 *probe, pp_h5 *file)
{
    const int64_t n = p->detector_size;
    pp_view view = {probe, PP_C32, 3, {p->probe_modes, n, n}};
    if (p->probe_modes == 1) view = (pp_view){probe, PP_C32, 2, {n, n}};
    return pp_h5_put(file, "/probe", view, "sqrt(counts)");
}

static pp_status put_views(const pp_synthetic *p, pp_h5 *file)
{
    pp_status status = PP_OK;
    double *shifts = NULL, *angles = NULL;
    PP_TRY_TO(done, PP_ALLOC(2 * p->views, &shifts));
    PP_TRY_TO(done, PP_ALLOC(p->views, &angles));
    for (int64_t k = 0; k < p->views; k++) {
        pp_synthetic_shift(p, k, shifts + 2 * k);
        angles[k] = pp_synthetic_angle(p, k) * (180 / 3.141592653589793);
    }
    PP_TRY_TO(done,
              pp_h5_put(file, "/shifts", (pp_view){shifts, PP_F64, 2, {p->views, 2}}, "pixel"));
    PP_TRY_TO(done,
              pp_h5_put(file, "/angles_deg", (pp_view){angles, PP_F64, 1, {p->views}}, "degree"));
done:
    pp_free(angles);
    pp_free(shifts);
    return status;
}

static pp_status put_positions(const pp_synthetic *p, pp_h5 *file)
{
    for (int64_t k = 0; k < p->views; k++) {
        double *real = NULL;
        int64_t count = 0;
        pp_text name = {0};
        PP_TRY(pp_synthetic_positions(p, k, &real, NULL, &count));
        pp_status status = pp_text_add(&name, "/positions/%04lld", (long long)k);
        if (status == PP_OK)
            status = pp_h5_put(file, name.data, (pp_view){real, PP_F64, 2, {count, 2}}, "pixel");
        pp_text_free(&name);
        pp_free(real);
        PP_TRY(status);
    }
    return PP_OK;
}

static pp_status write_truth(const pp_synthetic *p, const pp_specimen *specimen, pp_c32 *probe,
                             const char *path)
{
    pp_h5 *file = NULL;
    pp_status status = PP_OK;
    PP_TRY(pp_h5_create(path, &file));
    PP_TRY_TO(done, pp_specimen_sheet_of(specimen) ? put_phase(p, specimen, file)
                                                   : put_volume(p, specimen, file));
    PP_TRY_TO(done,
              pp_h5_put_number(file, "/pixel_size", pp_synthetic_optics_of(p).pixel_size, "m"));
    PP_TRY_TO(done, put_probe(p, probe, file));
    PP_TRY_TO(done, put_views(p, file));
    PP_TRY_TO(done, put_positions(p, file));
    status = pp_h5_commit(&file);
done:
    pp_h5_close(&file);
    return status;
}

/* What rank 0 writes besides views; the truth last, so that its presence means that all was begun. */
static pp_status write_rest(const pp_synthetic *p, const pp_specimen *specimen, pp_c32 *probe)
{
    char *angles = NULL, *truth = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, pp_path_join(p->directory, "angles.txt", &angles));
    PP_TRY_TO(done, pp_path_join(p->directory, "truth.h5", &truth));
    if (!pp_file_exists(angles)) PP_TRY_TO(done, write_angles(p, angles));
    if (!pp_file_exists(truth)) PP_TRY_TO(done, write_truth(p, specimen, probe, truth));
done:
    pp_free(truth);
    pp_free(angles);
    return status;
}

static pp_status make_missing(const pp_synthetic *p, const pp_comm *comm, int threads)
{
    pp_status status = PP_OK;
    pp_specimen *specimen = NULL;
    pp_c32 *probe = NULL;
    const int rank = pp_comm_rank(comm), size = pp_comm_size(comm);
    PP_TRY_TO(done, pp_synthetic_specimen(p, &specimen));
    PP_TRY_TO(done, pp_synthetic_probe(p, &probe));
    for (int64_t k = rank; k < p->views; k += size) {
        bool made = false;
        PP_TRY_TO(done, view_is_made(p, k, &made));
        if (!made) PP_TRY_TO(done, pp_synthetic_make_view(p, specimen, probe, k, threads));
    }
    if (rank == 0) status = write_rest(p, specimen, probe);
done:
    pp_free(probe);
    pp_specimen_free(&specimen);
    return status;
}

static pp_status all_made(const pp_synthetic *p, bool *out)
{
    bool all = true;
    PP_TRY(is_made(p, "truth.h5", &all));
    if (all) PP_TRY(is_made(p, "angles.txt", &all));
    for (int64_t k = 0; k < p->views && all; k++) PP_TRY(view_is_made(p, k, &all));
    *out = all;
    return PP_OK;
}

static pp_status begin(const pp_synthetic *p, const char *identity, bool replace, bool *complete)
{
    char *path = NULL;
    PP_TRY(pp_path_join(p->directory, identity_name, &path));
    const pp_status status = claim(p, identity, replace, path);
    pp_free(path);
    PP_TRY(status);
    return all_made(p, complete);
}

pp_status pp_synthetic_make(const pp_synthetic *p, const char *identity, bool replace,
                            const pp_comm *comm, int threads)
{
    bool complete = false;
    const pp_status started =
        pp_comm_rank(comm) == 0 ? begin(p, identity, replace, &complete) : PP_OK;
    PP_TRY(pp_comm_agree(comm, started));
    PP_TRY(pp_comm_bcast(comm, &complete, sizeof complete, 0));
    if (complete) return PP_OK;
    pp_info("simulate: %lld views into %s", (long long)p->views, p->directory);
    /* estimated plans: rounding, and with it now and then a count, is the same on every rank and in every run */
    const pp_fft_effort before = pp_fft_set_effort(PP_FFT_ESTIMATE);
    const pp_status made = make_missing(p, comm, threads);
    (void)pp_fft_set_effort(before);
    return pp_comm_agree(comm, made);
}
