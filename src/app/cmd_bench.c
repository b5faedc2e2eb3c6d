/* polyptych bench: measures this machine and prints the figures.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "app/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/text.h"

/* Benches that are known; `run` is NULL where one is not built. */
static const pp_bench benches[] = {
    {.name = "ptycho",
     .summary = "the sweep over the patterns of one view against its FFTs",
     .options = " --size --patterns --modes --threads --devices --backend --positions "
                "--refine-probe --keep-far-field --method --passes --transforms ",
     .run = pp_bench_ptycho},
    {.name = "tomo",
     .summary = "the projector and its adjoint against FFT and interpolation",
     .options = " --size --angles --threads --backend ",
     .run = pp_bench_tomo},
    {.name = "io", .summary = "reading of frames"},
};
enum { BENCHES = sizeof benches / sizeof *benches };

enum {
    SIZE,
    PATTERNS,
    MODES,
    ANGLES,
    THREADS,
    DEVICES,
    BACKEND,
    POSITIONS,
    REFINE_PROBE,
    KEEP_FAR_FIELD,
    METHOD,
    PASSES,
    TRANSFORMS,
    JSON
};

static const pp_option options[] = {
    [SIZE] = {"--size", "N", "pixels a side of a pattern or a slice"},
    [PATTERNS] = {"--patterns", "N", "diffraction patterns"},
    [MODES] = {"--modes", "N", "probe modes"},
    [ANGLES] = {"--angles", "N", "projections of a slice"},
    [THREADS] = {"--threads", "N", "threads (0: all that this process may use)"},
    [DEVICES] = {"--devices", "N", "devices that share the view"},
    [BACKEND] = {"--backend", "NAME", "auto, cpu, cuda or mock"},
    [POSITIONS] = {"--positions", "NAME", "nearest, fourier or bilinear"},
    [REFINE_PROBE] = {"--refine-probe", "on|off", "the probe's gradient too"},
    [KEEP_FAR_FIELD] = {"--keep-far-field", "on|off|auto", "keep the far field of an iteration"},
    [METHOD] = {"--method", "hybrid|gradient", "how a group of devices works together"},
    [PASSES] = {"--passes", "beside|in_turn", "what a group passes: beside its work, or apart"},
    [TRANSFORMS] = {"--transforms", "kernels|callbacks|both", "what feeds a device's transforms"},
    [JSON] = {"--json", NULL, "one JSON object"},
    {NULL, NULL, NULL}};

int pp_bench_traffic(json_t *out, const pp_traffic *kernels, int count)
{
    int failed = 0;
    for (int k = 0; k < count; k++) {
        char name[64];
        (void)snprintf(name, sizeof name, "loaded.%s", kernels[k].kernel);
        failed |= json_object_set_new(out, name, json_real(kernels[k].loaded));
        (void)snprintf(name, sizeof name, "stored.%s", kernels[k].kernel);
        failed |= json_object_set_new(out, name, json_real(kernels[k].stored));
    }
    return failed;
}

enum { LIST = 128 };

/* "a, b or c". */
static const char *list_choices(const char *const *choices, char list[LIST])
{
    size_t used = 0;
    list[0] = 0;
    for (int i = 0; choices[i] && used < LIST; i++) {
        const int written = snprintf(list + used, LIST - used, "%s%s",
                                     i == 0           ? ""
                                     : choices[i + 1] ? ", "
                                                      : " or ",
                                     choices[i]);
        used += written > 0 ? (size_t)written : 0;
    }
    return list;
}

static const pp_bench *find_bench(const char *name)
{
    for (int i = 0; i < BENCHES; i++)
        if (strcmp(benches[i].name, name) == 0) return &benches[i];
    return NULL;
}

static pp_status unknown_bench(const char *name)
{
    const char *names[BENCHES + 1] = {NULL};
    int built = 0;
    char list[LIST];
    for (int i = 0; i < BENCHES; i++)
        if (benches[i].run) names[built++] = benches[i].name;
    const char *nearest = pp_text_nearest(name, names);
    return PP_FAIL(PP_ERR_CONFIG, "polyptych bench: there is no bench '%s'%s%s%s: expected %s",
                   name, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "", list_choices(names, list));
}

/* Every option given is one that this bench takes. */
static pp_status check_options(const pp_bench *bench, const pp_arguments *arguments)
{
    for (int i = 0; options[i].name; i++) {
        char padded[64];
        (void)snprintf(padded, sizeof padded, " %s ", options[i].name);
        if (!arguments->options[i] || i == JSON || strstr(bench->options, padded)) continue;
        return PP_FAIL(PP_ERR_CONFIG, "polyptych bench %s takes no %s: it takes%s--json",
                       bench->name, options[i].name, bench->options);
    }
    return PP_OK;
}

