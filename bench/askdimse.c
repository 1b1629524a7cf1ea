/* askdimse: asks an archive on loopback by C-FIND, C-MOVE or C-GET, and is never the bottleneck.
 *
 *   askdimse find|move|get -p PORT [-d DESTINATION] [-j ASSOCIATIONS] [-n MAX] [-t SECONDS_MAX]
 *                          [-l ANSWERS_MAX] FILE
 *
 * FILE has identifiers (timing.h) in Implicit VR Little Endian; Study Root. One operation is
 * outstanding per association. What is counted as succeeded are questions of C-FIND, and instances
 * of the others. With -l a C-FIND is over when so many answers came, and is canceled. TCP_NODELAY is
 * on, TCP_QUICKACK is armed again before every read; what a C-GET brings is thrown away. */
#define _GNU_SOURCE
#include <unistd.h>

#include "timing.h"
#include "wire.h"

#define BUFFER (1 << 20)
#define ANNOUNCED_PDU (1 << 18)
#define COMMAND_MAX 8192
#define ROLE_SELECTION 0x54
#define MOVE_DESTINATION 0x0600
#define COMPLETED_SUBOPERATIONS 0x1021
#define QUESTION_CONTEXT 1
#define STORE_CONTEXT 3
#define C_CANCEL_RQ 0x0FFF
#define IMPLICIT_VR "1.2.840.10008.1.2"
#define EXPLICIT_VR "1.2.840.10008.1.2.1"
#define CT_STORAGE "1.2.840.10008.5.1.4.1.1.2"

static const struct kind {
    const char *name, *class_uid;
    uint16_t field;
} kinds[] = {{"find", "1.2.840.10008.5.1.4.1.2.2.1", 0x0020},
             {"move", "1.2.840.10008.5.1.4.1.2.2.2", 0x0021},
             {"get", "1.2.840.10008.5.1.4.1.2.2.3", 0x0010}};

struct command {
    uint16_t field, message_id, data_set_type, status, completed;
    uint32_t class_length, instance_length;
    char class_uid[UID_MAX], instance_uid[UID_MAX];
};

struct connection {
    int fd;
    uint8_t *buffer;
    size_t begin, end; /* received and not yet used */
    uint32_t pdu_left; /* of the P-DATA-TF that is being read */
    uint8_t raw_command[COMMAND_MAX];
    size_t raw_length;
    struct command command;
};

static struct timing timing = {.jobs = 1, .operations = OPERATIONS_MAX, .seconds_max = 1e9};
static const struct kind *kind;
static const char *destination = "SINK";
static int port;
static long answers_max = 1L << 40;

static int need(struct connection *c, size_t wanted) {
    if (c->end - c->begin >= wanted) return 0;
    memmove(c->buffer, c->buffer + c->begin, c->end - c->begin);
    c->end -= c->begin;
    c->begin = 0;
    while (c->end < wanted) {
        set_tcp_option(c->fd, TCP_QUICKACK);
        const ssize_t got = recv(c->fd, c->buffer + c->end, BUFFER - c->end, 0);
        if (got <= 0) return -1;
        c->end += (size_t)got;
    }
    return 0;
}

static size_t put_context(uint8_t *p, int id, const char *class_uid, const char *syntax_uid) {
    uint8_t value[4 + 2 * (4 + UID_MAX)] = {(uint8_t)id};
    size_t length = 4;
    length += put_text_item(value + length, ABSTRACT_SYNTAX, class_uid);
    length += put_text_item(value + length, TRANSFER_SYNTAX, syntax_uid);
    return put_item(p, PRESENTATION_CONTEXT_RQ, value, length);
}

/* We are SCP of what comes back (PS3.7 §D.3.3.4). */
static size_t put_role(uint8_t *p) {
    const size_t length = strlen(CT_STORAGE);
    uint8_t value[2 + UID_MAX + 2];
    put16(value, (unsigned)length);
    memcpy(value + 2, CT_STORAGE, length);
    value[2 + length] = 0;
    value[3 + length] = 1;
    return put_item(p, ROLE_SELECTION, value, length + 4);
}

