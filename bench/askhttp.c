/* askhttp: asks an HTTP server on loopback, and is never the bottleneck.
 *
 *   askhttp -p PORT [-j CONNECTIONS] [-n REQUESTS_MAX] [-t SECONDS_MAX] FILE
 *
 * FILE has whole requests (timing.h), which are sent as they are, one after the other on connections
 * that are kept. An answer with another status than 200 has failed. TCP_NODELAY is on. */
#define _GNU_SOURCE
#include <strings.h>
#include <unistd.h>

#include "timing.h"
#include "wire.h"

#define BUFFER (1 << 18)
#define LINE_MAX_BYTES 8192

struct connection {
    int fd;
    size_t begin, end;
    uint8_t buffer[BUFFER];
};

struct head {
    int status, is_chunked, is_last;
    long length; /* -1: until the connection is closed */
};

static struct timing timing = {.jobs = 1, .operations = OPERATIONS_MAX, .seconds_max = 1e9};
static int port;
static _Thread_local double began;

static int fill(struct connection *c) {
    const ssize_t got = recv(c->fd, c->buffer, BUFFER, 0);
    c->begin = 0;
    c->end = got > 0 ? (size_t)got : 0;
    return got > 0 ? 0 : -1;
}

/* Read a line without its end; -1: there is none. */
static int read_line(struct connection *c, char *line) {
    size_t length = 0;
    for (;;) {
        if (c->begin == c->end && fill(c)) return -1;
        const uint8_t byte = c->buffer[c->begin++];
        if (byte == '\n') break;
        if (length == LINE_MAX_BYTES - 1) return -1;
        if (byte != '\r') line[length++] = (char)byte;
    }
    line[length] = 0;
    return 0;
}

static int skip(struct connection *c, long length) {
    atomic_fetch_add(&timing.bytes, length);
    while (length) {
        if (c->begin == c->end && fill(c)) return -1;
        note_first(&timing, began);
        const size_t there = c->end - c->begin;
        const size_t part = there < (size_t)length ? there : (size_t)length;
        c->begin += part;
        length -= (long)part;
    }
    return 0;
}

static int read_head(struct connection *c, struct head *head) {
    char line[LINE_MAX_BYTES];
    *head = (struct head){.length = -1};
    if (read_line(c, line) || sscanf(line, "HTTP/1.%*d %d", &head->status) != 1) return -1;
    for (;;) {
        if (read_line(c, line)) return -1;
        if (!*line) return 0;
        if (!strncasecmp(line, "content-length:", 15)) head->length = atol(line + 15);
        if (!strncasecmp(line, "transfer-encoding:", 18)) head->is_chunked = 1;
        if (!strncasecmp(line, "connection: close", 17)) head->is_last = 1;
    }
}

static int skip_chunks(struct connection *c) {
    char line[LINE_MAX_BYTES];
    for (;;) {
        if (read_line(c, line)) return -1;
        const long length = strtol(line, NULL, 16);
        if (length && skip(c, length)) return -1;
        if (read_line(c, line)) return -1; /* behind the data, or behind the last chunk */
        if (!length) return 0;
    }
}

/* Read an answer to its end; give its status, -1: the connection was lost. */
static int read_answer(struct connection *c, int *is_last) {
    struct head head;
    do {
        if (read_head(c, &head)) return -1;
    } while (head.status == 100);
    *is_last = head.is_last;
    if (head.status == 204 || head.status == 304) return head.status; /* RFC 9112 §6.3 */
    *is_last |= head.length < 0 && !head.is_chunked;
    if (head.is_chunked) return skip_chunks(c) ? -1 : head.status;
    if (head.length >= 0) return skip(c, head.length) ? -1 : head.status;
    do {
        if (skip(c, (long)(c->end - c->begin))) return -1;
    } while (!fill(c));
    return head.status;
}

static int open_connection(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    set_tcp_option(fd, TCP_NODELAY);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void *job(void *unused) {
    struct connection *c = calloc(1, sizeof *c);
    const struct question *question;
    c->fd = -1;
    while ((question = next_question(&timing))) {
        int is_last = 0, status = -1;
        began = seconds_now();
        if (c->fd < 0) c->fd = open_connection();
        if (c->fd >= 0 && !send_all(c->fd, question->bytes, question->length))
            status = read_answer(c, &is_last);
        note(&timing, began, status == 200, status != 200);
        if (status != 200) fprintf(stderr, "status %d\n", status);
        if (status < 0 || is_last) {
            close(c->fd);
            c->fd = -1;
            c->begin = c->end = 0;
        }
    }
    if (c->fd >= 0) close(c->fd);
    free(c);
    return unused;
}

int main(int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "p:j:n:t:")) != -1) switch (option) {
            case 'p': port = atoi(optarg); break;
            case 'j': timing.jobs = atoi(optarg); break;
            case 'n': timing.operations = atol(optarg); break;
            case 't': timing.seconds_max = atof(optarg); break;
            default: return 1;
        }
    if (optind + 1 != argc || !port || timing.jobs < 1 || timing.jobs > JOBS_MAX) {
        fprintf(stderr, "usage: askhttp -p PORT ... FILE (see askhttp.c)\n");
        return 1;
    }
    read_questions(&timing, argv[optind]);
    run_jobs(&timing, job);
    return timing.failed ? 4 : 0;
}