static pp_status read_count(const pp_arguments *arguments, int row, int64_t *out)
{
    const char *text = arguments->options[row];
    if (!text) return PP_OK;
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < (row != THREADS) || value > 1000000)
        return PP_FAIL(
            PP_ERR_CONFIG,
            "polyptych bench: %s: expected a whole number from %d to 1000000 (%s), found "
            "'%s'",
            options[row].name, row != THREADS, options[row].help, text);
    *out = value;
    return PP_OK;
}

/* Index of the option's value among `choices`, or `otherwise` where it is not given. */
static pp_status read_choice(const pp_arguments *arguments, int row, const char *const *choices,
                             int otherwise, int *out)
{
    const char *text = arguments->options[row];
    *out = otherwise;
    if (!text) return PP_OK;
    for (int i = 0; choices[i]; i++)
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return PP_OK;
        }
    char list[LIST];
    const char *nearest = pp_text_nearest(text, choices);
    return PP_FAIL(PP_ERR_CONFIG, "polyptych bench: %s: expected %s, found '%s'%s%s%s",
                   options[row].name, list_choices(choices, list), text,
                   nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static pp_status read_names(const pp_arguments *arguments, pp_bench_request *out)
{
    static const char *const backends[] = {"auto", "cpu", "cuda", "mock", NULL};
    static const char *const positions[] = {"nearest", "fourier", "bilinear", NULL};
    static const char *const switches[] = {"off", "on", NULL};
    static const char *const states[] = {"off", "on", "auto", NULL};
    static const char *const methods[] = {"hybrid", "gradient", NULL};
    static const char *const passes[] = {"beside", "in_turn", NULL};
    static const char *const transforms[] = {"kernels", "callbacks", "both", NULL};
    int index = 0;
    PP_TRY(read_choice(arguments, BACKEND, backends, 0, &index));
    out->backend = arguments->options[BACKEND] ? backends[index] : NULL;
    PP_TRY(read_choice(arguments, POSITIONS, positions, 0, &index));
    out->positions = arguments->options[POSITIONS] ? positions[index] : NULL;
    PP_TRY(read_choice(arguments, REFINE_PROBE, switches, 0, &index));
    out->refine_probe = index == 1;
    PP_TRY(read_choice(arguments, KEEP_FAR_FIELD, states, 2, &index));
    out->keep_far_field = index == 2 ? -1 : index;
    PP_TRY(read_choice(arguments, PASSES, passes, 0, &index));
    out->in_turn = index == 1;
    PP_TRY(read_choice(arguments, TRANSFORMS, transforms, PP_BENCH_KERNELS, &out->transforms));
    return read_choice(arguments, METHOD, methods, -1, &out->method);
}

static pp_status read_request(const pp_arguments *arguments, pp_bench_request *out)
{
    *out = (pp_bench_request){0};
    PP_TRY(read_count(arguments, SIZE, &out->size));
    PP_TRY(read_count(arguments, PATTERNS, &out->patterns));
    PP_TRY(read_count(arguments, MODES, &out->modes));
    PP_TRY(read_count(arguments, ANGLES, &out->angles));
    PP_TRY(read_count(arguments, THREADS, &out->threads));
    PP_TRY(read_count(arguments, DEVICES, &out->devices));
    return read_names(arguments, out);
}

static void print_plain(json_t *figures)
{
    const char *key;
    json_t *value;
    json_object_foreach(figures, key, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        (void)printf("%-36s %s\n", key, text ? text : "?");
        free(text);
    }
}

static pp_status print_json(json_t *figures)
{
    char *text = json_dumps(figures, JSON_REAL_PRECISION(9) | JSON_PRESERVE_ORDER);
    if (!text) return PP_FAIL(PP_ERR_RESOURCE, "the figures cannot be written as JSON");
    (void)printf("%s\n", text);
    free(text);
    return PP_OK;
}

static pp_status measure(const pp_bench *bench, const pp_arguments *arguments)
{
    pp_bench_request request;
    PP_TRY(check_options(bench, arguments));
    PP_TRY(read_request(arguments, &request));
    json_t *figures = json_object();
    if (!figures) return PP_FAIL(PP_ERR_RESOURCE, "out of memory");
    pp_status status = bench->run(&request, figures);
    if (status == PP_OK && arguments->options[JSON])
        status = print_json(figures);
    else if (status == PP_OK)
        print_plain(figures);
    json_decref(figures);
    return status;
}

static pp_status run(const pp_arguments *arguments)
{
    const char *name = arguments->items[0];
    const pp_bench *bench = find_bench(name);
    if (!bench) return unknown_bench(name);
    if (!bench->run)
        return PP_FAIL(PP_ERR_CONFIG, "polyptych bench: '%s' is not built in this version", name);
    return measure(bench, arguments);
}

const pp_command pp_command_bench = {
    .name = "bench",
    .arguments = "NAME [options]",
    .summary = "measure this machine: ptycho, tomo, io",
    .help = "ptycho  the sweeps over the patterns of one view, against their FFTs\n"
            "tomo    the projector and its adjoint, against FFT and interpolation\n"
            "io      reading of frames\n",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
