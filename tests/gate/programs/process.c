// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Sockets across threads, fork, exec, vfork and SCM_RIGHTS; descriptors and epoll.
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include "common.h"

extern char** environ;

static void duplicates(void) {
  int a, b;
  char text[8];
  connected(&a, &b);
  int copy = dup(a);
  close(a);
  SHOW(send(copy, "abc", 3, 0));
  SHOW(recv(b, text, 3, MSG_WAITALL));
  say("  polls %s", polled(b));
  int moved = dup2(copy, 50);
  close(copy);
  struct sockaddr_in name;
  socklen_t length = sizeof(name);
  SHOW(getpeername(moved, (struct sockaddr*)&name, &length));
  close(moved);
  say("  polls %s", awaited(b, POLLRDHUP));
  SHOW(recv(b, text, 3, 0));
  close(b);
  int lowest = socket(AF_INET, SOCK_STREAM, 0);
  int next = socket(AF_INET, SOCK_DGRAM, 0);
  say("  lowest %d %d", lowest == 3, next == 4);
  close(lowest);
  say("  again %d", socket(AF_INET, SOCK_STREAM, 0) == 3);
  close(3);
  close(next);
}

static void forked(void) {
  int a, b;
  char text[16] = {0};
  connected(&a, &b);
  pid_t child = fork();
  if (child == 0) {
    close(a);
    ssize_t n = recv(b, text, sizeof(text), 0);
    send(b, text, (size_t)n, 0);
    struct sockaddr_in name;
    socklen_t length = sizeof(name);
    _exit(getpeername(b, (struct sockaddr*)&name, &length) == 0 ? 3 : 4);
  }
  close(b);
  int status = 0;
  SHOW(send(a, "through a child", 15, 0));
  SHOW(recv(a, text, 15, MSG_WAITALL));
  SHOW(waitpid(child, &status, 0) == child);
  say("  %s, status %d", text, WEXITSTATUS(status));
  SHOW(recv(a, text, 15, 0));
  close(a);
}

static void executed(void) {
  int a, b;
  char text[32] = {0};
  connected(&a, &b);
  pid_t child = 0;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, b, 0);
  posix_spawn_file_actions_adddup2(&actions, b, 1);
  posix_spawn_file_actions_addclose(&actions, a);
  posix_spawn_file_actions_addclose(&actions, b);
  char* arguments[] = {"cat", NULL};
  SHOW(posix_spawn(&child, "/bin/cat", &actions, NULL, arguments, environ));
  close(b);
  SHOW(send(a, "by way of cat", 13, 0));
  SHOW(shutdown(a, SHUT_WR));
  SHOW(recv(a, text, sizeof(text), MSG_WAITALL));
  say("  %s", text);
  int status = -1;
  waitpid(child, &status, 0);
  say("  status %d", status);
  close(a);
  connected(&a, &b);
  child = vfork();
  if (child == 0) {
    dup2(b, 1);
    close(a);
    execl("/bin/sh", "sh", "-c", "echo vfork", (char*)NULL);
    _exit(127);
  }
  close(b);
  memset(text, 0, sizeof(text));
  SHOW(recv(a, text, sizeof(text), MSG_WAITALL));
  say("  %s", text);
  waitpid(child, &status, 0);
  close(a);
}

static int send_descriptor(int over, int fd) {
  char byte = 'd', control[CMSG_SPACE(sizeof(int))];
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof(int));
  return (int)sendmsg(over, &message, 0);
}

static int receive_descriptor(int over) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  int fd = -1;
  if (recvmsg(over, &message, 0) == 1 && CMSG_FIRSTHDR(&message) != NULL)
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  return fd;
}

