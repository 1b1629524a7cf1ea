/* blast: a DIMSE load generator that is never the bottleneck.
 *
 *   blast store        -p PORT [-j ASSOCIATIONS] [-k FILES_MAX] [-Q] FILE_OR_FOLDER...
 *   blast echo         -p PORT [-j ASSOCIATIONS] [-n ECHOES] [-Q]
 *   blast associations -p PORT [-j CLIENTS] [-n ASSOCIATIONS] [-Q]   (associate, echo, release)
 *
 * Part 10 files are read into memory first; each data set leaves in one sendmsg, cut into the PDUs
 * that the peer asked for, without a copy. One operation is outstanding per association.
 * TCP_NODELAY is always on. -Q re-arms TCP_QUICKACK before every read: without it a receiver that
 * leaves Nagle's algorithm on (DCMTK's default) waits up to 40 ms for our acknowledgement.
 *
 * One JSON line on stdout: what was answered with success, when it began (CLOCK_MONOTONIC) and how
 * long it took. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define CONTEXTS_MAX 128  /* odd ids 1..255, PS3.8 §7.1.1.13 */
#define JOBS_MAX 256
#define PARTS_PER_CALL 1000 /* below IOV_MAX */
#define UNLIMITED_PDU (1 << 20) /* what we send to a peer that announces no limit */
#define META_START 132 /* preamble and "DICM", PS3.10 §7.1 */

struct object {
    uint8_t *data_set;
    size_t length;
    int context;
    char class_uid[UID_MAX + 1], instance_uid[UID_MAX + 1], syntax_uid[UID_MAX + 1];
};

struct context {
    char class_uid[UID_MAX + 1], syntax_uid[UID_MAX + 1];
};

struct connection {
    int fd;
    size_t peer_pdu; /* length that may follow a PDU header */
    int is_accepted[CONTEXTS_MAX];
};

static struct object *objects;
static int object_count, object_max = 1 << 30;
static struct context contexts[CONTEXTS_MAX];
static int context_count;

static const char *host = "127.0.0.1", *called = "ANY-SCP", *calling = "BLAST";
static int port, jobs = 1, quickack;
static long operations = 1;

static atomic_long next_operation, succeeded, failed, bytes_sent, latency_count;
static uint32_t *latencies; /* microseconds, one per operation */
static pthread_barrier_t start_line;

static void die(const char *what) {
    perror(what);
    exit(2);
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- objects ---------------------------------------------------------------------------- */

static void copy_uid(char *target, const uint8_t *value, size_t length) {
    if (length > UID_MAX) length = UID_MAX;
    while (length && (value[length - 1] == 0 || value[length - 1] == ' ')) length--;
    memcpy(target, value, length);
    target[length] = 0;
}

/* Walk the file meta group (explicit VR, PS3.10 §7.1); give where the data set begins. */
static size_t read_meta(struct object *object, const uint8_t *file, size_t size) {
    size_t at = META_START;
    while (at + 12 <= size) {
        uint16_t group, element, short_length;
        uint32_t length;
        size_t header = 8;
        memcpy(&group, file + at, 2);
        memcpy(&element, file + at + 2, 2);
        if (group != 0x0002) break;
        if (!memcmp(file + at + 4, "OB", 2) || !memcmp(file + at + 4, "UN", 2)) {
            memcpy(&length, file + at + 8, 4);
            header = 12;
        } else {
            memcpy(&short_length, file + at + 6, 2);
            length = short_length;
        }
        const uint8_t *value = file + at + header;
        if (element == 0x0002) copy_uid(object->class_uid, value, length);
        if (element == 0x0003) copy_uid(object->instance_uid, value, length);
        if (element == 0x0010) copy_uid(object->syntax_uid, value, length);
        at += header + length;
    }
    return at;
}

static int context_for(const struct object *object) {
    int i = 0;
    while (i < context_count && (strcmp(contexts[i].class_uid, object->class_uid) ||
                                 strcmp(contexts[i].syntax_uid, object->syntax_uid)))
        i++;
    if (i == CONTEXTS_MAX) {
        fprintf(stderr, "more than %d kinds of objects\n", CONTEXTS_MAX);
        exit(2);
    }
    if (i == context_count) {
        strcpy(contexts[i].class_uid, object->class_uid);
        strcpy(contexts[i].syntax_uid, object->syntax_uid);
        context_count++;
    }
    return i;
}

static uint8_t *read_whole(const char *path, size_t *size) {
    struct stat status;
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status)) die(path);
    *size = (size_t)status.st_size;
    uint8_t *bytes = malloc(*size + 1);
    for (size_t got = 0; got < *size;) {
        const ssize_t n = read(fd, bytes + got, *size - got);
        if (n <= 0) die(path);
        got += (size_t)n;
    }
    close(fd);
    return bytes;
}

