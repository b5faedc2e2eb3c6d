/* polyptych new: a commented pipeline file to start from.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/template.h"
#include "engine/engine.h"

static pp_status unknown_template(const char *name)
{
    enum { NAMES = 16 };
    const char *names[NAMES] = {NULL};
    char all[256] = "";
    for (int i = 0; pp_templates[i].name && i < NAMES - 1; i++) {
        names[i] = pp_templates[i].name;
        const size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = pp_text_nearest(name, names);
    return PP_FAIL(PP_ERR_CONFIG, "polyptych new: there is no template '%s'%s%s%s: there are %s",
                   name, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "", all);
}

/* A new file: one that is there is left alone. */
static pp_status put(const char *path, const pp_text *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file < 0 && errno == EEXIST)
        return PP_FAIL(PP_ERR_CONFIG,
                       "%s: is there already, and is not overwritten: give another "
                       "name",
                       path);
    if (file < 0)
        return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be written: %s", path, strerror(errno));
    const ssize_t written = write(file, text->data, text->length);
    const int closed = close(file);
    if (written != (ssize_t)text->length || closed != 0)
        return PP_FAIL(PP_ERR_RESOURCE, "%s: cannot be written: %s", path, strerror(errno));
    return PP_OK;
}

static pp_status store(const char *path, const pp_text *text)
{
    if (strcmp(path, "-") == 0) {
        (void)fputs(text->data, stdout);
        return PP_OK;
    }
    PP_TRY(put(path, text));
    if (strstr(text->data, PP_REQUIRED))
        (void)printf("wrote %s: give the values marked REQUIRED, then polyptych check %s\n", path,
                     path);
    else
        (void)printf("wrote %s: polyptych run %s\n", path, path);
    return PP_OK;
}

static pp_status run(const pp_arguments *arguments)
{
    const pp_template *template = pp_template_find(arguments->items[0]);
    if (!template) return unknown_template(arguments->items[0]);
    char path[128];
    pp_text text = {0};
    (void)snprintf(path, sizeof path, "%s.cfg", template->name);
    pp_status status = pp_template_write(template, &text);
    if (status == PP_OK) status = store(arguments->count > 1 ? arguments->items[1] : path, &text);
    pp_text_free(&text);
    pp_registry_clear();
    return status;
}

static void list(void)
{
    (void)printf("templates\n");
    for (const pp_template *t = pp_templates; t->name; t++)
        (void)printf("  %-12s %s\n", t->name, t->summary);
}

const pp_command pp_command_new = {
    .name = "new",
    .arguments = "TEMPLATE [FILE]",
    .summary = "write a commented pipeline file to start from",
    .list = list,
    .help = "FILE is TEMPLATE.cfg unless given, - is standard output; a file that is there is "
            "never overwritten.\nValues that you must give are marked REQUIRED; polyptych check "
            "says which are left.\n",
    .least = 1,
    .most = 2,
    .run = run,
};
