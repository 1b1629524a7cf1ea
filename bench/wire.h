/* The little of DICOM's wire format that the generator (blast.c) and the sinks (csink.c, stowsink.c)
 * share.
 *
 * Headers of PDUs and items are big endian (PS3.8 §9.3); command sets are Implicit VR Little Endian
 * (PS3.7 §6.3.1). Both programs run on little-endian machines only; main() of each checks that. */
#ifndef HILUM_BENCH_WIRE_H
#define HILUM_BENCH_WIRE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum pdu_type { /* PS3.8 §9.3.1 */
    ASSOCIATE_RQ = 1,
    ASSOCIATE_AC = 2,
    P_DATA_TF = 4,
    RELEASE_RQ = 5,
    RELEASE_RP = 6
};

enum item_type { /* PS3.8 §9.3.2, §9.3.3, Annex D */
    APPLICATION_CONTEXT = 0x10,
    PRESENTATION_CONTEXT_RQ = 0x20,
    PRESENTATION_CONTEXT_AC = 0x21,
    ABSTRACT_SYNTAX = 0x30,
    TRANSFER_SYNTAX = 0x40,
    USER_INFORMATION = 0x50,
    MAXIMUM_LENGTH = 0x51,
    IMPLEMENTATION_CLASS_UID = 0x52
};

enum command_element { /* group 0000, PS3.7 Annex E */
    GROUP_LENGTH = 0x0000,
    AFFECTED_SOP_CLASS_UID = 0x0002,
    COMMAND_FIELD = 0x0100,
    MESSAGE_ID = 0x0110,
    MESSAGE_ID_BEING_RESPONDED_TO = 0x0120,
    PRIORITY = 0x0700,
    COMMAND_DATA_SET_TYPE = 0x0800,
    STATUS = 0x0900,
    AFFECTED_SOP_INSTANCE_UID = 0x1000
};

enum command_field { C_STORE_RQ = 0x0001, C_ECHO_RQ = 0x0030, RESPONSE = 0x8000 };

enum pdv_flag { IS_COMMAND = 1, IS_LAST = 2 }; /* PS3.8 §E.2 */

#define NO_DATA_SET 0x0101
#define UID_MAX 64
#define PDU_HEADER 6
#define PDV_HEADER 6
#define ASSOCIATE_FIXED 74 /* PDU header and the fixed part of A-ASSOCIATE-RQ and -AC */
#define CONTROL_PDU_MAX 65536

static inline int is_little_endian(void) {
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 1;
}

static inline void put16(uint8_t *p, unsigned value) {
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void put32(uint8_t *p, uint32_t value) {
    value = htonl(value);
    memcpy(p, &value, 4);
}

static inline unsigned get16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }

static inline uint32_t get32(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return ntohl(value);
}

/* Write one item of PS3.8: type, reserved, length, value. Give its whole length. */
static inline size_t put_item(uint8_t *p, enum item_type type, const void *value, size_t length) {
    p[0] = (uint8_t)type;
    p[1] = 0;
    put16(p + 2, (unsigned)length);
    memcpy(p + 4, value, length);
    return 4 + length;
}

static inline size_t put_text_item(uint8_t *p, enum item_type type, const char *text) {
    return put_item(p, type, text, strlen(text));
}

/* Write one element of a command set, padded to even length. Give its whole length. */
static inline size_t put_element(uint8_t *p, uint16_t element, const void *value, uint32_t length) {
    const uint32_t padded = length + (length & 1);
    memset(p, 0, 2);
    memcpy(p + 2, &element, 2);
    memcpy(p + 4, &padded, 4);
    memcpy(p + 8, value, length);
    if (padded != length) p[8 + length] = 0;
    return 8 + padded;
}

static inline size_t put_short_element(uint8_t *p, uint16_t element, uint16_t value) {
    return put_element(p, element, &value, 2);
}

/* Where the elements of a command PDU begin: PDU header, PDV header, (0000,0000). */
#define COMMAND_ELEMENTS (PDU_HEADER + PDV_HEADER + 12)

/* Write the headers of a P-DATA-TF that holds one PDV of `length` bytes. */
static inline void put_data_headers(uint8_t *p, int context_id, uint32_t length, int flags) {
    p[0] = P_DATA_TF;
    p[1] = 0;
    put32(p + 2, length + PDV_HEADER);
    put32(p + 6, length + 2);
    p[10] = (uint8_t)context_id;
    p[11] = (uint8_t)flags;
}

/* Complete a command whose elements end at `end`: group length and headers. Give its length. */
static inline size_t finish_command(uint8_t *p, size_t end, int context_id) {
    const uint32_t group_length = (uint32_t)(end - COMMAND_ELEMENTS);
    put_element(p + PDU_HEADER + PDV_HEADER, GROUP_LENGTH, &group_length, 4);
    put_data_headers(p, context_id, (uint32_t)(end - PDU_HEADER - PDV_HEADER),
                     IS_COMMAND | IS_LAST);
    return end;
}

static inline int send_all(int socket_fd, const void *bytes, size_t length) {
    const uint8_t *p = bytes;
    while (length) {
        const ssize_t sent = send(socket_fd, p, length, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        p += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static inline void set_tcp_option(int socket_fd, int option) {
    const int on = 1;
    setsockopt(socket_fd, IPPROTO_TCP, option, &on, sizeof on);
}

/* Listen on a loopback port, or end the program. */
static inline int listen_on(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 512)) {
        perror("csink");
        exit(1);
    }
    return fd;
}

#endif
