/* The table of commands; their arguments and help.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "app/command.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

const pp_command *const pp_commands[] = {&pp_command_run,     &pp_command_check,
                                         &pp_command_plan,    &pp_command_stages,
                                         &pp_command_new,     &pp_command_inspect,
                                         &pp_command_report,  &pp_command_bench,
                                         &pp_command_devices, NULL};

static pp_status unknown_option(const pp_command *command, const char *given)
{
    const char *names[PP_OPTIONS + 2] = {"--help"};
    for (int i = 0; command->options && command->options[i].name; i++)
        names[i + 1] = command->options[i].name;
    const char *nearest = pp_text_nearest(given, names);
    return PP_FAIL(PP_ERR_CONFIG,
                   "polyptych %s: unknown option '%s'%s%s%s; see polyptych %s --help",
                   command->name, given, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "", command->name);
}

/* Row of the option in `given` ("--size" or "--size=4"); value: behind '=', or NULL. */
static int find_option(const pp_command *command, const char *given, const char **value)
{
    const size_t length = strcspn(given, "=");
    *value = given[length] ? given + length + 1 : NULL;
    for (int i = 0; command->options && command->options[i].name; i++)
        if (strlen(command->options[i].name) == length &&
            strncmp(command->options[i].name, given, length) == 0)
            return i;
    return -1;
}

/* Takes one option at given[*at], and its value. */
static pp_status take_option(const pp_command *command, int count, char **given, int *at,
                             pp_arguments *out)
{
    const char *value = NULL;
    const int row = find_option(command, given[*at], &value);
    if (row < 0) return unknown_option(command, given[*at]);
    const pp_option *option = &command->options[row];
    if (!option->value && value)
        return PP_FAIL(PP_ERR_CONFIG, "polyptych %s: %s takes no value, found '%s'", command->name,
                       option->name, value);
    if (option->value && !value) {
        if (*at + 1 >= count)
            return PP_FAIL(PP_ERR_CONFIG, "polyptych %s: %s needs a value: %s %s", command->name,
                           option->name, option->name, option->value);
        value = given[++*at];
    }
    out->options[row] = value ? value : "";
    return PP_OK;
}

pp_status pp_arguments_read(const pp_command *command, int count, char **given, const char **rest,
                            pp_arguments *out)
{
    *out = (pp_arguments){.items = rest};
    for (int i = 0; i < count; i++) {
        if (given[i][0] == '-' && given[i][1])
            PP_TRY(take_option(command, count, given, &i, out));
        else
            rest[out->count++] = given[i];
    }
    if (out->count < command->least)
        return PP_FAIL(PP_ERR_CONFIG, "polyptych %s: something is missing: polyptych %s %s",
                       command->name, command->name, command->arguments);
    if (command->most >= 0 && out->count > command->most)
        return PP_FAIL(PP_ERR_CONFIG, "polyptych %s: '%s' is too much: polyptych %s %s",
                       command->name, rest[command->most], command->name, command->arguments);
    return PP_OK;
}

pp_status pp_command_told(pp_status status)
{
    pp_error printed;
    pp_error_take(&printed);
    return status;
}

void pp_command_help(const pp_command *command)
{
    (void)printf("polyptych %s %s\n    %s\n", command->name, command->arguments, command->summary);
    if (command->list || command->help) (void)printf("\n");
    if (command->list) command->list();
    if (command->help) (void)printf("%s", command->help);
    (void)printf("\noptions:\n");
    for (const pp_option *o = command->options; o && o->name; o++) {
        char left[64];
        (void)snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "",
                       o->value ? o->value : "");
        (void)printf("  %-28s%s\n", left, o->help);
    }
    (void)printf("  %-28s%s\n", "--help", "this text");
}
