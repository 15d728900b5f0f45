/*
 * The benchmark's receiver: asks for a file and discards it, the same for every peer.
 *
 *   receiver wire|http PORT NAME
 *
 * The system discards the body without a copy (MSG_TRUNC), so that the server is what is measured. Prints the seconds
 * from connect to the last byte. Exit status 1, with the reason, when the answer is no success or ends too early.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static char in[1 << 12];

static void die(const char *why) {
    fprintf(stderr, "%s: %.200s\n", why, in);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* The number behind `label` in the head that ends at `end`. */
static long number(const char *label, const char *end) {
    const char *at = memmem(in, end - in, label, strlen(label));
    if (!at) die("the answer has no length");
    return atol(at + strlen(label));
}

int main(int argc, char **argv) {
    if (argc != 4) die("usage: receiver wire|http PORT NAME");
    int http = !strcmp(argv[1], "http"), sock = socket(AF_INET, SOCK_STREAM, 0), length;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[512];
    double start = now();
    if (connect(sock, (struct sockaddr *)&to, sizeof to)) die("connect");
    if (http) length = snprintf(request, sizeof request, "GET /%.200s HTTP/1.1\r\nHost: b\r\n\r\n", argv[3]);
    else {
        length = snprintf(request + 4, sizeof request - 4, "{\"cmd\": \"get\", \"filename\": \"%.200s\", \"id\": 1}", argv[3]);
        memcpy(request, &length, 4);
        length += 4;
    }
    if (send(sock, request, length, MSG_NOSIGNAL) != length) die("send");

    long have = 0, left = -1;
    while (left < 0) {
        ssize_t got = recv(sock, in + have, sizeof in - 1 - have, 0);
        if (got <= 0) die("the head of the answer did not come");
        have += got;
        char *end;
        if (http) {
            if (!(end = memmem(in, have, "\r\n\r\n", 4))) continue;
            if (strncmp(in, "HTTP/1.1 200", 12)) die("refused");
            end += 4;
            left = number("Content-Length: ", end) - (in + have - end);
        } else {
            int head;
            if (have < 4) continue;
            memcpy(&head, in, 4);
            if (head < 2 || head > 2048) die("header length");
            if (have < 4 + head) continue;
            end = in + 4 + head;
            left = number("\"body\":", end) - (in + have - end);
        }
    }
    while (left > 0) {
        ssize_t got = recv(sock, NULL, left < 1 << 20 ? left : 1 << 20, MSG_TRUNC);
        if (got <= 0) die("the body ended too early");
        left -= got;
    }
    printf("%.6f\n", now() - start);
    return 0;
}
