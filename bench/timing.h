/* How long operations took, as one line of JSON: for the programs that ask (askdimse.c, askhttp.c). */
#ifndef HILUM_BENCH_TIMING_H
#define HILUM_BENCH_TIMING_H

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define OPERATIONS_MAX 1000000
#define JOBS_MAX 256

struct question {
    const uint8_t *bytes;
    uint32_t length;
};

struct timing {
    int jobs;
    long operations;     /* at most so many */
    double seconds_max;  /* none begins later */
    double started;
    atomic_long next, succeeded, failed, answers, bytes, count;
    atomic_long first_us; /* until the first part of the first answer; 0: there was none */
    uint32_t *latencies;  /* microseconds, one per operation */
    struct question *questions;
    long question_count;
};

static inline double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Map a file of questions: each is its length (32 bits, little endian) and so many bytes. */
static inline void read_questions(struct timing *timing, const char *path) {
    struct stat status;
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status)) {
        perror(path);
        exit(2);
    }
    const size_t size = (size_t)status.st_size;
    const uint8_t *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    for (size_t at = 0; at + 4 <= size;) {
        struct question question = {.bytes = file + at + 4};
        memcpy(&question.length, file + at, 4);
        timing->questions = realloc(timing->questions, sizeof question *
                                                           (size_t)(timing->question_count + 1));
        timing->questions[timing->question_count++] = question;
        at += 4 + question.length;
    }
    if (timing->operations > OPERATIONS_MAX) timing->operations = OPERATIONS_MAX;
    timing->latencies = calloc((size_t)timing->operations + JOBS_MAX, sizeof *timing->latencies);
}

/* Give the next question, or NULL when it is over. */
static inline const struct question *next_question(struct timing *timing) {
    const long number = atomic_fetch_add(&timing->next, 1);
    if (number >= timing->operations) return NULL;
    if (number && seconds_now() - timing->started > timing->seconds_max) return NULL;
    return &timing->questions[number % timing->question_count];
}

static inline void note(struct timing *timing, double began, long succeeded, long failed) {
    const long index = atomic_fetch_add(&timing->count, 1);
    timing->latencies[index] = (uint32_t)((seconds_now() - began) * 1e6);
    atomic_fetch_add(&timing->succeeded, succeeded);
    atomic_fetch_add(&timing->failed, failed);
}

static inline void note_first(struct timing *timing, double began) {
    long none = 0;
    atomic_compare_exchange_strong(&timing->first_us, &none, (long)((seconds_now() - began) * 1e6));
}

static inline int by_value(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The time is that of the operations, not what is between them (of one job). */
static inline void report(struct timing *timing, double seconds) {
    const long n = timing->count;
    double sum = 0;
    for (long i = 0; i < n; i++) sum += timing->latencies[i] * 1e-6;
    if (timing->jobs == 1) seconds = sum;
    qsort(timing->latencies, (size_t)n, sizeof *timing->latencies, by_value);
    printf("{\"succeeded\": %ld, \"failed\": %ld, \"operations\": %ld, \"answers\": %ld, "
           "\"bytes\": %ld, \"seconds\": %.6f, \"first_us\": %ld, \"p50_us\": %u, \"p99_us\": %u, "
           "\"max_us\": %u}\n",
           timing->succeeded, timing->failed, n, timing->answers, timing->bytes, seconds,
           timing->first_us,
           n ? timing->latencies[n / 2] : 0, n ? timing->latencies[n * 99 / 100] : 0,
           n ? timing->latencies[n - 1] : 0);
}

/* Run `job` in so many threads and tell what came of it. */
static inline void run_jobs(struct timing *timing, void *(*job)(void *)) {
    pthread_t threads[JOBS_MAX];
    timing->started = seconds_now();
    for (int i = 0; i < timing->jobs; i++) pthread_create(&threads[i], NULL, job, NULL);
    for (int i = 0; i < timing->jobs; i++) pthread_join(threads[i], NULL);
    report(timing, seconds_now() - timing->started);
}

#endif
