/* The report: head, order of the sections, helpers, tables.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "picture/report.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <polyptych/log.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "io/h5.h"
#include "io/result.h"
#include "picture/report_internal.h"

pp_status pp_page_path(const pp_page *page, const char *name, char **out)
{
    return pp_path_join(page->request->directory, name, out);
}

pp_status pp_page_view_path(const pp_page *page, int64_t number, char **out)
{
    char name[48];
    (void)snprintf(name, sizeof name, "views/%04lld.h5", (long long)number);
    return pp_page_path(page, name, out);
}

bool pp_page_has(const pp_page *page, const char *name)
{
    char *path = NULL;
    pp_error dropped;
    if (pp_page_path(page, name, &path) != PP_OK) {
        pp_error_take(&dropped);
        return false;
    }
    const bool there = pp_file_exists(path);
    pp_free(path);
    return there;
}

pp_status pp_page_figure(pp_page *page, const pp_figure *figure, const char *name)
{
    char file[96], *path = NULL;
    (void)snprintf(file, sizeof file, "pictures/%s.png", name);
    PP_TRY(pp_page_path(page, file, &path));
    pp_status status = pp_figure_png(figure, path);
    pp_free(path);
    PP_TRY(status);
    page->pictures++;
    return pp_figure_svg(figure, &page->html);
}

pp_status pp_page_absent(pp_page *page, const char *format, ...)
{
    char text[PP_ERROR_BYTES];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    PP_TRY(pp_text_add(&page->html, "<p class=\"absent\">Not shown: "));
    PP_TRY(pp_html_text(&page->html, text));
    return pp_text_add(&page->html, "</p>\n");
}

pp_status pp_page_survive(pp_page *page, pp_status status, const char *what)
{
    if (status == PP_OK || status == PP_ERR_RESOURCE || status == PP_ERR_INTERRUPTED) return status;
    pp_error error;
    pp_error_take(&error);
    pp_warn("report: %s is not shown: %s", what, error.text);
    return pp_page_absent(page, "%s: %s", what, error.text);
}

pp_status pp_page_section(pp_page *page, const char *id, const char *title)
{
    return pp_text_add(&page->html, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

pp_status pp_page_end(pp_page *page)
{
    return pp_text_add(&page->html, "</section>\n");
}

pp_status pp_page_row(pp_page *page, const char *name, const char *format, ...)
{
    char text[4096];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    PP_TRY(pp_text_add(&page->html, "<tr><th>"));
    PP_TRY(pp_html_text(&page->html, name));
    PP_TRY(pp_text_add(&page->html, "</th><td>"));
    PP_TRY(pp_html_text(&page->html, text));
    return pp_text_add(&page->html, "</td></tr>\n");
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Numbers of the files views/NNNN.h5. */
static pp_status list_views(pp_page *page)
{
    char *folder = NULL;
    int64_t capacity = 0;
    PP_TRY(pp_page_path(page, "views", &folder));
    DIR *dir = opendir(folder);
    pp_free(folder);
    if (!dir) return PP_OK;
    pp_status status = PP_OK;
    for (const struct dirent *e; status == PP_OK && (e = readdir(dir));) {
        char *end = NULL;
        const long long number = strtoll(e->d_name, &end, 10);
        if (end - e->d_name < 4 || strcmp(end, ".h5") != 0) continue;
        if (page->view_count == capacity) {
            capacity = 2 * capacity + 64;
            status = pp_realloc((void **)&page->views, (size_t)capacity * sizeof *page->views);
        }
        if (status == PP_OK) page->views[page->view_count++] = number;
    }
    (void)closedir(dir);
    if (page->view_count)
        qsort(page->views, (size_t)page->view_count, sizeof *page->views, by_number);
    return status;
}

