/* CXI and NeXus NXcxi_ptycho files: one scan of one view. Reading obeys units, guards ranges and names file and H5 path in
 * every error (PP_ERR_DATA); writing gives files that the reading takes.
 *
 * The H5 paths, the order in which they are tried and the axes are those of docs/conventions.md and docs/formats.md: the
 * translation moves the sample, the probe's position on the object is row +y, column +x for a standard detector.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_CXI_H
#define PP_CXI_H

#include <polyptych/stage.h>

#include "base/text.h"
#include "io/detector.h"
#include "io/h5.h"

typedef enum pp_cxi_layout { PP_LAYOUT_AUTO, PP_LAYOUT_ROWS, PP_LAYOUT_COLUMNS } pp_cxi_layout;

/** What the user says about a file; all zero: everything from the file. */
typedef struct pp_cxi_options {
    int layout;        /* pp_cxi_layout: translation (N, 3) or (3, N) */
    bool truncate;     /* more frames than positions (or fewer): use the smaller number */
    double wavelength; /* m; 0: from the file, like the next two */
    double distance, detector_pixel; /* m */
    pp_detector detector;
    bool swap;                      /* positions: rows and columns exchanged, */
    bool negate_row, negate_column; /* then their signs, */
    double scale, rotation;         /* then scale (0: 1) and rotation in rad, columns to rows */
} pp_cxi_options;

/** A file's description, from headers and small datasets. */
typedef struct pp_cxi {
    char *path;
    const char *frames_path, *translation_path, *mask_path, *dark_path; /* last two may be NULL */
    pp_h5_info frames;
    int64_t frames_in_file, positions_in_file, patterns; /* patterns: those used */
    bool columns;                                        /* the positions are (3, N) on disk */
    int64_t raw[2], n;                                   /* on disk; in memory */
    int64_t modes;        /* of the probe in the file; 0: none there */
    pp_geometry geometry; /* angle as in the file, NAN where it has none */
    double *grid;         /* [patterns][2] grid points (y, x), object pixels */
    pp_text warnings;     /* one a line */
} pp_cxi;

PP_MUST_CHECK pp_status pp_cxi_open(const char *path, const pp_cxi_options *options, pp_cxi *out);
void pp_cxi_free(pp_cxi *cxi);

typedef enum pp_frame_storage { PP_STORE_AUTO, PP_STORE_U16, PP_STORE_F32 } pp_frame_storage;

/** How counts are read. */
typedef struct pp_frame_rules {
    int storage; /* pp_frame_storage; auto: u16 where every value is a whole number below 65535 */
    double
        saturation; /* counts from here on are not measured; 0: only the integer type's maximum */
    const int64_t *dead; /* [dead_count][2] (row, column) on disk */
    int64_t dead_count;
    const char *mask_file; /* further mask, 0 = good; NULL: none */
    int64_t first, count;  /* frames [first, first + count); count 0: all that are used */
} pp_frame_rules;

/** What was found while reading. */
typedef struct pp_frame_facts {
    int64_t frames;
    double largest, mean;       /* counts of a pixel; counts of a frame */
    int64_t masked, unmeasured; /* pixels of the mask; single values beyond it */
    int64_t zero;               /* unmasked pixels that are 0 in every frame: data, not dead */
    double ceiling;             /* counts from here on are not measured; infinite: none */
} pp_frame_facts;

/** frames u16 or f32 [J][n][n] and mask u8 [n][n], zero frequency at [0, 0]. NaN and saturated values are not measured,
 *  negative ones 0, dark frames subtracted. facts may be NULL. */
PP_MUST_CHECK pp_status pp_cxi_read(const pp_cxi *cxi, const pp_cxi_options *options,
                                    const pp_frame_rules *rules, pp_array **frames, pp_array **mask,
                                    pp_frame_facts *facts);

/** f32 [n][n] in the order of the frames in memory: what a file of dark or empty frames of the detector's shape says lies under
 *  every frame of `cxi`; several frames: their mean; 0 in pixels that the mask [n][n] rules out. */
PP_MUST_CHECK pp_status pp_cxi_read_background(const char *path, const pp_cxi *cxi,
                                               const pp_cxi_options *options, const pp_array *mask,
                                               pp_array **out);

/** Probe in a CXI file, in a result file of this program, or a dataset `probe`: shape [M][n][n] or [n][n]. modes = 0:
 *  there is none. */
PP_MUST_CHECK pp_status pp_probe_describe(const char *path, int64_t *modes, int64_t *side);
/** c32 [M][n][n], centre at n / 2, as in the file. A probe of `full` pixels a side (the frames' side on disk) is cropped in
 *  Fourier space to n, as the frames are. */
PP_MUST_CHECK pp_status pp_probe_read(const char *path, int64_t full, int64_t n, pp_array **out);

/** One view to write. frames and mask (may be NULL) in the order of memory, positions grid points [J][2], probe c32
 *  [M][n][n] (may be NULL). geometry->angle (rad) is written as it is. */
typedef struct pp_cxi_view {
    const char *title; /* may be NULL */
    const pp_geometry *geometry;
    const pp_array *frames, *mask, *positions, *probe;
} pp_cxi_view;
/** Atomic; frames in chunks of one, gzip and shuffle. */
PP_MUST_CHECK pp_status pp_cxi_write(const char *path, const pp_cxi_view *view);

#endif
