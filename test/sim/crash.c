#define _GNU_SOURCE
#include <elf.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "bench.h"
#include "sim.h"

/*
 * Where a behaviour crashes or hangs. The child's signal handler records the addresses of the
 * functions on the stack; the parent has addr2line, if installed, name function, file and line. A
 * sanitizer reports crashes by itself.
 */
#define STACK_SIZE 65536 /* for the handler, after an overflow of the thread's own stack */
#define LINE_SIZE  512

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
static void record_frames(uintptr_t at)
{
    void *frames[SIM_FRAMES];
    int i, num = backtrace(frames, SIM_FRAMES), first = 0;

    for (i = 0; i < num; i++) {
        first = (uintptr_t)frames[i] == at ? i : first;
    }
    for (i = first; i < num; i++) {
        sim_shared->frames[i - first] = (uintptr_t)frames[i] - (i > first);
    }
}

static void record(int sig, siginfo_t *info, void *context)
{
    if (sig == SIGPROF && sim_current && !sim_thread_is_self(sim_current->thread)) {
        sim_thread_kill(sim_current->thread, sig);
        return;
    }
    sim_shared->signal = sig;
    sim_shared->address = sig == SIGSEGV || sig == SIGBUS ? info->si_addr : NULL;
    record_frames(interrupted_at(context));
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

/* Writes the command that names the recorded code of this program. Returns its number of frames. */
static int addr2line(char *buf, size_t size)
{
    const ElfW(Ehdr) *header = (const void *)__executable_start;
    uintptr_t begin = (uintptr_t)__executable_start, end = (uintptr_t)etext;
    size_t len = (size_t)snprintf(buf, size, "addr2line -f -e /proc/%d/exe", (int)getpid());
    int num = 0;

    for (size_t i = 0; i < SIM_FRAMES && len + 64 < size; i++) {
        uintptr_t at = sim_shared->frames[i];

        if (at >= begin && at < end) {
            len += (size_t)snprintf(buf + len, size - len, " 0x%lx",
                                    (unsigned long)(header->e_type == ET_DYN ? at - begin : at));
            num++;
        }
    }
    snprintf(buf + len, size - len, " 2>/dev/null");
    return num;
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
    return *path != '?' && !strstr(path, "test/sim/") && !strstr(path, "sanitizer");
}

/* It crashes when its caller passes it a bad pointer. */
static int is_log(const char *func)
{
    return strncmp(func, "log_", 4) == 0;
}

/* The innermost function of the stack, or else of the bench. */
void sim_where(char *buf, size_t size)
{
    char command[LINE_SIZE + SIM_FRAMES * 24], func[LINE_SIZE], line[LINE_SIZE];
    const char *path;
    FILE *f;

    *buf = '\0';
    if (!addr2line(command, sizeof(command)) || !(f = popen(command, "r"))) {
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

/* `#1 0x55d5 in ip_input /home/me/ip.c:88` */
static int read_frame(char *line, char *buf, size_t size)
{
    char *func = strstr(line, " in "), *path;

    if (!func || strspn(line, " ") == 0 || line[strspn(line, " ")] != '#') {
        return 0;
    }
    func += 4;
    path = func + strcspn(func, " ");
    if (*path == ' ' && is_ours(path + 1)) {
        *path++ = '\0';
        snprintf(buf, size, "\nin %s, %s", func, shorten(path));
        return 1;
    }
    return 0;
}

int sim_read_sanitizer(FILE *output, char *buf, size_t size)
{
    char line[LINE_SIZE];
    const char *what;
    size_t len = 0;

    while (fgets(line, sizeof(line), output)) {
        if (len > 0 && read_frame(line, buf + len, size - len)) {
            break;
        }
        if (len > 0) {
            continue;
        }
        if (strstr(line, ": runtime error: ")) {
            snprintf(buf, size, "%.*s", (int)strcspn(line, "\n"), line);
            return 1;
        }
        what = strstr(line, "ERROR: AddressSanitizer: ");
        if (what) {
            len = (size_t)snprintf(buf, size, "%.*s", (int)strcspn(what + 7, "\n"), what + 7);
        }
    }
    rewind(output);
    return len > 0;
}
