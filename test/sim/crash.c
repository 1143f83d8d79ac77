#define _GNU_SOURCE
#include <elf.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "bench.h"
#include "sim.h"

/*
 * Where a behaviour crashes or hangs. The child's signal handler records the addresses of the
 * functions on the stack, and of those on main's stack, where the grader is; the parent has
 * addr2line, if installed, name function, file and line. A sanitizer reports crashes by itself.
 */
#define STACK_SIZE 65536 /* for the handler, after an overflow of the thread's own stack */
#define LINE_SIZE  512
#define PATIENCE   100 /* milliseconds for main to record its stack */

static volatile sig_atomic_t asked; /* main shall record its stack */

extern const char __executable_start[], etext[]; /* by the linker */

static uintptr_t interrupted_at(const void *context)
{
#if defined(__x86_64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/* Records the stack from the interrupted function on. A caller's address is that behind its call:
 * one less belongs to the call. */
static void record_frames(uintptr_t *to, uintptr_t at)
{
    void *frames[SIM_FRAMES];
    int i, num = backtrace(frames, SIM_FRAMES), first = 0;

    for (i = 0; i < num; i++) {
        first = (uintptr_t)frames[i] == at ? i : first;
    }
    for (i = first; i < num; i++) {
        to[i - first] = (uintptr_t)frames[i] - (i > first);
    }
}

static int is_main(void)
{
    return !sim_main || sim_thread_is_self(sim_main->thread);
}

/* Another task has crashed or hangs: main waits in the grader's line that was running. */
static void ask_main(void)
{
    asked = 1;
    sim_thread_kill(sim_main->thread, SIGPROF);
    for (int i = 0; i < PATIENCE && asked; i++) {
        usleep(1000);
    }
}

static void record(int sig, siginfo_t *info, void *context)
{
    if (asked && is_main()) {
        record_frames(sim_shared->callers, interrupted_at(context));
        asked = 0;
        return;
    }
    if (sig == SIGPROF && sim_current && !sim_thread_is_self(sim_current->thread)) {
        sim_thread_kill(sim_current->thread, sig);
        return;
    }
    sim_shared->signal = sig;
    sim_shared->address = sig == SIGSEGV || sig == SIGBUS ? info->si_addr : NULL;
    record_frames(sim_shared->frames, interrupted_at(context));
    if (!is_main()) {
        ask_main();
    }
    if (sig == SIGPROF) {
        _exit(1);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

void sim_catch_overflow(void)
{
    static _Thread_local char stack[STACK_SIZE];
    stack_t handlers = { .ss_sp = stack, .ss_size = sizeof(stack) };

    if (!SIM_SANITIZED) {
        sigaltstack(&handlers, NULL);
    }
}

void sim_catch(unsigned int seconds)
{
    static const int signals[] = { SIGPROF, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    struct itimerval limit = { { 1, 0 }, { (time_t)seconds, 0 } };
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    void *frame;
    size_t i;

    backtrace(&frame, 1); /* the first call loads a library */
    sim_shared->seconds = seconds;
    action.sa_sigaction = record;
    sim_catch_overflow();
    for (i = 0; i < (SIM_SANITIZED ? 1 : sizeof(signals) / sizeof(*signals)); i++) {
        sigaction(signals[i], &action, NULL);
    }
    setitimer(ITIMER_PROF, &limit, NULL);
}

/*
 * In the parent
 */

/* Runs the command that names the recorded code of this program, also inlined functions: a line
 * with the function, and one with the place. Returns NULL if there is none. */
static FILE *addr2line(const uintptr_t *frames)
{
    const ElfW(Ehdr) *header = (const void *)__executable_start;
    uintptr_t begin = (uintptr_t)__executable_start, end = (uintptr_t)etext;
    char buf[LINE_SIZE + SIM_FRAMES * 24];
    size_t len = (size_t)snprintf(buf, sizeof(buf), "addr2line -i -f -e /proc/%d/exe",
                                  (int)getpid());
    int num = 0;

    for (size_t i = 0; i < SIM_FRAMES && len + 64 < sizeof(buf); i++) {
        uintptr_t at = frames[i];

        if (at >= begin && at < end) {
            len += (size_t)snprintf(buf + len, sizeof(buf) - len, " 0x%lx",
                                    (unsigned long)(header->e_type == ET_DYN ? at - begin : at));
            num++;
        }
    }
    snprintf(buf + len, sizeof(buf) - len, " 2>/dev/null");
    return num > 0 ? popen(buf, "r") : NULL;
}

/* Removes the end of the line, and the directory if it is the current one. */
static const char *shorten(char *path)
{
    char here[LINE_SIZE];
    size_t len;

    path[strcspn(path, " \n")] = '\0';
    if (!getcwd(here, sizeof(here)) || strncmp(path, here, len = strlen(here)) != 0) {
        return path;
    }
    return path[len] == '/' ? path + len + 1 : path;
}

/* A function of the stack is more interesting than one of the bench. */
static int is_ours(const char *path)
{
    return *path != '?' && !strstr(path, "test/sim/") && !strstr(path, "sanitizer") &&
           strncmp(path, "../", 3) != 0; /* the C library */
}

/* The place in a test, from test/ on, as in __FILE__. NULL: it is in none. */
static const char *in_test(const char *path)
{
    const char *name = NULL;

    for (; (path = strstr(path, "test/")); path++) {
        name = path;
    }
    return name && (!strchr(name + 5, '/') || !strncmp(name + 5, "hostile/", 8)) ? name : NULL;
}

/* The grader's line that was running, if it is another than that of the step in progress. */
static void set_step(const char *place)
{
    static char file[LINE_SIZE];
    int line = atoi(place + strcspn(place, ":") + (strchr(place, ':') != NULL));

    snprintf(file, sizeof(file), "%.*s", (int)strcspn(place, ":"), place);
    if (line > 0 && (line != sim_shared->line || !sim_shared->file ||
                     strcmp(file, sim_shared->file) != 0)) {
        sim_doing(file, line, NULL);
    }
}

void sim_find_step(void)
{
    FILE *f = addr2line(*sim_shared->callers ? sim_shared->callers : sim_shared->frames);
    char func[LINE_SIZE], line[LINE_SIZE];
    const char *place = NULL;

    while (f && !place && fgets(func, sizeof(func), f) && fgets(line, sizeof(line), f) &&
           strcmp(func, "run_one\n") != 0) { /* the behaviour ends there */
        place = in_test(shorten(line));
    }
    if (place) {
        set_step(place);
    }
    if (f) {
        pclose(f);
    }
}

/* It crashes when its caller passes it a bad pointer. */
static int is_log(const char *func)
{
    return strncmp(func, "log_", 4) == 0;
}

/* The innermost function of the stack, or else of the bench. */
void sim_where(char *buf, size_t size)
{
    FILE *f = addr2line(sim_shared->frames);
    char func[LINE_SIZE], line[LINE_SIZE];
    const char *path;

    *buf = '\0';
    if (!f) {
        return;
    }
    while (fgets(func, sizeof(func), f) && fgets(line, sizeof(line), f)) {
        path = shorten(line);
        if (*path != '?' && !strstr(path, "sim/crash.c") && (!*buf || is_ours(path))) {
            snprintf(buf, size, "in %.*s, %s", (int)strcspn(func, "\n"), func, path);
        }
        if (is_ours(path) && !is_log(func)) {
            break;
        }
    }
    pclose(f);
}

/* `    #1 0x55d5 in ip_input /home/me/ip.c:88`: returns the path, and ends the function, which
 * begins at *func. NULL: it is another line. */
static char *read_frame(char *line, char **func)
{
    char *path;

    *func = strstr(line, " in ");
    if (!*func || strspn(line, " ") == 0 || line[strspn(line, " ")] != '#') {
        return NULL;
    }
    *func += 4;
    path = *func + strcspn(*func, " ");
    if (*path == ' ') {
        *path++ = '\0';
    }
    return path;
}

/* Reads the stack of a sanitizer's report, up to an empty line. */
static void read_frames(FILE *output, char *buf, size_t size)
{
    char line[LINE_SIZE], *func, *path;
    const char *place = NULL;

    *buf = '\0';
    while (!place && fgets(line, sizeof(line), output) && (*line != '\n' || !*buf)) {
        path = read_frame(line, &func);
        if (!path) {
            continue;
        }
        if (strcmp(func, "run_one") == 0) {
            break;
        }
        if (!*buf && is_ours(path)) {
            snprintf(buf, size, "\nin %s, %s", func, shorten(path));
        }
        place = in_test(shorten(path));
    }
    if (place) {
        set_step(place);
    }
}

int sim_read_sanitizer(FILE *output, char *buf, size_t size)
{
    char line[LINE_SIZE];
    const char *what;
    size_t len = 0;

    while (len == 0 && fgets(line, sizeof(line), output)) {
        if (strstr(line, ": runtime error: ")) {
            len = (size_t)snprintf(buf, size, "%.*s", (int)strcspn(line, "\n"), line);
            break;
        }
        what = strstr(line, "ERROR: AddressSanitizer: ");
        if (what) {
            len = (size_t)snprintf(buf, size, "%.*s", (int)strcspn(what + 7, "\n"), what + 7);
            read_frames(output, buf + len, size - len);
        }
    }
    rewind(output);
    return len > 0;
}
