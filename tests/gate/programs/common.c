// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "common.h"

#include <stdarg.h>

void say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

long show(const char* what, long result) {
  int error = errno;
  if (result == -1)
    say("  %s: %s", what, strerrorname_np(error));
  else
    say("  %s: %ld", what, result);
  errno = error;
  return result;
}

static const char* bits(int events) {
  static char text[64];
  static const struct {
    int bit;
    const char* name;
  } kNames[] = {{POLLIN, "IN "},   {POLLPRI, "PRI "}, {POLLOUT, "OUT "},
                {POLLERR, "ERR "}, {POLLHUP, "HUP "}, {POLLRDHUP, "RDHUP "}};
  text[0] = 0;
  for (unsigned i = 0; i < sizeof(kNames) / sizeof(kNames[0]); ++i)
    if (events & kNames[i].bit) strcat(text, kNames[i].name);
  return text;
}

const char* polled(int fd) {
  struct pollfd entry = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  poll(&entry, 1, 0);
  return bits(entry.revents);
}

const char* awaited(int fd, int events) {
  struct pollfd entry = {fd, (short)events, 0};
  poll(&entry, 1, 5000);
  return polled(fd);
}

double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct sockaddr_in any_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return address;
}

int listener(struct sockaddr_in* address, int backlog) {
  socklen_t length = sizeof(*address);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  *address = any_port();
  if (fd < 0 || bind(fd, (struct sockaddr*)address, length) != 0 || listen(fd, backlog) != 0 ||
      getsockname(fd, (struct sockaddr*)address, &length) != 0) {
    perror("listener");
    exit(1);
  }
  return fd;
}

void connected(int* client, int* server) {
  struct sockaddr_in address;
  int fd = listener(&address, 5);
  *client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(*client, (struct sockaddr*)&address, sizeof(address)) != 0 ||
      (*server = accept(fd, NULL, NULL)) < 0) {
    perror("connected");
    exit(1);
  }
  close(fd);
}

void reset_on_close(int fd) {
  struct linger now = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

int main_of_groups(int argc, char** argv, const struct group* groups, int count) {
  for (int i = 0; i < count; ++i) {
    if (argc > 1 && strcmp(argv[1], groups[i].name) != 0) continue;
    say("%s", groups[i].name);
    alarm(20);
    groups[i].run();
  }
  return 0;
}
