/* SPDX-FileCopyrightText: Sockeye contributors
 * SPDX-License-Identifier: Apache-2.0
 *
 * An ordinary program that knows nothing of Sockeye: a server and a client whose client prints one
 * number. dev/bench runs the pair on the kernel's loopback and under the launcher.
 *
 *   peer server PORT
 *   peer client HOST PORT rr SECONDS        nanoseconds per one-byte round trip (median of batches)
 *   peer client HOST PORT bulk SECONDS      Gbit/s, 64 KiB writes
 *   peer client HOST PORT connect SECONDS   connections per second: connect, a byte each way, close
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char* what) {
  perror(what);
  exit(1);
}

static void nodelay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

/* 'r' echoes single bytes, 'b' swallows, 'c' answers one byte and closes. */
static void* serve(void* argument) {
  int fd = (int)(long)argument;
  static __thread char buffer[262144];
  char mode = 0;
  nodelay(fd);
  if (read(fd, &mode, 1) == 1) {
    if (mode == 'c') (void)!write(fd, "c", 1);
    while (mode != 'c') {
      ssize_t got = read(fd, buffer, mode == 'r' ? 1 : sizeof buffer);
      if (got <= 0) break;
      if (mode == 'r' && write(fd, buffer, 1) != 1) break;
    }
  }
  close(fd);
  return NULL;
}

static void server(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  if (listen(fd, 1024) != 0) die("listen");
  for (;;) {
    int client = accept(fd, NULL, NULL);
    if (client < 0) die("accept");
    pthread_t thread;
    pthread_create(&thread, NULL, serve, (void*)(long)client);
    pthread_detach(thread);
  }
}

static int dial(const struct sockaddr* address, socklen_t size) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  for (int tries = 0; connect(fd, address, size) != 0; ++tries) {
    if (errno != ECONNREFUSED || tries > 200) die("connect");
    close(fd);
    usleep(10000); /* the server is still starting */
    fd = socket(AF_INET, SOCK_STREAM, 0);
  }
  nodelay(fd);
  return fd;
}

static int by_value(const void* a, const void* b) {
  double d = *(const double*)a - *(const double*)b;
  return d < 0 ? -1 : d > 0;
}

static double round_trips(int fd, double seconds) {
  enum { kBatch = 100, kBatches = 100000 };
  static double batch[kBatches];
  int count = 0;
  char byte = 1;
  double end = now_seconds() + seconds;
  while (count < kBatches) {
    double begin = now_seconds();
    if (begin > end) break;
    for (int i = 0; i < kBatch; ++i)
      if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) die("round trip");
    batch[count++] = (now_seconds() - begin) * 1e9 / kBatch;
  }
  qsort(batch, (size_t)count, sizeof *batch, by_value);
  return count > 0 ? batch[count / 2] : -1;
}

static double bulk(int fd, double seconds) {
  static char buffer[65536];
  double begin = now_seconds(), now = begin, bytes = 0;
  while (now - begin < seconds) {
    ssize_t sent = write(fd, buffer, sizeof buffer);
    if (sent <= 0) die("write");
    bytes += (double)sent;
    now = now_seconds();
  }
  return bytes * 8e-9 / (now - begin);
}

static double connections(const struct sockaddr* address, socklen_t size, double seconds) {
  double begin = now_seconds(), now = begin;
  long count = 0;
  while (now - begin < seconds) {
    int fd = dial(address, size);
    char byte = 'c';
    if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 0) die("connection");
    close(fd);
    ++count;
    now = now_seconds();
  }
  return (double)count / (now - begin);
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "server") == 0) server(atoi(argv[2]));
  if (argc != 6 || strcmp(argv[1], "client") != 0) {
    fprintf(stderr, "usage: peer server PORT | peer client HOST PORT rr|bulk|connect SECONDS\n");
    return 2;
  }
  struct addrinfo hints, *found = NULL;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  int error = getaddrinfo(argv[2], argv[3], &hints, &found);
  if (error != 0) {
    fprintf(stderr, "peer: %s: %s\n", argv[2], gai_strerror(error));
    return 1;
  }
  double seconds = atof(argv[5]);
  if (strcmp(argv[4], "connect") == 0) {
    printf("%.6g\n", connections(found->ai_addr, found->ai_addrlen, seconds));
    return 0;
  }
  int fd = dial(found->ai_addr, found->ai_addrlen);
  char mode = strcmp(argv[4], "rr") == 0 ? 'r' : 'b';
  if (write(fd, &mode, 1) != 1) die("write");
  printf("%.6g\n", mode == 'r' ? round_trips(fd, seconds) : bulk(fd, seconds));
  return 0;
}
