/* Units of measure.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "io/units.h"

#include <stddef.h>
#include <string.h>

#include <strings.h>

typedef struct unit_row {
    pp_quantity quantity;
    const char *name;
    double factor;
} unit_row;

static const unit_row rows[] = {{PP_LENGTH, "m", 1},
                                {PP_LENGTH, "meter", 1},
                                {PP_LENGTH, "metre", 1},
                                {PP_LENGTH, "meters", 1},
                                {PP_LENGTH, "metres", 1},
                                {PP_LENGTH, "cm", 1e-2},
                                {PP_LENGTH, "mm", 1e-3},
                                {PP_LENGTH, "millimeter", 1e-3},
                                {PP_LENGTH, "millimetre", 1e-3},
                                {PP_LENGTH, "um", 1e-6},
                                {PP_LENGTH, "\xc2\xb5m", 1e-6},
                                {PP_LENGTH, "\xce\xbcm", 1e-6},
                                {PP_LENGTH, "micron", 1e-6},
                                {PP_LENGTH, "microns", 1e-6},
                                {PP_LENGTH, "micrometer", 1e-6},
                                {PP_LENGTH, "micrometre", 1e-6},
                                {PP_LENGTH, "nm", 1e-9},
                                {PP_LENGTH, "nanometer", 1e-9},
                                {PP_LENGTH, "nanometre", 1e-9},
                                {PP_LENGTH, "angstrom", 1e-10},
                                {PP_LENGTH, "A", 1e-10},
                                {PP_LENGTH, "\xc3\x85", 1e-10},
                                {PP_LENGTH, "pm", 1e-12},
                                {PP_ENERGY, "J", 1},
                                {PP_ENERGY, "joule", 1},
                                {PP_ENERGY, "eV", PP_EV},
                                {PP_ENERGY, "keV", 1e3 * PP_EV},
                                {PP_ENERGY, "MeV", 1e6 * PP_EV},
                                {PP_ENERGY, "GeV", 1e9 * PP_EV},
                                {PP_ANGLE, "degree", 0.017453292519943295769},
                                {PP_ANGLE, "degrees", 0.017453292519943295769},
                                {PP_ANGLE, "deg", 0.017453292519943295769},
                                {PP_ANGLE, "\xc2\xb0", 0.017453292519943295769},
                                {PP_ANGLE, "rad", 1},
                                {PP_ANGLE, "radian", 1},
                                {PP_ANGLE, "radians", 1},
                                {PP_ANGLE, "mrad", 1e-3}};

/* Short symbols keep their case (mm is not Mm); words and eV-like ones do not need it. */
static bool same(const char *unit, const char *name)
{
    if (strcmp(unit, name) == 0) return true;
    return (strlen(name) > 3 || strcmp(name, "eV") == 0 || strcmp(name, "keV") == 0) &&
           strcasecmp(unit, name) == 0;
}

bool pp_unit_factor(const char *unit, pp_quantity quantity, double *factor)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (rows[k].quantity == quantity && same(unit, rows[k].name)) {
            *factor = rows[k].factor;
            return true;
        }
    return false;
}

const char *pp_unit_choices(pp_quantity quantity)
{
    switch (quantity) {
    case PP_LENGTH:
        return "m, mm, um, nm, angstrom";
    case PP_ENERGY:
        return "J, eV, keV";
    case PP_ANGLE:
    default:
        return "degree, rad";
    }
}
