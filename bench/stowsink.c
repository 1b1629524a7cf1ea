/* stowsink: the least a STOW-RS server can do, in C, for gateways that forward over DICOMweb.
 *
 *   stowsink PORT ARRIVALS
 *
 * A thread per connection. Takes every POST whole, finds the instances in it, answers 200 and names
 * each of them in ReferencedSOPSequence (PS3.18 §10.5.3, DICOM JSON). It keeps nothing: what is
 * measured is the gateway in front of it. Anything but a POST is answered with an empty list. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <strings.h>

#include "arrivals.h"
#include "wire.h"

#define HEAD_MAX 16384
#define META_START 132 /* preamble and "DICM", PS3.10 §7.1 */
#define NAMED_MAX 512  /* of the JSON of one instance */

static struct arrivals *arrivals;

struct bytes {
    char *start;
    size_t length, room;
};

struct connection {
    int fd;
    struct bytes received; /* what was read and not yet used */
};

static void reserve(struct bytes *b, size_t more) {
    if (b->length + more <= b->room) return;
    b->room = 2 * (b->length + more);
    b->start = realloc(b->start, b->room);
}

static int receive_more(struct connection *c, size_t at_most) {
    reserve(&c->received, at_most);
    const ssize_t got = recv(c->fd, c->received.start + c->received.length, at_most, 0);
    if (got <= 0) return -1;
    c->received.length += (size_t)got;
    return 0;
}

static int need(struct connection *c, size_t wanted) {
    while (c->received.length < wanted)
        if (receive_more(c, wanted - c->received.length)) return -1;
    return 0;
}

static void use(struct connection *c, size_t length) {
    c->received.length -= length;
    memmove(c->received.start, c->received.start + length, c->received.length);
}

/* Give the length of what ends with `mark`, which is included; 0: the connection is over. */
static size_t until(struct connection *c, const char *mark) {
    for (;;) {
        const char *found = c->received.length ? memmem(c->received.start, c->received.length, mark,
                                                        strlen(mark))
                                               : NULL;
        if (found) return (size_t)(found - c->received.start) + strlen(mark);
        if (c->received.length > HEAD_MAX || receive_more(c, HEAD_MAX)) return 0;
    }
}

static const char *header(const char *head, const char *name) {
    const char *found = strcasestr(head, name);
    return found ? found + strlen(name) : NULL;
}

static int take_chunks(struct connection *c, struct bytes *body) {
    for (;;) {
        const size_t line = until(c, "\r\n");
        if (!line) return -1;
        const size_t length = strtoul(c->received.start, NULL, 16);
        use(c, line);
        if (need(c, length + 2)) return -1;
        reserve(body, length);
        memcpy(body->start + body->length, c->received.start, length);
        body->length += length;
        use(c, length + 2);
        if (!length) return 0;
    }
}

static int take_body(struct connection *c, const char *head, struct bytes *body) {
    const char *length = header(head, "\r\ncontent-length:");
    body->length = 0;
    if (header(head, "\r\nexpect: 100")) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (send_all(c->fd, go_on, sizeof go_on - 1)) return -1;
    }
    if (header(head, "\r\ntransfer-encoding: chunked")) return take_chunks(c, body);
    if (!length) return 0;
    const size_t wanted = strtoul(length, NULL, 10);
    reserve(body, wanted);
    body->length = c->received.length < wanted ? c->received.length : wanted;
    memcpy(body->start, c->received.start, body->length);
    use(c, body->length);
    while (body->length < wanted) {
        const ssize_t got = recv(c->fd, body->start + body->length, wanted - body->length, 0);
        if (got <= 0) return -1;
        body->length += (size_t)got;
    }
    return 0;
}

