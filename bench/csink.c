/* csink: the least a DIMSE receiver can do, in C. The physical limit that others are held against.
 *
 *   csink PORT FOLDER [ARRIVALS]
 *
 * A thread per association. Accepts every context, writes each data set behind a blank file meta
 * group, answers success. No check, no index, no sync: never a model, only a ceiling.
 *
 * With ARRIVALS it is a destination: it tells in that file (arrivals.h) how many instances came and
 * when the last one did, keeps nothing (FOLDER is not used), and acknowledges at once, so that
 * senders which leave Nagle's algorithm on do not wait 40 ms for each instance. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arrivals.h"
#include "wire.h"

#define BUFFER (1 << 20)      /* one read takes at most this */
#define ANNOUNCED_PDU (1 << 20)
#define META_BYTES 360        /* about what a real file meta group takes */

static const char *folder;
static atomic_long file_number;
static struct arrivals *arrivals;

struct command {
    uint16_t field, message_id, data_set_type;
    uint32_t class_length, instance_length;
    char class_uid[UID_MAX], instance_uid[UID_MAX];
};

struct connection {
    int fd, file;
    uint8_t *buffer;
    size_t begin, end; /* received and not yet used */
    uint8_t raw_command[4096];
    size_t raw_length;
    struct command command;
};

/* Make at least `wanted` bytes available at buffer + begin. */
static int need(struct connection *c, size_t wanted) {
    if (c->end - c->begin >= wanted) return 0;
    memmove(c->buffer, c->buffer + c->begin, c->end - c->begin);
    c->end -= c->begin;
    c->begin = 0;
    if (wanted > BUFFER) return -1;
    while (c->end < wanted) {
        if (arrivals) set_tcp_option(c->fd, TCP_QUICKACK);
        const ssize_t got = recv(c->fd, c->buffer + c->end, BUFFER - c->end, 0);
        if (got <= 0) return -1;
        c->end += (size_t)got;
    }
    return 0;
}

/* Accept a proposed context with its first transfer syntax. Give the length of the answer. */
static size_t accept_context(uint8_t *answer, const uint8_t *item, size_t item_length) {
    uint8_t value[4 + 4 + UID_MAX] = {item[4]};
    size_t at = 8;
    while (at + 4 <= item_length && item[at] != TRANSFER_SYNTAX) at += 4 + get16(item + at + 2);
    const size_t length = get16(item + at + 2) > UID_MAX ? UID_MAX : get16(item + at + 2);
    put_item(value + 4, TRANSFER_SYNTAX, item + at + 4, length);
    return put_item(answer, PRESENTATION_CONTEXT_AC, value, 8 + length);
}

static int answer_associate(struct connection *c, uint32_t length) {
    uint8_t answer[CONTROL_PDU_MAX] = {ASSOCIATE_AC}, maximum[4], user[32];
    if (length > CONTROL_PDU_MAX / 2 || need(c, length)) return -1;
    const uint8_t *body = c->buffer + c->begin;
    size_t end = ASSOCIATE_FIXED, user_length;
    memcpy(answer + PDU_HEADER, body, ASSOCIATE_FIXED - PDU_HEADER);
    for (size_t at = ASSOCIATE_FIXED - PDU_HEADER; at + 4 <= length;) {
        const size_t item_length = 4 + get16(body + at + 2);
        if (body[at] == APPLICATION_CONTEXT)
            end += put_item(answer + end, APPLICATION_CONTEXT, body + at + 4, item_length - 4);
        if (body[at] == PRESENTATION_CONTEXT_RQ)
            end += accept_context(answer + end, body + at, item_length);
        at += item_length;
    }
    put32(maximum, ANNOUNCED_PDU);
    user_length = put_item(user, MAXIMUM_LENGTH, maximum, 4);
    user_length += put_text_item(user + user_length, IMPLEMENTATION_CLASS_UID, "1.2.8.9");
    end += put_item(answer + end, USER_INFORMATION, user, user_length);
    put32(answer + 2, (uint32_t)(end - PDU_HEADER));
    c->begin += length;
    return send_all(c->fd, answer, end);
}

static void read_command(struct connection *c) {
    struct command *command = &c->command;
    memset(command, 0, sizeof *command);
    for (size_t at = 0; at + 8 <= c->raw_length;) {
        const uint8_t *value = c->raw_command + at + 8;
        uint16_t element;
        uint32_t length;
        memcpy(&element, c->raw_command + at + 2, 2);
        memcpy(&length, c->raw_command + at + 4, 4);
        if (length > c->raw_length - at - 8) break;
        if (element == COMMAND_FIELD) memcpy(&command->field, value, 2);
        if (element == MESSAGE_ID) memcpy(&command->message_id, value, 2);
        if (element == COMMAND_DATA_SET_TYPE) memcpy(&command->data_set_type, value, 2);
        if (element == AFFECTED_SOP_CLASS_UID && length <= UID_MAX)
            memcpy(command->class_uid, value, command->class_length = length);
        if (element == AFFECTED_SOP_INSTANCE_UID && length <= UID_MAX)
            memcpy(command->instance_uid, value, command->instance_length = length);
        at += 8 + length;
    }
    c->raw_length = 0;
}