static void load_file(const char *path) {
    size_t size;
    if (object_count == object_max) return;
    uint8_t *file = read_whole(path, &size);
    if (size < META_START + 12 || memcmp(file + META_START - 4, "DICM", 4)) {
        fprintf(stderr, "not a Part 10 file: %s\n", path);
        exit(2);
    }
    objects = realloc(objects, sizeof *objects * (size_t)(object_count + 1));
    struct object *object = &objects[object_count++];
    memset(object, 0, sizeof *object);
    const size_t start = read_meta(object, file, size);
    object->data_set = file + start;
    object->length = size - start;
    object->context = context_for(object);
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void load(const char *path) {
    struct stat status;
    struct dirent **entries;
    char child[4096];
    if (stat(path, &status)) die(path);
    if (!S_ISDIR(status.st_mode)) {
        load_file(path);
        return;
    }
    const int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0) die(path);
    for (int i = 0; i < count; i++) {
        snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
        load(child);
        free(entries[i]);
    }
    free(entries);
}

/* ---- one association -------------------------------------------------------------------- */

static int receive_all(int fd, void *bytes, size_t length) {
    uint8_t *p = bytes;
    while (length) {
        if (quickack) set_tcp_option(fd, TCP_QUICKACK);
        const ssize_t got = recv(fd, p, length, 0);
        if (got <= 0) return -1;
        p += got;
        length -= (size_t)got;
    }
    return 0;
}

/* Receive one PDU; give its type, or -1. `body` has room for CONTROL_PDU_MAX. */
static int receive_pdu(int fd, uint8_t *body, uint32_t *length) {
    uint8_t header[PDU_HEADER];
    if (receive_all(fd, header, sizeof header)) return -1;
    *length = get32(header + 2);
    if (*length > CONTROL_PDU_MAX || receive_all(fd, body, *length)) return -1;
    return header[0];
}

static size_t put_context(uint8_t *p, int index) {
    uint8_t value[4 + 2 * (4 + UID_MAX)] = {(uint8_t)(2 * index + 1), 0, 0, 0};
    size_t length = 4;
    length += put_text_item(value + length, ABSTRACT_SYNTAX, contexts[index].class_uid);
    length += put_text_item(value + length, TRANSFER_SYNTAX, contexts[index].syntax_uid);
    return put_item(p, PRESENTATION_CONTEXT_RQ, value, length);
}

static size_t put_associate_request(uint8_t *p) {
    uint8_t user[64], length_value[4];
    size_t user_length = 0, end = ASSOCIATE_FIXED;
    memset(p, 0, ASSOCIATE_FIXED);
    p[0] = ASSOCIATE_RQ;
    put16(p + 6, 1); /* protocol version */
    memset(p + 10, ' ', 32);
    memcpy(p + 10, called, strlen(called));
    memcpy(p + 26, calling, strlen(calling));
    end += put_text_item(p + end, APPLICATION_CONTEXT, "1.2.840.10008.3.1.1.1");
    for (int i = 0; i < context_count; i++) end += put_context(p + end, i);
    put32(length_value, 131072);
    user_length += put_item(user + user_length, MAXIMUM_LENGTH, length_value, 4);
    user_length += put_text_item(user + user_length, IMPLEMENTATION_CLASS_UID,
                                 "2.25.189371538312974838592744041217219385603.9");
    end += put_item(p + end, USER_INFORMATION, user, user_length);
    put32(p + 2, (uint32_t)(end - PDU_HEADER));
    return end;
}

