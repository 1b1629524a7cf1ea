/* What a sink tells of arrivals, in a small file that the measurement maps: see forwarding.py. */
#ifndef HILUM_BENCH_ARRIVALS_H
#define HILUM_BENCH_ARRIVALS_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct arrivals { /* count; nanoseconds of CLOCK_MONOTONIC */
    atomic_long count, last;
};

static inline struct arrivals *map_arrivals(const char *path) {
    const int fd = open(path, O_RDWR | O_CREAT, 0644);
    if (fd < 0 || ftruncate(fd, sizeof(struct arrivals))) {
        perror(path);
        exit(1);
    }
    void *there = mmap(NULL, sizeof(struct arrivals), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (there == MAP_FAILED) exit(1);
    return there;
}

static inline void note_arrival(struct arrivals *arrivals) {
    struct timespec t;
    if (!arrivals) return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    atomic_store(&arrivals->last, t.tv_sec * 1000000000L + t.tv_nsec);
    atomic_fetch_add(&arrivals->count, 1);
}

#endif
