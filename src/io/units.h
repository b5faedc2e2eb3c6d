/* Units of measure that files use, as factors to SI (energies to J, angles to rad).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_UNITS_H
#define PP_UNITS_H

#include <stdbool.h>

typedef enum pp_quantity { PP_LENGTH, PP_ENERGY, PP_ANGLE } pp_quantity;

/** Factor of a unit's text ("um", "degree", "keV", ...); false if it is not known as one of this quantity. */
bool pp_unit_factor(const char *unit, pp_quantity quantity, double *factor);
/** "m, mm, um, ..." for messages. */
const char *pp_unit_choices(pp_quantity quantity);

/** h c in J m, e in C: wavelength = PP_HC / energy (CODATA 2018, exact). */
#define PP_HC 1.986445857148928e-25
#define PP_EV 1.602176634e-19

#endif
