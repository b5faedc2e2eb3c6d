/* Pictures: PNG of the right pixels, colours, scale bars, ticks; and the page of a run directory.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/h5.h"
#include "io/result.h"
#include "picture/figure.h"
#include "picture/report.h"
#include "support/support.h"

static const double pi = 3.141592653589793;

START_TEST(png_decodes_to_the_right_pixels)
{
    pp_image image;
    uint8_t *bytes, back[5 * 7 * 3];
    size_t count;
    pp_assert_ok(pp_image_create(5, 7, (pp_rgb){1, 2, 3}, &image));
    image.pixels[2 * 5 + 4] = (pp_rgb){250, 128, 7};
    pp_assert_ok(pp_png_encode(&image, &bytes, &count));
    png_image png = {.version = PNG_IMAGE_VERSION};
    ck_assert(png_image_begin_read_from_memory(&png, bytes, count));
    png.format = PNG_FORMAT_RGB;
    ck_assert(png.width == 5 && png.height == 7);
    ck_assert(png_image_finish_read(&png, NULL, back, 0, NULL));
    ck_assert(memcmp(back, image.pixels, sizeof back) == 0);
    pp_free(bytes);
    pp_image_free(&image);
}
END_TEST

START_TEST(base64_is_as_it_should_be)
{
    pp_image image;
    pp_text text = {0};
    uint8_t *bytes;
    size_t count;
    pp_assert_ok(pp_image_create(3, 2, (pp_rgb){9, 8, 7}, &image));
    pp_assert_ok(pp_png_encode(&image, &bytes, &count));
    pp_assert_ok(pp_png_base64(&image, &text));
    ck_assert_uint_eq(text.length, (count + 2) / 3 * 4);
    ck_assert(strncmp(text.data, "iVBORw0KGgo", 11) == 0); /* the PNG signature */
    pp_free(bytes);
    pp_text_free(&text);
    pp_image_free(&image);
}
END_TEST

/* CIE lightness of a colour. */
static double lightness(pp_rgb c)
{
    const uint8_t v[3] = {c.r, c.g, c.b};
    static const double weight[3] = {0.2126, 0.7152, 0.0722};
    double y = 0;
    for (int k = 0; k < 3; k++) {
        const double s = v[k] / 255.0;
        y += weight[k] * (s <= 0.04045 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4));
    }
    return 116 * cbrt(y) - 16;
}

START_TEST(colour_maps_rise_evenly_or_go_round)
{
    for (int k = 1; k <= 64; k++) {
        const double a = lightness(pp_colour(PP_COLOURS_SEQUENTIAL, (k - 1) / 64.0));
        const double b = lightness(pp_colour(PP_COLOURS_SEQUENTIAL, k / 64.0));
        ck_assert_msg(b > a && b < a + 4, "step %d: %g to %g", k, a, b);
        pp_assert_near(lightness(pp_colour(PP_COLOURS_CYCLIC, k / 64.0)), 68, 8);
    }
    const pp_rgb first = pp_colour(PP_COLOURS_CYCLIC, 0), last = pp_colour(PP_COLOURS_CYCLIC, 1);
    ck_assert(memcmp(&first, &last, sizeof first) == 0);
    ck_assert(lightness(pp_colour_complex(0, 1)) < 1);
    const pp_rgb none = pp_colour(PP_COLOURS_GREY, NAN);
    ck_assert(none.r == 128 && none.g == 128);
}
END_TEST

START_TEST(fields_are_coloured_by_their_values)
{
    const float data[] = {0, 1, 2, 3, NAN, 4};
    const pp_field field = {data, 2, 3, 3, 1};
    pp_image image;
    double range[2];
    pp_assert_ok(pp_field_range(&field, 1, range));
    pp_assert_near(range[0], 0, 0);
    pp_assert_near(range[1], 4, 0);
    pp_assert_ok(pp_field_picture(&field, range, PP_COLOURS_GREY, &image));
    ck_assert(image.width == 3 && image.height == 2);
    ck_assert(image.pixels[0].r == 0 && image.pixels[5].r == 255 && image.pixels[4].r == 128);
    ck_assert(image.pixels[2].r > image.pixels[1].r);
    pp_image_free(&image);
    const float flat[] = {2, 2, 2, 2};
    const pp_field constant = {flat, 2, 2, 2, 1};
    pp_assert_ok(pp_field_range(&constant, 0.99, range));
    ck_assert(range[1] > range[0]);
}
END_TEST

