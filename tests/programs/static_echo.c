// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// echo server PORT | echo client PORT ADDRESS: raw socket calls, to be linked statically.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve(int fd, struct sockaddr_in* at) {
  int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr*)at, sizeof *at) || listen(fd, 8)) return perror("listen"), 1;
  int peer = accept(fd, NULL, NULL);
  if (peer < 0) return perror("accept"), 1;
  char buffer[4096];
  for (ssize_t n; (n = read(peer, buffer, sizeof buffer)) > 0;)
    if (write(peer, buffer, (size_t)n) != n) return perror("write"), 1;
  return 0;
}

static int ask(int fd, struct sockaddr_in* at) {
  enum { kBytes = 100000 };
  static char out[kBytes], in[kBytes];
  for (int i = 0; i < kBytes; ++i) out[i] = (char)(i * 31);
  if (connect(fd, (struct sockaddr*)at, sizeof *at)) return perror("connect"), 1;
  size_t sent = 0, got = 0;
  while (got < kBytes) {
    size_t step = sent < kBytes ? (kBytes - sent < 4096 ? kBytes - sent : 4096) : 0;
    if (step > 0) {
      ssize_t n = send(fd, out + sent, step, 0);
      if (n < 0) return perror("send"), 1;
      sent += (size_t)n;
    }
    ssize_t n = recv(fd, in + got, kBytes - got, sent < kBytes ? MSG_DONTWAIT : 0);
    if (n == 0) return fputs("closed early\n", stderr), 1;
    if (n > 0) got += (size_t)n;
  }
  if (memcmp(in, out, kBytes)) return fputs("differs\n", stderr), 1;
  printf("echoed %d bytes\n", kBytes);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
  if (argc > 3 && inet_pton(AF_INET, argv[3], &at.sin_addr) != 1) return 2;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return perror("socket"), 1;
  return strcmp(argv[1], "server") == 0 ? serve(fd, &at) : ask(fd, &at);
}
