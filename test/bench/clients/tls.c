/*
 * The benchmark's client over TLS: sends one file, or gets one and discards it, the same for every peer.
 *
 *   tls put wire|http ADDRESS PATH NAME
 *   tls get wire|http ADDRESS NAME
 *
 * One cipher for all (AES-256-GCM); the file is mapped, and written a MiB at a time; the certificate is not looked at.
 * Prints the seconds from the end of the handshake to the reply or the last byte, and its own processor seconds, which
 * say whether it was what the server waited for. Exit status 1, with the reason, when that is no success.
 */
#include "client.h"
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PIECE (1 << 20)

static char in[1 << 18];

static SSL *handshake(const char *address) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    if (!SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384")) die("no AES-256-GCM");
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, connect_to(address));
    if (SSL_connect(tls) != 1) die("no handshake: %s", ERR_error_string(ERR_get_error(), NULL));
    return tls;
}

static void write_all(SSL *tls, const char *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        int n = SSL_write(tls, bytes + at, length - at < PIECE ? length - at : PIECE);
        if (n <= 0) die("write: %s", ERR_error_string(ERR_get_error(), NULL));
        at += n;
    }
}

static size_t read_some(SSL *tls, char *to, size_t room) {
    int n = room ? SSL_read(tls, to, room) : 0;
    if (n <= 0) die("the answer did not come, or not all of it: %s", ERR_error_string(ERR_get_error(), NULL));
    return n;
}

int main(int argc, char **argv) {
    int is_put = argc == 6 && !strcmp(argv[1], "put");
    if (!is_put && (argc != 5 || strcmp(argv[1], "get"))) die("usage: tls put wire|http ADDRESS PATH NAME, or tls get wire|http ADDRESS NAME");
    enum protocol protocol = protocol_of(argv[2]);
    const char *name = argv[argc - 1], *file = NULL;
    struct stat facts = {0};
    if (is_put) {
        int fd = open(argv[4], O_RDONLY);
        if (fd < 0 || fstat(fd, &facts)) die("%s: %s", argv[4], strerror(errno));
        file = mmap(NULL, facts.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (file == MAP_FAILED) die("%s: %s", argv[4], strerror(errno));
    }
    SSL *tls = handshake(argv[3]);
    struct moment start = now();
    char request[512];
    size_t length = is_put ? put_head(protocol, request, sizeof request, name, facts.st_size)
                           : get_head(protocol, request, sizeof request, name);
    write_all(tls, request, length);
    if (is_put) write_all(tls, file, facts.st_size);
    size_t have = 0, head = 0;
    long left = 0;
    while (!head) {
        have += read_some(tls, in + have, sizeof in - have);
        head = is_put ? put_reply(protocol, in, have, name) : get_reply(protocol, in, have, &left);
    }
    if (!is_put) {
        left -= have - head;
        while (left > 0) left -= read_some(tls, in, left < (long)sizeof in ? (size_t)left : sizeof in);
    }
    report(start);
    return 0;
}