/* Name the instance of a Part 10 file, from its file meta (explicit VR, PS3.10 §7.1). */
static size_t name_instance(char *json, const uint8_t *file, size_t size) {
    char uids[2][UID_MAX + 1] = {"", ""};
    for (size_t at = META_START; at + 12 <= size && get16(file + at) == 0x0200;) {
        const int is_long = !memcmp(file + at + 4, "OB", 2) || !memcmp(file + at + 4, "UN", 2);
        uint32_t length;
        uint16_t short_length;
        memcpy(&length, file + at + 8, 4);
        memcpy(&short_length, file + at + 6, 2);
        if (!is_long) length = short_length;
        const int which = file[at + 2] - 2; /* (0002,0002) and (0002,0003) */
        at += is_long ? 12 : 8;
        if ((which == 0 || which == 1) && file[at - 5] == 0 && length <= UID_MAX && !is_long)
            memcpy(uids[which], file + at, length);
        at += length;
    }
    return (size_t)sprintf(json,
                           "{\"00081150\":{\"vr\":\"UI\",\"Value\":[\"%s\"]},"
                           "\"00081155\":{\"vr\":\"UI\",\"Value\":[\"%s\"]}},",
                           uids[0], uids[1]);
}

/* Find the instances of a multipart body; give the answer. */
static size_t answer_store(struct bytes *answer, const struct bytes *body, const char *boundary) {
    static const char begin[] = "{\"00081199\":{\"vr\":\"SQ\",\"Value\":[", end[] = "]}}";
    const char *at = body->start, *over = body->start + body->length;
    answer->length = 0;
    reserve(answer, NAMED_MAX);
    answer->length = (size_t)sprintf(answer->start, "%s", begin);
    while ((at = memmem(at, (size_t)(over - at), boundary, strlen(boundary)))) {
        const char *part = memmem(at, (size_t)(over - at), "\r\n\r\n", 4);
        if (!part) break;
        reserve(answer, NAMED_MAX);
        answer->length += name_instance(answer->start + answer->length, (const uint8_t *)part + 4,
                                        (size_t)(over - part - 4));
        note_arrival(arrivals);
        at = part;
    }
    answer->length -= answer->start[answer->length - 1] == ',';
    answer->length += (size_t)sprintf(answer->start + answer->length, "%s", end);
    return answer->length;
}

static int read_boundary(const char *head, char *boundary) {
    const char *found = header(head, "boundary=");
    if (!found) return -1;
    found += *found == '"';
    snprintf(boundary, 128, "--%.*s", (int)strcspn(found, "\";\r"), found);
    return 0;
}

static int take_request(struct connection *c, struct bytes *body, struct bytes *answer) {
    char head[HEAD_MAX + 1], boundary[128], status[128];
    const size_t length = until(c, "\r\n\r\n");
    if (!length || length > HEAD_MAX) return -1;
    memcpy(head, c->received.start, length);
    head[length] = 0;
    use(c, length);
    if (take_body(c, head, body)) return -1;
    reserve(answer, 3);
    if (strncmp(head, "POST", 4) || read_boundary(head, boundary))
        memcpy(answer->start, "[]", answer->length = 2);
    else
        answer_store(answer, body, boundary);
    const int n = snprintf(status, sizeof status,
                           "HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"
                           "Content-Length: %zu\r\n\r\n",
                           answer->length);
    if (send_all(c->fd, status, (size_t)n)) return -1;
    return send_all(c->fd, answer->start, answer->length);
}

static void *serve(void *fd) {
    struct connection c = {.fd = (int)(intptr_t)fd};
    struct bytes body = {0}, answer = {0};
    set_tcp_option(c.fd, TCP_NODELAY);
    while (take_request(&c, &body, &answer) == 0) continue;
    close(c.fd);
    free(c.received.start);
    free(body.start);
    free(answer.start);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 3 || !is_little_endian()) {
        fprintf(stderr, "usage: stowsink PORT ARRIVALS\n");
        return 1;
    }
    arrivals = map_arrivals(argv[2]);
    signal(SIGPIPE, SIG_IGN);
    const int listener = listen_on(atoi(argv[1]));
    for (;;) {
        pthread_t thread;
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
}
