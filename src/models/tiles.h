/* Tiles of one view's object: which device owns which pixels and patterns, and which pixels it needs.
 *
 * The object is cut into strips along x and each strip into tiles along y, in cores that cover every pixel once; tiles are
 * numbered strip by strip. A pattern belongs to the tile whose core holds its window's centre. The extended tile is the core
 * and the windows of the tile's patterns; all tiles of a strip share one extent along x, and extents grow so that along
 * both axes their ends never go backwards. So a pixel that two tiles of a chain hold is held by all tiles between them, whatever
 * the overlap, and sums that are passed on from neighbour to neighbour are complete.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_TILES_H
#define PP_TILES_H

#include <stdbool.h>

#include <polyptych/array.h>

enum { PP_TILES_MOST = 64 };

/** Pixels [from, to) along y and x. */
typedef struct pp_box {
    int64_t from[2], to[2];
} pp_box;

typedef struct pp_tiles {
    int count, strips;
    int first[PP_TILES_MOST + 1]; /* of each strip; then `count` */
    int strip[PP_TILES_MOST];     /* of each tile */
    pp_box core[PP_TILES_MOST], extended[PP_TILES_MOST];
    int64_t patterns[PP_TILES_MOST];
    int64_t object[2];
    double
        reach; /* pixels: tiles also take the patterns whose centre is so near to their core (Halo Voxel Exchange) */
} pp_tiles;

/** Cuts an object of `object` pixels into `devices` tiles of about the same number of patterns. corners [count][2]: where
 *  windows of n pixels begin; tile_of [count] is filled. Errors: PP_ERR_RUN for more than PP_TILES_MOST devices. */
PP_MUST_CHECK pp_status pp_tiles_cut(const double *corners, int64_t count, int64_t n,
                                     const int64_t object[2], int devices, pp_tiles *out,
                                     int32_t *tile_of);
/** The same from cores [tiles][4] (y0, x0, y1, x1) and tile_of that somebody else has made. Errors: PP_ERR_RUN where the
 *  cores are not strips of tiles that cover the object once. */
PP_MUST_CHECK pp_status pp_tiles_from(const int64_t *cores, int64_t tiles, const int32_t *tile_of,
                                      const double *corners, int64_t count, int64_t n,
                                      const int64_t object[2], pp_tiles *out);

/** cores [tiles][4] as pp_tiles_from reads them. */
PP_MUST_CHECK pp_status pp_tiles_array(const pp_tiles *tiles, pp_array **out);

/** Every tile also takes the patterns whose centres are within `reach` pixels of its core. Errors: PP_ERR_CONFIG where a tile is
 *  smaller than the surroundings that it then needs: voxels come from neighbours only. */
PP_MUST_CHECK pp_status pp_tiles_surround(pp_tiles *tiles, const double *corners, int64_t count,
                                          int64_t n, const int32_t *tile_of, double reach);
/** Whether pattern j, which tile `owner` owns, is worked on by tile k. */
bool pp_tiles_takes(const pp_tiles *tiles, int k, int32_t owner, const double corner[2], int64_t n);
/** Side of the square that one of `count` patterns has to itself, pixels: the step of a raster. */
double pp_tiles_step(const double *corners, int64_t count);

pp_box pp_box_common(const pp_box *a, const pp_box *b);
/** Pixels; 0 where it is empty. */
int64_t pp_box_area(const pp_box *box);

#endif
