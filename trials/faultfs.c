/* faultfs: a disk that fails, for one process tree. Preloaded (LD_PRELOAD) before libc.
 *
 *   FAULT_PATH         only files whose path has this in it
 *   FAULT_SWITCH       a file; faults happen only while it exists
 *   FAULT_WRITE_SHORT  every n-th write takes only half of what it was given, and says so
 *   FAULT_WRITE_FULL   every n-th write fails with ENOSPC
 *   FAULT_SYNC_EIO     every n-th fsync or fdatasync fails with EIO, and syncs nothing; of those that
 *                      the kernel does beside (io_submit), every n-th is said to have failed
 *
 *   gcc -shared -fPIC -O2 -o faultfs.so faultfs.c -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int short_writes, full_writes, syncs;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_hit(int fd) {
    const char *part = getenv("FAULT_PATH"), *on = getenv("FAULT_SWITCH");
    char link[64], path[PATH_MAX];
    if (!part || !on || access(on, F_OK)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, part) != NULL;
}

/* Tell whether it is the turn of the fault that `variable` asks for. */
static int is_due(const char *variable, atomic_int *count) {
    const char *every = getenv(variable);
    const int n = every ? atoi(every) : 0;
    return n > 0 && atomic_fetch_add(count, 1) % n == n - 1;
}

/* Decide about a write of `size` bytes: -1 fails it, otherwise how many bytes it may take. */
static ssize_t allowed(int fd, size_t size) {
    if (!is_hit(fd)) return (ssize_t)size;
    if (is_due("FAULT_WRITE_FULL", &full_writes)) {
        errno = ENOSPC;
        return -1;
    }
    if (size > 1 && is_due("FAULT_WRITE_SHORT", &short_writes)) return (ssize_t)(size / 2);
    return (ssize_t)size;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    const ssize_t some = allowed(fd, size);
    return some < 0 ? -1 : REAL(write)(fd, bytes, (size_t)some);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    const ssize_t some = allowed(fd, size);
    return some < 0 ? -1 : REAL(pwrite)(fd, bytes, (size_t)some, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
    const ssize_t some = allowed(fd, size);
    return some < 0 ? -1 : REAL(pwrite64)(fd, bytes, (size_t)some, offset);
}

/* A short writev takes the first half of the bytes: whole parts, then a piece of one. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    const ssize_t some = allowed(fd, size);
    if (some < 0) return -1;
    if ((size_t)some == size) return REAL(writev)(fd, parts, count);
    struct iovec cut[IOV_MAX];
    int used = 0;
    for (size_t left = (size_t)some; left > 0 && used < count; used++) {
        cut[used] = parts[used];
        if (cut[used].iov_len > left) cut[used].iov_len = left;
        left -= cut[used].iov_len;
    }
    return REAL(writev)(fd, cut, used);
}

static int fails_to_sync(int fd) {
    if (!is_hit(fd) || !is_due("FAULT_SYNC_EIO", &syncs)) return 0;
    errno = EIO;
    return 1;
}

int fsync(int fd) { return fails_to_sync(fd) ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return fails_to_sync(fd) ? -1 : REAL(fdatasync)(fd); }

/* Only what asynchronous syncs need; there is no function of its own for them to be preloaded. */
long syscall(long number, ...) {
    va_list arguments;
    long a[6];
    va_start(arguments, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_io_submit) {
        struct iocb **requests = (struct iocb **)a[2];
        for (long i = 0; i < a[1]; i++) requests[i]->aio_data = (unsigned)fails_to_sync((int)requests[i]->aio_fildes);
    }
    const long result = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (number == SYS_io_getevents) {
        struct io_event *events = (struct io_event *)a[3];
        for (long i = 0; i < result; i++) if (events[i].data) events[i].res = -EIO;
    }
    return result;
}