static int answer_success(struct connection *c, int context_id) {
    const struct command *request = &c->command;
    uint8_t pdu[512];
    size_t end = COMMAND_ELEMENTS;
    end += put_element(pdu + end, AFFECTED_SOP_CLASS_UID, request->class_uid,
                       request->class_length);
    end += put_short_element(pdu + end, COMMAND_FIELD, request->field | RESPONSE);
    end += put_short_element(pdu + end, MESSAGE_ID_BEING_RESPONDED_TO, request->message_id);
    end += put_short_element(pdu + end, COMMAND_DATA_SET_TYPE, NO_DATA_SET);
    end += put_short_element(pdu + end, STATUS, 0);
    if (request->instance_length)
        end += put_element(pdu + end, AFFECTED_SOP_INSTANCE_UID, request->instance_uid,
                           request->instance_length);
    return send_all(c->fd, pdu, finish_command(pdu, end, context_id));
}

static int open_file(void) {
    static const uint8_t meta[META_BYTES];
    char path[4096];
    snprintf(path, sizeof path, "%s/%ld.dcm", folder, atomic_fetch_add(&file_number, 1));
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || write(file, meta, META_BYTES) != META_BYTES) return -1;
    return file;
}

/* Bring `length` bytes of a data set from the buffer into the file. */
static int take_data(struct connection *c, size_t length) {
    if (!arrivals && c->file < 0 && (c->file = open_file()) < 0) return -1;
    while (length) {
        if (c->begin == c->end) {
            c->begin = c->end = 0;
            if (need(c, 1)) return -1;
        }
        const size_t there = c->end - c->begin;
        const size_t part = there < length ? there : length;
        if (!arrivals && write(c->file, c->buffer + c->begin, part) != (ssize_t)part) return -1;
        c->begin += part;
        length -= part;
    }
    return 0;
}

static int take_command(struct connection *c, size_t length) {
    if (c->raw_length + length > sizeof c->raw_command || need(c, length)) return -1;
    memcpy(c->raw_command + c->raw_length, c->buffer + c->begin, length);
    c->raw_length += length;
    c->begin += length;
    return 0;
}

static int end_of_fragment(struct connection *c, int context_id, int flags) {
    if (!(flags & IS_LAST)) return 0;
    if (flags & IS_COMMAND) {
        read_command(c);
        if (c->command.data_set_type != NO_DATA_SET) return 0;
    }
    if (c->file >= 0) close(c->file);
    c->file = -1;
    if (c->command.field == C_STORE_RQ) note_arrival(arrivals);
    return answer_success(c, context_id);
}

static int take_p_data(struct connection *c, uint32_t left) {
    while (left >= PDV_HEADER) {
        if (need(c, PDV_HEADER)) return -1;
        const uint8_t *header = c->buffer + c->begin;
        const uint32_t length = get32(header) - 2;
        const int context_id = header[4], flags = header[5];
        if (length > left - PDV_HEADER) return -1;
        c->begin += PDV_HEADER;
        left -= PDV_HEADER + length;
        if (flags & IS_COMMAND ? take_command(c, length) : take_data(c, length)) return -1;
        if (end_of_fragment(c, context_id, flags)) return -1;
    }
    return 0;
}

/* Take one PDU. -1 ends the connection. */
static int take_pdu(struct connection *c) {
    static const uint8_t release_response[10] = {RELEASE_RP, 0, 0, 0, 0, 4};
    if (need(c, PDU_HEADER)) return -1;
    const int type = c->buffer[c->begin];
    const uint32_t length = get32(c->buffer + c->begin + 2);
    c->begin += PDU_HEADER;
    if (type == ASSOCIATE_RQ) return answer_associate(c, length);
    if (type == P_DATA_TF) return take_p_data(c, length);
    if (type == RELEASE_RQ) send_all(c->fd, release_response, sizeof release_response);
    return -1;
}

static void *serve(void *fd) {
    struct connection *c = calloc(1, sizeof *c);
    c->fd = (int)(intptr_t)fd;
    c->file = -1;
    c->buffer = malloc(BUFFER);
    set_tcp_option(c->fd, TCP_NODELAY);
    while (take_pdu(c) == 0) continue;
    if (c->file >= 0) close(c->file);
    close(c->fd);
    free(c->buffer);
    free(c);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4 || !is_little_endian()) {
        fprintf(stderr, "usage: csink PORT FOLDER [ARRIVALS]\n");
        return 1;
    }
    folder = argv[2];
    if (argc == 4) arrivals = map_arrivals(argv[3]);
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
