/* The command line.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <polyptych/polyptych.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "comm/comm.h"
#include "comm/devices.h"
#include "version.h"

const char *pp_version(void)
{
    return PP_VERSION;
}

static void help(FILE *out)
{
    (void)fprintf(out,
                  "polyptych %s: ptycho-tomography from diffraction patterns to a volume\n\n"
                  "usage: polyptych COMMAND ...\n\n",
                  pp_version());
    for (const pp_command *const *c = pp_commands; *c; c++)
        (void)fprintf(out, "  %-9s %-34s %s\n", (*c)->name, (*c)->arguments, (*c)->summary);
    (void)fprintf(
        out, "\n  --help, --version; polyptych COMMAND --help tells more\n\n"
             "key=value sets one parameter: ptycho.iterations=64, threads=2\n"
             "exit codes: 0 done; 1 failed while running; 2 wrong command line or configuration;\n"
             "  3 input data unusable; 4 done, but some views failed; 5 memory, disk or device;\n"
             "  75 interrupted and resumable\n");
}

static const pp_command *find_command(const char *name)
{
    for (const pp_command *const *c = pp_commands; *c; c++)
        if (strcmp((*c)->name, name) == 0) return *c;
    return NULL;
}

static pp_status unknown_command(const char *name)
{
    const char *names[32];
    int count = 0;
    for (const pp_command *const *c = pp_commands; *c && count < 31; c++)
        names[count++] = (*c)->name;
    names[count] = NULL;
    const char *nearest = pp_text_nearest(name, names);
    return PP_FAIL(PP_ERR_CONFIG, "polyptych: unknown command '%s'%s%s%s; see polyptych --help",
                   name, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "");
}

/* A variable that a launcher of MPI programs sets, or NULL. */
static const char *launcher(const char *const *variables)
{
    for (; *variables; variables++)
        if (getenv(*variables)) return getenv(*variables);
    return NULL;
}

/* Number of this process among those that one launcher started, before MPI is: messages are printed once. */
static int launched_rank(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                            "SLURM_PROCID", NULL};
    const char *rank = launcher(variables);
    return rank ? atoi(rank) : 0;
}

static bool was_launched(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE",
                                            "SLURM_STEP_ID", NULL};
    return launcher(variables) != NULL;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

static bool needs_mpi(const pp_command *command)
{
    return (command && command->ranks == PP_RANKS_MPI) || was_launched();
}

static pp_status run_parallel(const pp_command *command, pp_arguments *arguments)
{
    pp_comm *world = NULL;
    PP_TRY(needs_mpi(command) ? pp_comm_world(&world) : pp_comm_self(&world));
    pp_log_set_rank(pp_comm_rank(world));
    arguments->comm = world;
    pp_status status = pp_devices_bind(world);
    if (status == PP_OK) status = command->run(arguments);
    pp_comm_free(&world);
    return status;
}

static pp_status run_command(const pp_command *command, int argc, char **argv)
{
    const char **rest = NULL;
    pp_arguments arguments;
    PP_TRY(PP_ALLOC(argc, &rest));
    pp_status status = pp_arguments_read(command, argc - 2, argv + 2, rest, &arguments);
    if (status == PP_OK && command->ranks != PP_RANKS_FIRST)
        status = run_parallel(command, &arguments);
    else if (status == PP_OK && launched_rank() == 0)
        status = command->run(&arguments);
    pp_free(rest);
    return status;
}

/* Everything between the start of MPI and its end; prints the error. */
static pp_status dispatch(const pp_command *command, int argc, char **argv)
{
    pp_error none;
    pp_error_take(&none);
    const pp_status status = command ? run_command(command, argc, argv) : unknown_command(argv[1]);
    const bool told = pp_error_last()->status != status || status == PP_OK;
    if (!told && launched_rank() == 0) pp_log_last_error();
    return status;
}

static int start(int argc, char **argv)
{
    const pp_command *command = find_command(argv[1]);
    if (!needs_mpi(command)) return (int)dispatch(command, argc, argv);
    pp_status status = pp_mpi_start(&argc, &argv);
    if (status != PP_OK) {
        pp_log_last_error();
        return (int)status;
    }
    const int code = (int)dispatch(command, argc, argv);
    pp_mpi_stop();
    return code;
}

/* A stream that the caller closed: the next file would get its number, and messages would go into that file. */
static void open_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != stream)
            return; /* no /dev/null here: as it was */
}

/* What was printed may not have arrived (a full disk). A run's results are files: its own exit code stays. */
static int end_output(const pp_command *command, int code)
{
    const bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed || code != PP_OK || command == &pp_command_run) return code;
    (void)fprintf(stderr, "error: standard output cannot be written: %s\n", strerror(errno));
    return PP_ERR_RESOURCE;
}

static void print_version(void)
{
    (void)printf("polyptych %s (%s, %s, %s)\n", pp_version(), PP_GIT_ID, PP_COMPILER,
                 PP_BUILD_TYPE);
}

int pp_main(int argc, char **argv)
{
    open_streams();
    const bool first = launched_rank() == 0; /* the others say nothing */
    if (argc < 2) {
        if (first) help(stderr);
        return PP_ERR_CONFIG;
    }
    if (strcmp(argv[1], "--version") == 0) {
        if (first) print_version();
        return end_output(NULL, PP_OK);
    }
    const bool general = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                         strcmp(argv[1], "help") == 0;
    const bool about = general && argc > 2 && argv[2][0] != '-';
    const pp_command *command = find_command(argv[about ? 2 : 1]);
    if (command && (general || asks_help(argc, argv))) {
        if (first) pp_command_help(command);
        return end_output(NULL, PP_OK);
    }
    if (general && !about) {
        if (first) help(stdout);
        return end_output(NULL, PP_OK);
    }
    return end_output(command, start(argc - about, argv + about));
}