static void passed(void) {
  int over[2], a, b;
  struct sockaddr_in address;
  socketpair(AF_UNIX, SOCK_STREAM, 0, over);
  int server = listener(&address, 5);
  pid_t child = fork();
  if (child == 0) {
    close(server);
    server = receive_descriptor(over[1]);
    int fd = accept(server, NULL, NULL);
    int status = send_descriptor(over[1], fd) == 1 ? 0 : 1;
    _exit(status);
  }
  SHOW(send_descriptor(over[0], server));
  close(server);
  a = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(connect(a, (struct sockaddr*)&address, sizeof(address)));
  b = receive_descriptor(over[0]);
  int status = -1;
  waitpid(child, &status, 0);
  say("  status %d", status);
  char text[8];
  SHOW(send(b, "passed", 6, 0));
  SHOW(recv(a, text, 6, MSG_WAITALL));
  socklen_t length = sizeof(address);
  SHOW(getpeername(b, (struct sockaddr*)&address, &length));
  int fresh = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(connect(fresh, (struct sockaddr*)&address, sizeof(address)));  // nobody listens there
  close(a);
  close(b);
  close(fresh);
}

static void killed(void) {
  int a, b;
  char text[8];
  for (int unread = 0; unread < 2; ++unread) {
    connected(&a, &b);
    pid_t child = fork();
    if (child == 0) {
      close(a);
      for (;;) pause();
    }
    close(b);
    if (unread) SHOW(send(a, "unread", 6, 0));
    usleep(50000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    say("  polls %s", awaited(a, POLLRDHUP));
    SHOW(recv(a, text, sizeof(text), 0));
    close(a);
  }
}

static void killed_listener(void) {
  for (int round = 0; round < 10; ++round) {
    struct sockaddr_in address;
    int ready[2];
    if (pipe(ready) != 0) return;
    pid_t child = fork();
    if (child == 0) {
      int server = listener(&address, 1);
      if (write(ready[1], &address, sizeof(address)) < 0) _exit(1);
      accept(server, NULL, NULL);
      _exit(0);
    }
    if (read(ready[0], &address, sizeof(address)) < 0) return;
    usleep(round * 3000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr*)&address, sizeof(address)) != 0) say("  in use in round %d", round);
    close(server);
    close(ready[0]);
    close(ready[1]);
  }
}

static void* accept_one(void* argument) {
  int fd = accept(*(int*)argument, NULL, NULL);
  if (fd >= 0) close(fd);
  return (void*)(long)(fd >= 0);
}

static void threads(void) {
  struct sockaddr_in address;
  int server = listener(&address, 5);
  pthread_t waiting[4];
  for (int i = 0; i < 4; ++i) pthread_create(&waiting[i], NULL, accept_one, &server);
  int clients[4];
  long accepted = 0;
  for (int i = 0; i < 4; ++i) {
    clients[i] = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(clients[i], (struct sockaddr*)&address, sizeof(address)));
  }
  for (int i = 0; i < 4; ++i) {
    void* result;
    pthread_join(waiting[i], &result);
    accepted += (long)result;
  }
  say("  %ld accepted", accepted);
  for (int i = 0; i < 4; ++i) close(clients[i]);
  close(server);
}

static void mixed_epoll(void) {
  int a, b, pipes[2];
  struct sockaddr_in address;
  struct epoll_event event, got[8];
  connected(&a, &b);
  if (pipe(pipes) != 0) return;
  int server = listener(&address, 5);
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  int counter = eventfd(0, 0);
  int set = epoll_create1(0);
  int fds[] = {b, pipes[0], server, timer, counter};
  for (unsigned i = 0; i < 5; ++i) {
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
    event.data.u32 = i;
    SHOW(epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &event));
  }
  SHOW(epoll_wait(set, got, 8, 0));
  for (int round = 0; round < 20; ++round) {
    struct itimerspec soon = {{0, 0}, {0, 1000000}};
    unsigned long long one = 1;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    unsigned seen = 0;
    timerfd_settime(timer, 0, &soon, NULL);
    if (write(a, "x", 1) + write(pipes[1], "x", 1) + write(counter, &one, 8) != 10) return;
    connect(client, (struct sockaddr*)&address, sizeof(address));
    double end = seconds() + 2;
    while (seen != 31 && seconds() < end) {
      int n = epoll_wait(set, got, 8, 500);
      for (int i = 0; i < n; ++i) seen |= 1u << got[i].data.u32;
    }
    if (seen != 31) say("  round %d saw %x", round, seen);
    char byte[8];
    close(accept(server, NULL, NULL));
    if (read(b, byte, 1) + read(pipes[0], byte, 1) + read(counter, byte, 8) + read(timer, byte, 8) != 18)
      return;
    close(client);
  }
  close(a);
  int n = epoll_wait(set, got, 8, 2000);
  say("  %d: %u %x", n, got[0].data.u32, got[0].events);
  close(b);
  close(server);
  close(pipes[0]);
  close(pipes[1]);
  close(timer);
  close(counter);
  close(set);
}

