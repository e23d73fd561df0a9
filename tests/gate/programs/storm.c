// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Control calls under a storm of signals: storm SIGNALS_PER_SECOND ROUNDS RESTART. Every result is checked.
// With SA_RESTART no call may fail. Without it EINTR is allowed, also for calls that never return it in the
// kernel: a signal that comes before the agent has the call ends it that way, and nothing has happened then.
// Prints the number of wrong results.
#include "common.h"

static volatile long signals;
static int restart, wrong, interrupted;

static void count(int number) {
  (void)number;
  ++signals;
}

// Again until it is not interrupted.
#define PERSIST(call)                                                                   \
  ({                                                                                    \
    long result_;                                                                       \
    while ((result_ = (long)(call)) == -1 && errno == EINTR && !restart) ++interrupted; \
    result_;                                                                            \
  })

static void check(const char* what, long result, long expected) {
  if (result == expected || (expected == -2 && result >= 0)) return;
  ++wrong;
  fprintf(stderr, "%s: %ld (%s)\n", what, result, result == -1 ? strerrorname_np(errno) : "");
}

static void* serve(void* argument) {
  // A second process would do; a thread shows whether process-directed signals are taken by the wrong one.
  int server = *(int*)argument;
  char text[16];
  for (;;) {
    int fd = accept(server, NULL, NULL);
    if (fd < 0 && errno == EINTR) continue;
    if (fd < 0) return NULL;
    ssize_t n = recv(fd, text, sizeof(text), 0);
    if (n > 0 && text[0] == 'q') return NULL;
    if (n > 0 && send(fd, text, (size_t)n, MSG_NOSIGNAL) != n) fprintf(stderr, "send\n");
    close(fd);
  }
}

int main(int argc, char** argv) {
  long rate = argc > 1 ? atol(argv[1]) : 1000, rounds = argc > 2 ? atol(argv[2]) : 100;
  restart = argc > 3 ? atoi(argv[3]) : 1;
  struct sockaddr_in address, name;
  int server = listener(&address, 50);
  pid_t child = fork();
  if (child == 0) {
    serve(&server);
    _exit(0);
  }
  struct sigaction action = {.sa_handler = count, .sa_flags = restart ? SA_RESTART : 0};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 1000000 / rate}, {0, 1000000 / rate}};
  setitimer(ITIMER_REAL, &every, NULL);
  for (long i = 0; i < rounds; ++i) {
    socklen_t length = sizeof(name);
    int value = 1;
    int fd = (int)PERSIST(socket(AF_INET, SOCK_STREAM, 0));
    check("socket", fd, -2);
    check("setsockopt", PERSIST(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value))), 0);
    long result = PERSIST(connect(fd, (struct sockaddr*)&address, sizeof(address)));
    if (result == -1 && errno == EISCONN && !restart) result = 0;  // an interrupted connect goes on
    check("connect", result, 0);
    check("getsockname", PERSIST(getsockname(fd, (struct sockaddr*)&name, &length)), 0);
    check("getpeername", PERSIST(getpeername(fd, (struct sockaddr*)&name, &length)), 0);
    if (name.sin_port != address.sin_port) check("peer", 1, 0);
    check("send", PERSIST(send(fd, "hello", 5, 0)), 5);
    char text[8];
    check("recv", PERSIST(recv(fd, text, 5, 0)), 5);
    close(fd);
  }
  struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  connect(fd, (struct sockaddr*)&address, sizeof(address));
  send(fd, "q", 1, 0);
  waitpid(child, NULL, 0);
  fprintf(stderr, "%ld signals, %d interrupted\n", signals, interrupted);
  say("%d wrong", wrong);
  return wrong != 0;
}
