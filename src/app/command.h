/* The commands of the program: one file a command (cmd_*.c), one table (commands.c).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef PP_COMMAND_H
#define PP_COMMAND_H

#include <polyptych/status.h>

struct pp_comm;

enum { PP_OPTIONS = 16 };

/** One option of a command: "--json", or "--size N" where `value` is "N". */
typedef struct pp_option {
    const char *name, *value, *help;
} pp_option;

/** What stands behind the command's name. Borrowed from argv. */
typedef struct pp_arguments {
    int count;
    const char *const *items; /* all that are no options */
    const char *options
        [PP_OPTIONS]; /* by the option's row: its value ("" of a flag), NULL where it is not given */
    const struct pp_comm *comm; /* all ranks; NULL with PP_RANKS_FIRST */
} pp_arguments;

/** Who calls a command's `run`: rank 0 alone; every rank, without MPI where no launcher started the process; every rank, MPI
 *  always. */
typedef enum pp_ranks { PP_RANKS_FIRST, PP_RANKS_ALL, PP_RANKS_MPI } pp_ranks;

typedef struct pp_command {
    const char *name, *arguments, *summary;
    const char *help;   /* paragraphs, NULL for none */
    void (*list)(void); /* prints what `arguments` names, before the paragraphs; may be NULL */
    const pp_option *options; /* up to {0}; NULL for none */
    int least, most;          /* arguments that are no options; most < 0: any number */
    pp_ranks ranks;
    pp_status (*run)(const pp_arguments *arguments);
} pp_command;

extern const pp_command pp_command_run, pp_command_check, pp_command_plan, pp_command_stages,
    pp_command_new, pp_command_inspect, pp_command_report, pp_command_bench, pp_command_devices;

/** All of them, up to NULL. */
extern const pp_command *const pp_commands[];

/** Sorts what stands behind the command's name into options and the rest. rest: room for `count` texts. Errors:
 *  PP_ERR_CONFIG, with the nearest option's name. */
PP_MUST_CHECK pp_status pp_arguments_read(const pp_command *command, int count, char **given,
                                          const char **rest, pp_arguments *out);
/** For what printed its own errors (the engine's actions): clears the record, returns `status`. */
pp_status pp_command_told(pp_status status);
/** The text of `polyptych COMMAND --help` on standard output. */
void pp_command_help(const pp_command *command);

#endif