static size_t put_associate_request(uint8_t *p) {
    uint8_t user[256], maximum[4];
    size_t user_length = 0, end = ASSOCIATE_FIXED;
    memset(p, 0, ASSOCIATE_FIXED);
    p[0] = ASSOCIATE_RQ;
    put16(p + 6, 1);
    memset(p + 10, ' ', 32);
    memcpy(p + 10, "ANY-SCP", 7);
    memcpy(p + 26, "BLAST", 5);
    end += put_text_item(p + end, APPLICATION_CONTEXT, "1.2.840.10008.3.1.1.1");
    end += put_context(p + end, QUESTION_CONTEXT, kind->class_uid, IMPLICIT_VR);
    if (kind->field == 0x0010) end += put_context(p + end, STORE_CONTEXT, CT_STORAGE, EXPLICIT_VR);
    put32(maximum, ANNOUNCED_PDU);
    user_length += put_item(user + user_length, MAXIMUM_LENGTH, maximum, 4);
    user_length += put_text_item(user + user_length, IMPLEMENTATION_CLASS_UID, "1.2.8.9");
    if (kind->field == 0x0010) user_length += put_role(user + user_length);
    end += put_item(p + end, USER_INFORMATION, user, user_length);
    put32(p + 2, (uint32_t)(end - PDU_HEADER));
    return end;
}

static int associate(struct connection *c) {
    uint8_t pdu[2048];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    set_tcp_option(c->fd, TCP_NODELAY);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) ||
        send_all(c->fd, pdu, put_associate_request(pdu)) || need(c, PDU_HEADER) ||
        c->buffer[c->begin] != ASSOCIATE_AC)
        return -1;
    const uint32_t length = get32(c->buffer + c->begin + 2);
    if (length > CONTROL_PDU_MAX || need(c, PDU_HEADER + length)) return -1;
    c->begin += PDU_HEADER + length;
    return 0;
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
        if (element == STATUS) memcpy(&command->status, value, 2);
        if (element == COMPLETED_SUBOPERATIONS) memcpy(&command->completed, value, 2);
        if (element == AFFECTED_SOP_CLASS_UID && length <= UID_MAX)
            memcpy(command->class_uid, value, command->class_length = length);
        if (element == AFFECTED_SOP_INSTANCE_UID && length <= UID_MAX)
            memcpy(command->instance_uid, value, command->instance_length = length);
        at += 8 + length;
    }
    c->raw_length = 0;
}

static int answer_store(struct connection *c, int context_id) {
    const struct command *request = &c->command;
    uint8_t pdu[512];
    size_t end = COMMAND_ELEMENTS;
    end += put_element(pdu + end, AFFECTED_SOP_CLASS_UID, request->class_uid,
                       request->class_length);
    end += put_short_element(pdu + end, COMMAND_FIELD, C_STORE_RQ | RESPONSE);
    end += put_short_element(pdu + end, MESSAGE_ID_BEING_RESPONDED_TO, request->message_id);
    end += put_short_element(pdu + end, COMMAND_DATA_SET_TYPE, NO_DATA_SET);
    end += put_short_element(pdu + end, STATUS, 0);
    end += put_element(pdu + end, AFFECTED_SOP_INSTANCE_UID, request->instance_uid,
                       request->instance_length);
    return send_all(c->fd, pdu, finish_command(pdu, end, context_id));
}

static int drop(struct connection *c, size_t length) {
    atomic_fetch_add(&timing.bytes, (long)length);
    while (length) {
        if (c->begin == c->end) {
            c->begin = c->end = 0;
            if (need(c, 1)) return -1;
        }
        const size_t there = c->end - c->begin, part = there < length ? there : length;
        c->begin += part;
        length -= part;
    }
    return 0;
}

static int take_command(struct connection *c, size_t length) {
    if (c->raw_length + length > COMMAND_MAX || need(c, length)) return -1;
    memcpy(c->raw_command + c->raw_length, c->buffer + c->begin, length);
    c->raw_length += length;
    c->begin += length;
    return 0;
}

/* Read until a message is complete; give its context, or -1. */
static int read_message(struct connection *c) {
    for (;;) {
        if (!c->pdu_left) {
            if (need(c, PDU_HEADER) || c->buffer[c->begin] != P_DATA_TF) return -1;
            c->pdu_left = get32(c->buffer + c->begin + 2);
            c->begin += PDU_HEADER;
        }
        if (need(c, PDV_HEADER)) return -1;
        const uint8_t *header = c->buffer + c->begin;
        const uint32_t length = get32(header) - 2;
        const int context_id = header[4], flags = header[5];
        c->begin += PDV_HEADER;
        c->pdu_left -= PDV_HEADER + length;
        if (flags & IS_COMMAND ? take_command(c, length) : drop(c, length)) return -1;
        if (!(flags & IS_LAST)) continue;
        if (flags & IS_COMMAND) {
            read_command(c);
            if (c->command.data_set_type != NO_DATA_SET) continue;
        }
        return context_id;
    }
}