/* The run's name as config.cfg says, in a line of its own; else the directory's last part. */
static void run_name(const pp_page *page, char *out, size_t size)
{
    const char *slash = strrchr(page->request->directory, '/');
    char *path = NULL, *text = NULL;
    pp_error dropped;
    (void)snprintf(out, size, "%s", slash && slash[1] ? slash + 1 : page->request->directory);
    if (pp_page_path(page, "config.cfg", &path) != PP_OK ||
        pp_file_read(path, &text, NULL) != PP_OK)
        pp_error_take(&dropped); /* that it is missing is said further down */
    const char *line = text ? strstr(text, "\nname = \"") : NULL;
    size_t n = 0;
    for (line = line ? line + 9 : ""; *line && *line != '"' && *line != '\n' && n + 1 < size;
         line++) {
        if (*line == '\\' && line[1] && line[1] != '\n') line++;
        out[n++] = *line;
        out[n] = 0;
    }
    pp_free(text);
    pp_free(path);
}

static pp_status head(pp_page *page)
{
    char now[PP_CLOCK_TEXT], name[256];
    run_name(page, name, sizeof name);
    pp_clock_text(now);
    PP_TRY(pp_text_add(&page->html,
                       "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>"));
    PP_TRY(pp_html_text(&page->html, name));
    PP_TRY(pp_text_add(&page->html, "</title>\n<style>%s</style></head>\n<body>\n<header><h1>",
                       pp_page_style));
    PP_TRY(pp_html_text(&page->html, name));
    PP_TRY(pp_text_add(&page->html,
                       "</h1>\n<p>polyptych report of %s, %lld views</p></header>\n<main>\n", now,
                       (long long)page->view_count));
    return PP_OK;
}

static pp_status config(pp_page *page)
{
    char *path = NULL, *text = NULL;
    PP_TRY(pp_page_section(page, "configuration", "Configuration"));
    PP_TRY(pp_page_path(page, "config.cfg", &path));
    const pp_status status = pp_file_read(path, &text, NULL);
    pp_free(path);
    if (status != PP_OK) {
        PP_TRY(pp_page_survive(page, status, "config.cfg"));
        return pp_page_end(page);
    }
    pp_status written = pp_text_add(
        &page->html, "<details><summary>The effective configuration, every default written out: "
                     "config.cfg, itself a runnable file</summary><pre>");
    if (written == PP_OK) written = pp_html_text(&page->html, text);
    pp_free(text);
    PP_TRY(written);
    PP_TRY(pp_text_add(&page->html, "</pre></details>\n"));
    return pp_page_end(page);
}

static pp_status assemble(pp_page *page)
{
    PP_TRY(head(page));
    PP_TRY(pp_page_volume(page));
    PP_TRY(pp_page_truth(page));
    PP_TRY(pp_page_projections(page));
    PP_TRY(pp_page_views(page));
    PP_TRY(pp_page_costs(page));
    PP_TRY(pp_page_geometry(page));
    PP_TRY(pp_page_facts(page));
    PP_TRY(config(page));
    return pp_text_add(
        &page->html,
        "</main>\n<footer>polyptych: every number and picture on this page was read from "
        "the files beside it.</footer>\n</body></html>\n");
}

static pp_status make_folder(const pp_page *page)
{
    char *path = NULL;
    PP_TRY(pp_page_path(page, "pictures", &path));
    const pp_status status = pp_file_make_folders(path);
    pp_free(path);
    return status;
}

pp_status pp_report_write(const pp_report_request *request)
{
    pp_page page = {.request = request};
    char *path = NULL;
    pp_status status = PP_OK;
    PP_TRY_TO(done, make_folder(&page));
    PP_TRY_TO(done, list_views(&page));
    PP_TRY_TO(done, assemble(&page));
    PP_TRY_TO(done, pp_page_path(&page, "report.html", &path));
    status = pp_file_write(path, page.html.data, page.html.length);
done:
    pp_free(path);
    pp_free(page.views);
    pp_text_free(&page.html);
    return PP_NOTE(status, "while writing the report of %s", request->directory);
}
