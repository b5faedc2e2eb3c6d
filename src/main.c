/* The program: everything is in the library.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/polyptych.h>

int main(int argc, char **argv)
{
    return pp_main(argc, argv);
}