static void edges(void) {
  struct sockaddr_in address;
  int server = listener(&address, 5);
  int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET}, got;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
  SHOW(epoll_wait(set, &got, 1, 0));
  say("  %x", got.events);
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  SHOW(epoll_wait(set, &got, 1, 2000));
  say("  %x", got.events);
  int other = accept(server, NULL, NULL);
  // A second edge of OUT is allowed, and comes when the writable mark is crossed in steps.
  for (int more = 0; more < 2 && epoll_wait(set, &got, 1, 20) == 1; ++more) continue;
  SHOW(epoll_wait(set, &got, 1, 20));
  SHOW(send(other, "abc", 3, 0));
  SHOW(epoll_wait(set, &got, 1, 2000));
  say("  in %d", (got.events & EPOLLIN) != 0);
  SHOW(epoll_wait(set, &got, 1, 20));
  SHOW(send(other, "d", 1, 0));
  SHOW(epoll_wait(set, &got, 1, 2000));
  reset_on_close(other);
  close(other);
  SHOW(epoll_wait(set, &got, 1, 2000));
  say("  %x", got.events);
  close(fd);
  close(set);
  close(server);
}

static void stdio(void) {
  int a, b;
  char line[64];
  connected(&a, &b);
  FILE* writer = fdopen(a, "w");
  FILE* reader = fdopen(b, "r");
  fprintf(writer, "one\ntwo %d\n", 2);
  fclose(writer);
  while (fgets(line, sizeof(line), reader) != NULL) say("  %zu %.3s", strlen(line), line);
  fclose(reader);
}

static void no_descriptors(void) {
  struct sockaddr_in address;
  int server = listener(&address, 5);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr*)&address, sizeof(address));
  struct rlimit limit, old;
  getrlimit(RLIMIT_NOFILE, &old);
  limit = old;
  limit.rlim_cur = 5;
  setrlimit(RLIMIT_NOFILE, &limit);
  SHOW(socket(AF_INET, SOCK_STREAM, 0));
  SHOW(socket(AF_INET, SOCK_DGRAM, 0));
  SHOW(accept(server, NULL, NULL));
  say("  polls %s", awaited(server, POLLIN));
  setrlimit(RLIMIT_NOFILE, &old);
  int fd = accept(server, NULL, NULL);
  say("  accepted %d, polls %s", fd >= 0, polled(server));
  close(fd);
  close(client);
  close(server);
}

static const struct group kGroups[] = {{"duplicates", duplicates},
                                       {"forked", forked},
                                       {"executed", executed},
                                       {"passed", passed},
                                       {"killed", killed},
                                       {"killed_listener", killed_listener},
                                       {"threads", threads},
                                       {"mixed_epoll", mixed_epoll},
                                       {"edges", edges},
                                       {"stdio", stdio},
                                       {"no_descriptors", no_descriptors}};

int main(int argc, char** argv) {
  return main_of_groups(argc, argv, kGroups, sizeof(kGroups) / sizeof(kGroups[0]));
}