START_TEST(scale_bars_have_round_lengths)
{
    static const struct {
        double width, length;
        const char *text;
    } cases[] = {{3.7e-6, 1e-6, "1 \xc2\xb5m"},
                 {1.6e-6, 5e-7, "500 nm"},
                 {5.9e-8, 2e-8, "20 nm"},
                 {7e-3, 2e-3, "2 mm"},
                 {3e-6, 1e-6, "1 \xc2\xb5m"}};
    for (int k = 0; k < 5; k++) {
        char text[PP_LENGTH_TEXT];
        pp_assert_near(pp_scale_bar(cases[k].width, 0.34, text) / cases[k].length, 1, 1e-9);
        ck_assert_str_eq(text, cases[k].text);
    }
}
END_TEST

START_TEST(ticks_are_round_and_inside)
{
    double ticks[8];
    for (int k = 0; k < 200; k++) {
        const double lo = -3 + 0.031 * k, hi = lo + pow(10, -6 + 0.05 * k);
        const int count = pp_round_ticks(lo, hi, 6, ticks);
        ck_assert_msg(count >= 2 && count <= 6, "%g to %g: %d ticks", lo, hi, count);
        for (int i = 0; i < count; i++)
            ck_assert(ticks[i] >= lo - 1e-6 * (hi - lo) && ticks[i] <= hi + 1e-6 * (hi - lo));
    }
    ck_assert_int_eq(pp_common_exponent(0, 2.4e-5), -5);
    ck_assert_int_eq(pp_common_exponent(-1.5, 2), 0);
    ck_assert_int_eq(pp_common_exponent(0, 3e6), 6);
}
END_TEST

/* A picture of 40 pixels of 50 nm, 2 um wide: the bar is 500 nm, a quarter of the width, white between black edges. */
START_TEST(png_figure_has_a_scale_bar_of_its_length)
{
    pp_image image;
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/test_picture_%ld.png", (long)getpid());
    pp_assert_ok(pp_image_create(40, 40, (pp_rgb){100, 100, 100}, &image));
    const double range[2] = {0, 1};
    const pp_figure figure = {.image = &image,
                              .pixel_size = 50e-9,
                              .range = range,
                              .quantity = "phase",
                              .unit = "rad",
                              .title = "",
                              .caption = ""};
    pp_assert_ok(pp_figure_png(&figure, path));
    png_image png = {.version = PNG_IMAGE_VERSION};
    ck_assert(png_image_begin_read_from_file(&png, path));
    png.format = PNG_FORMAT_RGB;
    uint8_t *back = malloc(PNG_IMAGE_SIZE(png));
    ck_assert_ptr_nonnull(back);
    ck_assert(png_image_finish_read(&png, NULL, back, 0, NULL));
    int longest = 0; /* white run inside the picture, which is 360 wide after 12 of margin */
    for (unsigned y = 20; y < 360; y++)
        for (unsigned x = 13, run = 0; x < 370; x++) {
            run = back[3 * (y * png.width + x)] == 255 ? run + 1 : 0;
            if ((int)run > longest) longest = (int)run;
        }
    ck_assert_int_eq(longest, 90);
    free(back);
    (void)unlink(path);
    pp_image_free(&image);
}
END_TEST

static void remove_folder(const char *folder)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static char *page_of(const char *folder, const pp_report_fact *facts, int64_t count)
{
    char path[96], *html;
    const pp_report_request request = {
        .directory = folder, .facts = facts, .fact_count = count, .views = 3};
    pp_assert_ok(pp_report_write(&request));
    (void)snprintf(path, sizeof path, "%s/report.html", folder);
    pp_assert_ok(pp_file_read(path, &html, NULL));
    return html;
}

