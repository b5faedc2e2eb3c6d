/* The templates.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>

#include "app/template.h"

static const pp_template_row no_rows[] = {{NULL, NULL}};

static const pp_template_row run_settings[] = {
    {"name", NULL}, {"output", NULL}, {"threads", NULL}, {"on_error", NULL}, {NULL, NULL}};
static const pp_template_row short_settings[] = {{"output", NULL}, {NULL, NULL}};

static const pp_template_row quickstart_simulate[] = {{"phantom", NULL}, {NULL, NULL}};
static const pp_template_row quickstart_ptycho[] = {
    {"iterations", "32"}, {"refine_probe", "false"}, {NULL, NULL}};
static const pp_template_row quickstart_tomo[] = {{"method", NULL}, {"filter", NULL}, {NULL, NULL}};

static const pp_template_stage quickstart[] = {{"simulate", quickstart_simulate},
                                               {"ptycho", quickstart_ptycho},
                                               {"stitch", no_rows},
                                               {"align", no_rows},
                                               {"tomo", quickstart_tomo},
                                               {"save", no_rows},
                                               {"report", no_rows},
                                               {NULL, NULL}};

static const pp_template_row view_load[] = {{"file", PP_REQUIRED}, {"angle", "0.0"},
                                            {"probe", NULL},       {"crop", NULL},
                                            {"energy", NULL},      {NULL, NULL}};
static const pp_template_row view_ptycho[] = {
    {"method", NULL},      {"model", NULL},        {"iterations", NULL}, {"positions", NULL},
    {"probe_modes", NULL}, {"refine_probe", NULL}, {NULL, NULL}};
static const pp_template_stage view[] = {{"load", view_load}, {"ptycho", view_ptycho},
                                         {"stitch", no_rows}, {"save", no_rows},
                                         {"report", no_rows}, {NULL, NULL}};

static const pp_template_row cxi_load[] = {
    {"views", PP_REQUIRED}, {"probe", NULL}, {"probe_file", NULL}, {NULL, NULL}};
static const pp_template_stage cxi[] = {
    {"load", cxi_load}, {"ptycho", no_rows}, {"stitch", no_rows}, {"align", no_rows},
    {"tomo", no_rows},  {"save", no_rows},   {"report", no_rows}, {NULL, NULL}};

static const pp_template_row campaign_load[] = {
    {"views", PP_REQUIRED}, {"angle_sign", NULL},  {"probe", NULL}, {"probe_file", NULL},
    {"crop", NULL},         {"orientation", NULL}, {NULL, NULL}};
static const pp_template_row campaign_partition[] = {
    {"devices_per_view", NULL}, {"method", NULL}, {NULL, NULL}};
static const pp_template_row campaign_align[] = {
    {"ramp", NULL}, {"vertical", NULL}, {"horizontal", NULL}, {NULL, NULL}};
static const pp_template_row campaign_ptycho[] = {
    {"method", NULL},      {"model", NULL},        {"iterations", NULL},    {"positions", NULL},
    {"probe_modes", NULL}, {"refine_probe", NULL}, {"rescale_probe", NULL}, {NULL, NULL}};
static const pp_template_stage campaign[] = {{"load", campaign_load},
                                             {"partition", campaign_partition},
                                             {"ptycho", campaign_ptycho},
                                             {"stitch", no_rows},
                                             {"align", campaign_align},
                                             {"tomo", quickstart_tomo},
                                             {"save", no_rows},
                                             {"report", no_rows},
                                             {NULL, NULL}};

static const pp_template_row joint_ptycho[] = {
    {"model", NULL}, {"iterations", NULL}, {"refine_probe", "false"}, {NULL, NULL}};
static const pp_template_row joint_tomo[] = {{"method", "\"tv\""}, {NULL, NULL}};
static const pp_template_row joint_joint[] = {{"iterations", NULL},      {"model", NULL},
                                              {"total_variation", NULL}, {"refine_probe", NULL},
                                              {"outside", NULL},         {NULL, NULL}};
static const pp_template_stage joint[] = {
    {"load", campaign_load},   {"ptycho", joint_ptycho}, {"stitch", no_rows},
    {"align", campaign_align}, {"tomo", joint_tomo},     {"joint", joint_joint},
    {"save", no_rows},         {"report", no_rows},      {NULL, NULL}};

static const pp_template_row projections_load[] = {{"format", "\"projections\""},
                                                   {"file", PP_REQUIRED},
                                                   {"angle_sign", NULL},
                                                   {"energy", NULL},
                                                   {NULL, NULL}};
static const pp_template_stage projections[] = {
    {"load", projections_load}, {"align", campaign_align}, {"tomo", quickstart_tomo},
    {"save", no_rows},          {"report", no_rows},       {NULL, NULL}};

const pp_template pp_templates[] = {
    {"quickstart", "a small simulated campaign, from patterns to the volume",
     "Simulates a small campaign and reconstructs it. Nothing needs to be given.", short_settings,
     quickstart},
    {"view", "one measured view: object and probe",
     "One measured view (a CXI file): object and probe from its diffraction patterns.",
     short_settings, view},
    {"cxi", "a campaign of CXI files, the shortest file",
     "A campaign of CXI files, one a view, with every default. The views table has a line a view:\n"
     "data file and rotation angle in degrees; # starts a comment; paths are relative to the "
     "table.",
     short_settings, cxi},
    {"campaign", "a campaign of CXI files with what is usually set",
     "A campaign of CXI files, one a view: from diffraction patterns to a volume. The views table "
     "has a\nline a view: data file and rotation angle in degrees; # starts a comment; paths are "
     "relative to it.",
     run_settings, campaign},
    {"joint", "a campaign with few patterns a view: volume and views solved at once",
     "A campaign of CXI files, solved view by view and then all at once: the scans may overlap "
     "less. The\nviews table has a line a view: data file and rotation angle in degrees.",
     run_settings, joint},
    {"projections", "projections that are there already: align and reconstruct",
     "Projections of another program, or a projections.h5 of an earlier run (Data Exchange): "
     "alignment\nand tomography only.",
     short_settings, projections},
    {NULL, NULL, NULL, NULL, NULL}};