static int ask(struct connection *c, const struct question *question) {
    static _Thread_local uint8_t pdu[CONTROL_PDU_MAX];
    size_t end = COMMAND_ELEMENTS;
    end += put_element(pdu + end, AFFECTED_SOP_CLASS_UID, kind->class_uid,
                       (uint32_t)strlen(kind->class_uid));
    end += put_short_element(pdu + end, COMMAND_FIELD, kind->field);
    end += put_short_element(pdu + end, MESSAGE_ID, 1);
    if (kind->field == 0x0021)
        end += put_element(pdu + end, MOVE_DESTINATION, destination, (uint32_t)strlen(destination));
    end += put_short_element(pdu + end, PRIORITY, 0);
    end += put_short_element(pdu + end, COMMAND_DATA_SET_TYPE, 0);
    end = finish_command(pdu, end, QUESTION_CONTEXT);
    put_data_headers(pdu + end, QUESTION_CONTEXT, question->length, IS_LAST);
    memcpy(pdu + end + PDU_HEADER + PDV_HEADER, question->bytes, question->length);
    return send_all(c->fd, pdu, end + PDU_HEADER + PDV_HEADER + question->length);
}

static int cancel(struct connection *c) {
    uint8_t pdu[256];
    size_t end = COMMAND_ELEMENTS;
    end += put_short_element(pdu + end, COMMAND_FIELD, C_CANCEL_RQ);
    end += put_short_element(pdu + end, MESSAGE_ID_BEING_RESPONDED_TO, 1);
    end += put_short_element(pdu + end, COMMAND_DATA_SET_TYPE, NO_DATA_SET);
    return send_all(c->fd, pdu, finish_command(pdu, end, QUESTION_CONTEXT));
}

/* Take answers until there are enough or no more; 1: no more, 0: enough, -1: lost. */
static int take_answers(struct connection *c, long *answers, long *stores, long enough,
                        double began) {
    for (;;) {
        const int context_id = read_message(c);
        if (context_id < 0) return -1;
        if (c->command.field == C_STORE_RQ) {
            note_first(&timing, began);
            if (answer_store(c, context_id)) return -1;
            ++*stores;
        } else if ((c->command.status & 0xFF00) != 0xFF00) {
            return 1;
        } else if (++*answers >= enough) {
            return 0;
        }
    }
}

static int operate(struct connection *c, const struct question *question) {
    long answers = 0, stores = 0;
    const double began = seconds_now();
    const int is_find = kind->field == 0x0020;
    int ended = ask(c, question) ? -1 : take_answers(c, &answers, &stores,
                                                     is_find ? answers_max : 1L << 40, began);
    if (kind->field == 0x0021) stores = c->command.completed;
    const int is_good = ended == 0 || (ended == 1 && c->command.status == 0);
    note(&timing, began, is_good ? (is_find ? 1 : stores) : 0, !is_good);
    if (!is_good) fprintf(stderr, "ended %d, status %04x\n", ended, c->command.status);
    if (is_find) atomic_fetch_add(&timing.answers, answers);
    if (ended == 0) { /* the rest is not measured */
        if (cancel(c)) return -1;
        ended = take_answers(c, &answers, &stores, 1L << 40, began);
    }
    return ended == 1 ? 0 : -1;
}

static void *job(void *unused) {
    static const uint8_t release[10] = {RELEASE_RQ, 0, 0, 0, 0, 4};
    struct connection *c = calloc(1, sizeof *c);
    const struct question *question;
    c->buffer = malloc(BUFFER);
    if (associate(c)) {
        fprintf(stderr, "no association with port %d\n", port);
        exit(3);
    }
    while ((question = next_question(&timing)))
        if (operate(c, question)) break;
    if (!send_all(c->fd, release, sizeof release)) need(c, 1);
    close(c->fd);
    free(c->buffer);
    free(c);
    return unused;
}

int main(int argc, char **argv) {
    int option;
    for (int i = 0; argc > 2 && i < 3; i++)
        if (!strcmp(argv[1], kinds[i].name)) kind = &kinds[i];
    optind = 2;
    while ((option = getopt(argc, argv, "p:d:j:n:t:l:")) != -1) switch (option) {
            case 'p': port = atoi(optarg); break;
            case 'd': destination = optarg; break;
            case 'j': timing.jobs = atoi(optarg); break;
            case 'n': timing.operations = atol(optarg); break;
            case 't': timing.seconds_max = atof(optarg); break;
            case 'l': answers_max = atol(optarg); break;
            default: return 1;
        }
    if (!kind || optind + 1 != argc || !port || timing.jobs < 1 || timing.jobs > JOBS_MAX ||
        !is_little_endian()) {
        fprintf(stderr, "usage: askdimse find|move|get -p PORT ... FILE (see askdimse.c)\n");
        return 1;
    }
    read_questions(&timing, argv[optind]);
    run_jobs(&timing, job);
    return timing.failed ? 4 : 0;
}