static void contains(const char *html, const char *text)
{
    ck_assert_msg(strstr(html, text) != NULL, "the page does not hold '%s'", text);
}

/* An empty run: every part that is missing is named, and the page is there. */
START_TEST(what_is_missing_is_said)
{
    char folder[64];
    (void)snprintf(folder, sizeof folder, "/tmp/test_picture_%ld", (long)getpid());
    char *html = page_of(folder, NULL, 0);
    contains(html, "Not shown: slices of the volume");
    contains(html, "Not shown: projections and sinogram");
    contains(html, "Not shown: objects and probes");
    contains(html, "Not shown: cost curves");
    contains(html, "Not shown: seconds per stage");
    contains(html, "Not shown: provenance");
    contains(html, "Not shown: config.cfg");
    pp_free(html);
    remove_folder(folder);
}
END_TEST

static void write_view(const char *folder, int number)
{
    enum { N = 24 };
    char path[96];
    pp_array *object, *probe, *illumination, *cost, *error, *origin, *positions;
    pp_assert_ok(pp_array_create(PP_C32, 2, (int64_t[]){N, N}, "1", &object));
    pp_assert_ok(pp_array_create(PP_C32, 3, (int64_t[]){2, 8, 8}, "sqrt(counts)", &probe));
    pp_assert_ok(pp_array_create(PP_F32, 2, (int64_t[]){N, N}, "counts", &illumination));
    pp_assert_ok(pp_array_create_1d(PP_F64, 11, "1", &cost));
    pp_assert_ok(pp_array_create_1d(PP_F64, 1, "1", &error));
    pp_assert_ok(pp_array_create_1d(PP_I64, 2, "pixel", &origin));
    pp_assert_ok(pp_array_create(PP_F64, 2, (int64_t[]){4, 2}, "pixel", &positions));
    for (int i = 0; i < N * N; i++) {
        const double phase = -0.01 * i;
        ((pp_c32 *)pp_array_data(object))[i] = (pp_c32){(float)cos(phase), (float)sin(phase)};
        ((float *)pp_array_data(illumination))[i] = i / N > 3 && i % N > 3 ? 100.0f : 0.0f;
    }
    for (int i = 0; i < 128; i++) ((pp_c32 *)pp_array_data(probe))[i].re = i < 64 ? 2.0f : 1.0f;
    for (int i = 0; i < 11; i++) ((double *)pp_array_data(cost))[i] = 1000.0 / (1 + i);
    *(double *)pp_array_data(error) = 0.02 + 0.001 * number;
    const pp_geometry geometry = {1.4e-10, 2, {75e-6, 75e-6}, {58e-9, 58e-9}, number * pi / 8};
    const pp_named_array arrays[] = {{"object", object},
                                     {"origin", origin},
                                     {"probe", probe},
                                     {"positions", positions},
                                     {"illumination", illumination},
                                     {"cost", cost},
                                     {"error", error}};
    const pp_identity identity = {.hash = "00000000000000000000000000000000"};
    (void)snprintf(path, sizeof path, "%s/views/%04d.h5", folder, number);
    pp_assert_ok(pp_view_result_write(path, number, &geometry, arrays, 7, "amplitude", &identity));
    for (int k = 0; k < 7; k++) {
        pp_array *a =
            (pp_array *[]){object, origin, probe, positions, illumination, cost, error}[k];
        pp_array_free(&a);
    }
}