/* Read the accepted contexts and the maximum length out of an A-ASSOCIATE-AC. */
static void read_accept(struct connection *c, const uint8_t *body, uint32_t length) {
    for (size_t at = ASSOCIATE_FIXED - PDU_HEADER; at + 4 <= length;) {
        const size_t end = at + 4 + get16(body + at + 2);
        if (body[at] == PRESENTATION_CONTEXT_AC)
            c->is_accepted[(body[at + 4] - 1) / 2 % CONTEXTS_MAX] = body[at + 6] == 0;
        if (body[at] == USER_INFORMATION)
            for (size_t sub = at + 4; sub + 8 <= end; sub += 4 + get16(body + sub + 2))
                if (body[sub] == MAXIMUM_LENGTH) c->peer_pdu = get32(body + sub + 4);
        at = end;
    }
    if (c->peer_pdu == 0) c->peer_pdu = UNLIMITED_PDU;
}

static int associate(struct connection *c) {
    uint8_t pdu[CONTROL_PDU_MAX];
    uint32_t length;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    memset(c, 0, sizeof *c);
    c->peer_pdu = 16384;
    inet_pton(AF_INET, host, &address.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    set_tcp_option(c->fd, TCP_NODELAY);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) ||
        send_all(c->fd, pdu, put_associate_request(pdu)) ||
        receive_pdu(c->fd, pdu, &length) != ASSOCIATE_AC) {
        close(c->fd);
        return -1;
    }
    read_accept(c, pdu, length);
    return 0;
}

static void release(struct connection *c) {
    uint8_t pdu[CONTROL_PDU_MAX] = {RELEASE_RQ, 0, 0, 0, 0, 4};
    uint32_t length;
    if (!send_all(c->fd, pdu, 10)) receive_pdu(c->fd, pdu, &length);
    close(c->fd);
}

/* ---- operations ------------------------------------------------------------------------- */

static int status_of(const uint8_t *command, size_t length) {
    for (size_t at = 0; at + 8 <= length;) {
        uint16_t element, status;
        uint32_t size;
        memcpy(&element, command + at + 2, 2);
        memcpy(&size, command + at + 4, 4);
        memcpy(&status, command + at + 8, 2);
        if (element == STATUS) return status;
        at += 8 + size;
    }
    return -1;
}

/* Read one response; give its status, or -1. */
static int receive_response(struct connection *c) {
    uint8_t pdu[CONTROL_PDU_MAX], command[4096];
    size_t got = 0;
    uint32_t length;
    int is_last = 0;
    while (!is_last) {
        if (receive_pdu(c->fd, pdu, &length) != P_DATA_TF) return -1;
        for (size_t at = 0; at + PDV_HEADER <= length;) {
            const uint32_t size = get32(pdu + at) - 2;
            if (got + size > sizeof command) return -1;
            memcpy(command + got, pdu + at + PDV_HEADER, size);
            got += size;
            is_last = pdu[at + 5] & IS_LAST;
            at += PDV_HEADER + size;
        }
    }
    return status_of(command, got);
}

static int echo(struct connection *c, uint16_t message_id) {
    uint8_t pdu[512];
    const char *verification = "1.2.840.10008.1.1";
    size_t end = COMMAND_ELEMENTS;
    end += put_element(pdu + end, AFFECTED_SOP_CLASS_UID, verification,
                       (uint32_t)strlen(verification));
    end += put_short_element(pdu + end, COMMAND_FIELD, C_ECHO_RQ);
    end += put_short_element(pdu + end, MESSAGE_ID, message_id);
    end += put_short_element(pdu + end, COMMAND_DATA_SET_TYPE, NO_DATA_SET);
    if (send_all(c->fd, pdu, finish_command(pdu, end, 1))) return -1;
    return receive_response(c);
}

