/* clip: limits the modulus of each view's object, |object| <= largest; the phase stays.
 *
 * A stage of one's own is one C file: a parameter struct with its table, a port table, `run`, PP_STAGE, and PP_PLUGIN once a
 * shared object. `polyptych stages clip` prints what is declared here.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <polyptych/polyptych.h>

typedef struct clip {
    double largest;
} clip;

static const pp_param params[] = {
    PP_REAL(clip, largest, 1.2, 0, 1e6, "1", "largest modulus of the object; air is 1"),
    PP_PARAM_END};

static const pp_port ports[] = {
    {"object", PP_INOUT, PP_DTYPE_BIT(PP_C32), {PP_AXIS_Y, PP_AXIS_X}, "1"}, PP_PORT_END};

static pp_status run(const void *params_, pp_context *context)
{
    const clip *p = params_;
    pp_array *object = pp_context_edit(context, "object");
    pp_c32 *psi = pp_array_data(object);
    int64_t changed = 0;
    for (int64_t i = 0; i < pp_array_count(object); i++) {
        const double modulus = hypot(psi[i].re, psi[i].im);
        if (modulus <= p->largest) continue;
        psi[i].re *= (float)(p->largest / modulus);
        psi[i].im *= (float)(p->largest / modulus);
        changed++;
    }
    pp_context_fact(context, "pixels", "%lld", (long long)changed);
    return PP_OK;
}

PP_STAGE(clip, .summary = "limits the modulus of the object", .scope = PP_SCOPE_VIEW,
         .ports = ports, .params = params, .params_size = sizeof(clip), .run = run);

PP_PLUGIN("clip", "0.1.0", "BSD-3-Clause", &pp_stage_clip);