static void write_volume(const char *folder)
{
    enum { N = 12 };
    char path[96];
    pp_h5 *file;
    pp_array *volume;
    pp_assert_ok(pp_array_create(PP_F32, 3, (int64_t[]){N, N, N}, "1", &volume));
    for (int i = 0; i < N * N * N; i++) ((float *)pp_array_data(volume))[i] = 1e-8f * (float)i;
    (void)snprintf(path, sizeof path, "%s/volume.h5", folder);
    pp_assert_ok(pp_h5_create(path, &file));
    pp_assert_ok(pp_h5_put_array(file, "/entry/data/delta", volume));
    pp_assert_ok(pp_h5_put_number(file, "/entry/data/pixel_size", 58e-9, "m"));
    pp_assert_ok(pp_h5_commit(&file));
    (void)snprintf(path, sizeof path, "%s/projections.h5", folder);
    double theta[N];
    for (int k = 0; k < N; k++) theta[k] = 15.0 * k;
    pp_assert_ok(pp_h5_create(path, &file));
    pp_assert_ok(pp_h5_put_array(file, "/exchange/data", volume));
    pp_assert_ok(pp_h5_put(file, "/exchange/theta", (pp_view){theta, PP_F64, 1, {N}}, "degree"));
    pp_assert_ok(pp_h5_put_number(file, "/exchange/pixel_size", 58e-9, "m"));
    pp_assert_ok(pp_h5_commit(&file));
    pp_array_free(&volume);
}

START_TEST(a_page_holds_pictures_curves_tables_and_the_configuration)
{
    char folder[64], path[96];
    (void)snprintf(folder, sizeof folder, "/tmp/test_picture_%ld", (long)getpid());
    (void)snprintf(path, sizeof path, "%s/views", folder);
    pp_assert_ok(pp_file_make_folders(path));
    for (int k = 0; k < 5; k++) write_view(folder, k);
    write_volume(folder);
    (void)snprintf(path, sizeof path, "%s/config.cfg", folder);
    pp_assert_ok(pp_file_write(path, "schema = 1;\nname = \"a < b\";\n", 28));
    const pp_report_fact facts[] = {
        {"name", "a < b"}, {"seconds.ptycho", "12.5"}, {"version", "0.1.0"}};
    char *html = page_of(folder, facts, 3);
    contains(html, "<title>a &lt; b</title>");
    contains(html, "name = &quot;a &lt; b&quot;;");
    contains(html, "delta, slice across z");
    contains(html, "Sinogram of the middle row");
    contains(html, "View 0000, amplitude");
    contains(html, "View 0003, phase");
    contains(html, "Probe, mode 2");
    contains(html, "Illumination");
    contains(html, "Cost of the ptychographic reconstruction");
    contains(html, "12.5 s");
    contains(html, "3 of 5 views are shown");
    contains(html, "Not shown: beta");
    contains(html, "58 \xc3\x97 58 nm");
    contains(html, "prefers-color-scheme:dark");
    ck_assert_ptr_null(strstr(html, "http"));
    ck_assert_ptr_null(strstr(html, "<script"));
    pp_free(html);
    (void)snprintf(path, sizeof path, "%s/pictures/delta_across_x.png", folder);
    ck_assert(pp_file_exists(path));
    remove_folder(folder);
}
END_TEST

START_TEST(a_damaged_file_is_named_and_the_rest_is_shown)
{
    char folder[64], path[96];
    (void)snprintf(folder, sizeof folder, "/tmp/test_picture_%ld", (long)getpid());
    (void)snprintf(path, sizeof path, "%s/views", folder);
    pp_assert_ok(pp_file_make_folders(path));
    write_view(folder, 0);
    (void)snprintf(path, sizeof path, "%s/volume.h5", folder);
    pp_assert_ok(pp_file_write(path, "no HDF5", 7));
    char *html = page_of(folder, NULL, 0);
    contains(html, "Not shown: volume.h5:");
    contains(html, "View 0000, phase");
    pp_free(html);
    remove_folder(folder);
}
END_TEST

int main(void)
{
    return pp_test_main(pp_test_suite(
        "picture", (const TTest *const[]){
                       png_decodes_to_the_right_pixels, base64_is_as_it_should_be,
                       colour_maps_rise_evenly_or_go_round, fields_are_coloured_by_their_values,
                       scale_bars_have_round_lengths, ticks_are_round_and_inside,
                       png_figure_has_a_scale_bar_of_its_length, what_is_missing_is_said,
                       a_page_holds_pictures_curves_tables_and_the_configuration,
                       a_damaged_file_is_named_and_the_rest_is_shown, NULL}));
}
