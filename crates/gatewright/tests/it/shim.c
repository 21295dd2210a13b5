// Stands between the program and the machine, for faults that no test can have on a healthy one. SHIM names the fault; SHIM_AFTER says when.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_long used;

static int wanted(const char *fault) {
    const char *named = getenv("SHIM");
    return named && strcmp(named, fault) == 0;
}

static long after(void) {
    const char *text = getenv("SHIM_AFTER");
    return text ? atol(text) : 0;
}

// Only files of runs have the fault: the rest of the machine is healthy.
static int of_a_run(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/.gatewright/runs/") != NULL;
}

// Says whether the process holds room on the disk for what comes back.
static int keeps_room(void) {
    char link[64], path[4096];
    for (int file = 0; file < 256; file++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length < 0) continue;
        path[length] = 0;
        if (strstr(path, "/run.room")) return 1;
    }
    return 0;
}

// F3: after so many bytes the disk is full. It stays so (full), or has the room again that the process kept and gave up (room).
static int is_full(int file, size_t size) {
    int stays = wanted("full");
    if ((!stays && !wanted("room")) || !of_a_run(file)) return 0;
    int is_beyond = atomic_fetch_add(&used, (long)size) + (long)size > after();
    return is_beyond && (stays || keeps_room());
}

ssize_t write(int file, const void *bytes, size_t size) {
    if (is_full(file, size)) { errno = ENOSPC; return -1; }
    return syscall(SYS_write, file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
    if (is_full(file, size)) { errno = ENOSPC; return -1; }
    return syscall(SYS_pwrite64, file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t at) {
    return pwrite(file, bytes, size, at);
}

// F4: after so many flushes they fail.
static int is_lost(int file) {
    if (!wanted("flush") || !of_a_run(file)) return 0;
    return atomic_fetch_add(&used, 1) + 1 > after();
}

int fsync(int file) {
    if (is_lost(file)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    if (is_lost(file)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, file);
}

// F6: the wall clock jumps each time that somebody looks at it: a year on, an hour back, a day back.
static long jump(void) {
    static const long by[] = {0, 31536000, -3600, -86400};
    return wanted("clock") ? by[atomic_fetch_add(&used, 1) % 4] : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = (int)syscall(SYS_clock_gettime, clock, now);
    if (done == 0 && clock == CLOCK_REALTIME) now->tv_sec += jump();
    return done;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

// F16: every other time the name leads nowhere for now.
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    if (wanted("names") && node && strcmp(node, "model.example") == 0) {
        if (atomic_fetch_add(&used, 1) % 2 == 0) return EAI_AGAIN;
        node = "127.0.0.1";
    }
    return real(node, service, hints, found);
}