static size_t put_store_request(uint8_t *pdu, const struct object *o, uint16_t message_id) {
    size_t end = COMMAND_ELEMENTS;
    end += put_element(pdu + end, AFFECTED_SOP_CLASS_UID, o->class_uid,
                       (uint32_t)strlen(o->class_uid));
    end += put_short_element(pdu + end, COMMAND_FIELD, C_STORE_RQ);
    end += put_short_element(pdu + end, MESSAGE_ID, message_id);
    end += put_short_element(pdu + end, PRIORITY, 0);
    end += put_short_element(pdu + end, COMMAND_DATA_SET_TYPE, 0);
    end += put_element(pdu + end, AFFECTED_SOP_INSTANCE_UID, o->instance_uid,
                       (uint32_t)strlen(o->instance_uid));
    return finish_command(pdu, end, 2 * o->context + 1);
}

/* Send parts [0, count) completely; the parts are used up. */
static int send_parts(int fd, struct iovec *parts, size_t count) {
    while (count) {
        struct msghdr message = {.msg_iov = parts,
                                 .msg_iovlen = count < PARTS_PER_CALL ? count : PARTS_PER_CALL};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        while (count && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (sent) {
            parts->iov_base = (uint8_t *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

/* The room for sending the largest object: headers and parts, made once per association. */
struct outbox {
    size_t fragment; /* data set bytes in one PDU, even (PS3.8 Annex E) */
    struct iovec *parts;
    uint8_t (*headers)[PDU_HEADER + PDV_HEADER];
};

static struct outbox make_outbox(size_t peer_pdu) {
    struct outbox box = {.fragment = (peer_pdu - PDV_HEADER) & ~(size_t)1};
    size_t longest = 0;
    for (int i = 0; i < object_count; i++)
        if (objects[i].length > longest) longest = objects[i].length;
    const size_t fragments = longest / box.fragment + 2;
    box.parts = calloc(2 * fragments + 1, sizeof *box.parts);
    box.headers = calloc(fragments, sizeof *box.headers);
    return box;
}

static int store(struct connection *c, struct outbox *box, const struct object *o, uint16_t id) {
    uint8_t command[1024];
    size_t count = 0, header = 0;
    box->parts[count++] = (struct iovec){command, put_store_request(command, o, id)};
    for (size_t at = 0; at < o->length; at += box->fragment) {
        const size_t left = o->length - at;
        const size_t length = left < box->fragment ? left : box->fragment;
        uint8_t *headers = box->headers[header++];
        put_data_headers(headers, 2 * o->context + 1, (uint32_t)length,
                         length == left ? IS_LAST : 0);
        box->parts[count++] = (struct iovec){headers, PDU_HEADER + PDV_HEADER};
        box->parts[count++] = (struct iovec){o->data_set + at, length};
    }
    if (send_parts(c->fd, box->parts, count)) return -1;
    return receive_response(c);
}

/* ---- jobs ------------------------------------------------------------------------------- */

static int is_success(int status) { return status == 0 || (status & 0xF000) == 0xB000; }

static void note(double started, int status) {
    const long index = atomic_fetch_add(&latency_count, 1);
    latencies[index] = (uint32_t)((seconds_now() - started) * 1e6);
    atomic_fetch_add(is_success(status) ? &succeeded : &failed, 1);
}

static struct connection associate_at_start(void) {
    struct connection c;
    if (associate(&c)) {
        fprintf(stderr, "no association with port %d\n", port);
        exit(3);
    }
    pthread_barrier_wait(&start_line);
    return c;
}

static void *store_job(void *unused) {
    struct connection c = associate_at_start();
    struct outbox box = make_outbox(c.peer_pdu);
    long i;
    while ((i = atomic_fetch_add(&next_operation, 1)) < operations) {
        const struct object *object = &objects[i];
        const double started = seconds_now();
        const int status =
            c.is_accepted[object->context] ? store(&c, &box, object, (uint16_t)(i + 1)) : 0x0122;
        note(started, status);
        if (is_success(status)) atomic_fetch_add(&bytes_sent, (long)object->length);
        if (status < 0) {
            fprintf(stderr, "connection lost after %ld successes\n", atomic_load(&succeeded));
            break;
        }
    }
    release(&c);
    free(box.parts);
    free(box.headers);
    return unused;
}

static void *echo_job(void *unused) {
    struct connection c = associate_at_start();
    while (atomic_fetch_add(&next_operation, 1) < operations) {
        const double started = seconds_now();
        note(started, echo(&c, 1));
    }
    release(&c);
    return unused;
}

static void *association_job(void *unused) {
    struct connection c;
    pthread_barrier_wait(&start_line);
    while (atomic_fetch_add(&next_operation, 1) < operations) {
        const double started = seconds_now();
        int status = -1;
        if (!associate(&c)) {
            status = echo(&c, 1);
            release(&c);
        }
        note(started, status);
    }
    return unused;
}

static int by_value(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void report(const char *mode, double started, double seconds, double cpu) {
    const long n = atomic_load(&latency_count);
    qsort(latencies, (size_t)n, sizeof *latencies, by_value);
    printf("{\"mode\": \"%s\", \"jobs\": %d, \"succeeded\": %ld, \"failed\": %ld, \"bytes\": %ld, "
           "\"started\": %.6f, \"seconds\": %.6f, \"generator_cpu_seconds\": %.4f, "
           "\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}\n",
           mode, jobs, succeeded, operations - succeeded, bytes_sent, started, seconds, cpu,
           n ? latencies[n / 2] : 0, n ? latencies[n * 99 / 100] : 0, n ? latencies[n - 1] : 0);
}

static void run(const char *mode, void *(*job)(void *)) {
    pthread_t threads[JOBS_MAX];
    latencies = calloc((size_t)operations + 1, sizeof *latencies);
    pthread_barrier_init(&start_line, NULL, (unsigned)jobs + 1);
    for (int i = 0; i < jobs; i++) pthread_create(&threads[i], NULL, job, NULL);
    pthread_barrier_wait(&start_line);
    const double started = seconds_now(), cpu = cpu_seconds();
    for (int i = 0; i < jobs; i++) pthread_join(threads[i], NULL);
    report(mode, started, seconds_now() - started, cpu_seconds() - cpu);
}

static void read_options(int argc, char **argv) {
    int option;
    optind = 2;
    while ((option = getopt(argc, argv, "h:p:c:a:j:n:k:Q")) != -1) switch (option) {
            case 'h': host = optarg; break;
            case 'p': port = atoi(optarg); break;
            case 'c': called = optarg; break;
            case 'a': calling = optarg; break;
            case 'j': jobs = atoi(optarg); break;
            case 'n': operations = atol(optarg); break;
            case 'k': object_max = atoi(optarg); break;
            case 'Q': quickack = 1; break;
            default: exit(1);
        }
    if (port == 0 || jobs < 1 || jobs > JOBS_MAX || strlen(called) > 16 || strlen(calling) > 16) {
        fprintf(stderr, "see the head of blast.c for the options\n");
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc < 3 || !is_little_endian()) {
        fprintf(stderr, "usage: blast store|echo|associations -p PORT ... (see blast.c)\n");
        return 1;
    }
    const char *mode = argv[1];
    read_options(argc, argv);
    if (!strcmp(mode, "store")) {
        for (int i = optind; i < argc; i++) load(argv[i]);
        operations = object_count;
        run(mode, store_job);
    } else {
        strcpy(contexts[0].class_uid, "1.2.840.10008.1.1");
        strcpy(contexts[0].syntax_uid, "1.2.840.10008.1.2");
        context_count = 1;
        run(mode, !strcmp(mode, "echo") ? echo_job : association_job);
    }
    return succeeded == operations ? 0 : 4;
}
