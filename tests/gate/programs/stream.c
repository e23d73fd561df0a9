// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// TCP sockets in one process.
#include <linux/sockios.h>
#include <sys/sendfile.h>

#include "common.h"

static int broken_pipes;
static void count_pipe(int number) {
  (void)number;
  ++broken_pipes;
}

static void unconnected(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in name;
  socklen_t length = sizeof(name);
  say("  polls %s", polled(fd));
  SHOW(getpeername(fd, (struct sockaddr*)&name, &length));
  SHOW(getsockname(fd, (struct sockaddr*)&name, &length));
  say("  unbound: %d %d", ntohs(name.sin_port), (int)length);
  SHOW(shutdown(fd, SHUT_WR));
  SHOW(shutdown(fd, 7));
  SHOW(accept(fd, NULL, NULL));
  SHOW(send(fd, "x", 1, MSG_NOSIGNAL) == -1);
  SHOW(recv(fd, &name, 1, 0) == -1);
  for (int option = 0; option < 3; ++option) {
    int names[] = {SO_TYPE, SO_DOMAIN, SO_PROTOCOL};
    int value = -1;
    length = sizeof(value);
    SHOW(getsockopt(fd, SOL_SOCKET, names[option], &value, &length));
    say("  = %d", value);
  }
  SHOW(listen(fd, 1));
  say("  polls %s", polled(fd));
  SHOW(listen(fd, 2));
  SHOW(connect(fd, (struct sockaddr*)&name, sizeof(name)));
  close(fd);
}

static void refused(void) {
  struct sockaddr_in address;
  close(listener(&address, 1));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int error = 1;
  socklen_t length = sizeof(error);
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
  say("  error %d",
      error);  // polls OUT HUP in the kernel, IN OUT HUP RDHUP under the gate: a known difference
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  int server = listener(&address, 1);
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  int other = accept(server, NULL, NULL);
  char text[8] = {0};
  SHOW(send(other, "again", 5, 0));
  SHOW(recv(fd, text, 5, MSG_WAITALL));
  say("  %s, polls %s", text, polled(fd));
  close(fd);
  close(other);
  close(server);
}

static void refused_nonblocking(void) {
  struct sockaddr_in address;
  close(listener(&address, 1));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int error = 0;
  socklen_t length = sizeof(error);
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  say("  polls %s", awaited(fd, POLLOUT));
  SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
  say("  error %d, polls %s", error, polled(fd));
  SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
  say("  error %d", error);
  SHOW(recv(fd, &error, 1, 0));
  SHOW(send(fd, &error, 1, MSG_NOSIGNAL));
  close(fd);
}

static void connect_nonblocking(void) {
  struct sockaddr_in address;
  int server = listener(&address, 1);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int error = 1;
  socklen_t length = sizeof(error);
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  say("  polls %s", awaited(fd, POLLOUT));
  SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
  say("  error %d", error);
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  SHOW(connect(fd, (struct sockaddr*)&address, sizeof(address)));
  SHOW(recv(fd, &error, 1, 0));
  close(fd);
  close(server);
}

static void half_close(void) {
  int a, b;
  char text[8];
  connected(&a, &b);
  say("  polls %s", polled(a));
  SHOW(send(a, "abc", 3, 0));
  SHOW(shutdown(a, SHUT_WR));
  say("  polls %s", polled(a));
  say("  peer polls %s", awaited(b, POLLRDHUP));
  SHOW(recv(b, text, 8, MSG_WAITALL));
  SHOW(recv(b, text, 8, 0));
  SHOW(send(b, "defg", 4, 0));
  SHOW(recv(a, text, 4, MSG_WAITALL));
  signal(SIGPIPE, count_pipe);
  SHOW(send(a, "x", 1, 0));
  SHOW(send(a, "x", 1, MSG_NOSIGNAL));
  SHOW(write(a, "x", 1));
  say("  %d signals", broken_pipes);
  SHOW(shutdown(b, SHUT_RDWR));
  say("  polls %s", awaited(a, POLLHUP | POLLRDHUP));
  SHOW(recv(a, text, 8, 0));
  close(a);
  close(b);
}

static void reset(void) {
  int a, b;
  char text[8];
  connected(&a, &b);
  reset_on_close(b);
  close(b);
  say("  polls %s", awaited(a, POLLRDHUP));
  SHOW(recv(a, text, 8, 0));
  SHOW(recv(a, text, 8, 0));
  SHOW(send(a, text, 8, MSG_NOSIGNAL));
  say("  polls %s", polled(a));
  close(a);
  connected(&a, &b);
  SHOW(send(a, "unread", 6, 0));
  awaited(b, POLLIN);
  close(b);  // with unread data
  say("  polls %s", awaited(a, POLLRDHUP));
  SHOW(recv(a, text, 8, 0));
  close(a);
  connected(&a, &b);
  reset_on_close(b);
  close(b);
  awaited(a, POLLRDHUP);
  int error = 0;
  socklen_t length = sizeof(error);
  SHOW(getsockopt(a, SOL_SOCKET, SO_ERROR, &error, &length));
  say("  error %d, polls %s", error, polled(a));
  SHOW(recv(a, text, 8, 0));
  close(a);
}

static void accepting(void) {
  struct sockaddr_in address, peer, name;
  int server = listener(&address, 5);
  fcntl(server, F_SETFL, O_NONBLOCK);
  SHOW(accept(server, NULL, NULL));
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr*)&address, sizeof(address));
  say("  polls %s", awaited(server, POLLIN));
  socklen_t length = sizeof(name);
  getsockname(client, (struct sockaddr*)&name, &length);
  length = 4;
  memset(&peer, 0, sizeof(peer));
  int fd = accept4(server, (struct sockaddr*)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  say("  length %d, cut %d, flags %d %d", (int)length, peer.sin_addr.s_addr == 0,
      fcntl(fd, F_GETFD) & FD_CLOEXEC, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  length = sizeof(peer);
  getpeername(fd, (struct sockaddr*)&peer, &length);
  say("  same %d, polls %s", memcmp(&peer, &name, sizeof(peer)) == 0, polled(server));
  SHOW(accept4(server, NULL, NULL, 1));
  fcntl(server, F_SETFL, 0);
  for (int i = 0; i < 2; ++i) {
    int other = socket(AF_INET, SOCK_STREAM, 0);
    connect(other, (struct sockaddr*)&address, sizeof(address));
    awaited(server, POLLIN);
    length = i == 0 ? sizeof(peer) : (socklen_t)-1;
    SHOW(accept(server, i == 0 ? (void*)8 : (void*)&peer, &length));
    say("  polls %s", polled(server));
    close(other);
  }
  close(fd);
  close(client);
  close(server);
}

static void binding(void) {
  struct sockaddr_in address = any_port(), name;
  socklen_t length = sizeof(name);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int other = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(bind(fd, (struct sockaddr*)&address, 4));
  SHOW(bind(fd, (struct sockaddr*)&address, 300));
  SHOW(bind(fd, (struct sockaddr*)8, sizeof(address)));
  address.sin_family = AF_INET6;
  SHOW(bind(fd, (struct sockaddr*)&address, sizeof(address)));
  address = any_port();
  SHOW(bind(fd, (struct sockaddr*)&address, sizeof(address)));
  SHOW(bind(fd, (struct sockaddr*)&address, sizeof(address)));
  SHOW(getsockname(fd, (struct sockaddr*)&name, &length));
  SHOW(bind(other, (struct sockaddr*)&name, sizeof(name)));
  close(fd);
  SHOW(bind(other, (struct sockaddr*)&name, sizeof(name)));
  close(other);
  int on = 1;
  fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  address.sin_addr.s_addr = inet_addr("203.0.113.7");
  SHOW(bind(fd, (struct sockaddr*)&address, sizeof(address)));
  close(fd);
}

static void options(void) {
  int a, b, value = 0;
  socklen_t length = sizeof(value);
  connected(&a, &b);
  const int table[][2] = {{SOL_SOCKET, SO_REUSEADDR}, {SOL_SOCKET, SO_KEEPALIVE},
                          {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_KEEPIDLE},
                          {SOL_SOCKET, SO_OOBINLINE}, {SOL_SOCKET, SO_BROADCAST}};
  for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); ++i) {
    value = 1;
    SHOW(setsockopt(a, table[i][0], table[i][1], &value, sizeof(value)));
    value = 0;
    length = sizeof(value);
    SHOW(getsockopt(a, table[i][0], table[i][1], &value, &length));
    say("  %d: %d, %d bytes", i, value != 0, (int)length);
  }
  SHOW(setsockopt(a, SOL_SOCKET, SO_KEEPALIVE, &value, 1));
  SHOW(setsockopt(a, SOL_SOCKET, SO_KEEPALIVE, (void*)8, sizeof(value)));
  SHOW(setsockopt(a, SOL_SOCKET, 9999, &value, sizeof(value)));
  SHOW(setsockopt(a, 9999, 1, &value, sizeof(value)));
  SHOW(getsockopt(a, IPPROTO_TCP, 9999, &value, &length));
  length = 2;
  SHOW(getsockopt(a, SOL_SOCKET, SO_TYPE, &value, &length));
  say("  %d bytes", (int)length);
  length = (socklen_t)-1;
  SHOW(getsockopt(a, SOL_SOCKET, SO_TYPE, &value, &length));
  SHOW(getsockopt(a, SOL_SOCKET, SO_TYPE, &value, (void*)8));
  length = sizeof(value);
  SHOW(getsockopt(a, SOL_SOCKET, SO_TYPE, (void*)8, &length));
  struct linger linger = {1, 5};
  SHOW(setsockopt(a, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
  close(a);
  close(b);
}

static void timeouts(void) {
  int a, b;
  char byte;
  struct timeval limit = {0, 60000}, back = {0, 0};
  struct sockaddr_in address;
  socklen_t length = sizeof(back);
  connected(&a, &b);
  int server = listener(&address, 1);
  int fds[] = {a, server};
  for (int i = 0; i < 2; ++i) {
    SHOW(setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
    SHOW(getsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &back, &length));
    say("  %d", back.tv_sec == 0 && back.tv_usec == 60000);
    double start = seconds();
    if (i == 0)
      SHOW(recv(a, &byte, 1, 0));
    else
      SHOW(accept(server, NULL, NULL));
    double took = seconds() - start;
    say("  in time %d", took > 0.055 && took < 0.6);
  }
  SHOW(setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
  static char block[1 << 16];
  double start = seconds();
  ssize_t sent;
  do {
    sent = send(a, block, sizeof(block), 0);
    if (seconds() - start < 0.055) start = seconds() - 0.0;
  } while (sent == sizeof(block));
  say("  stopped %d", sent < (ssize_t)sizeof(block));
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr*)&address, sizeof(address));
  int accepted = accept(server, NULL, NULL);
  start = seconds();
  SHOW(recv(accepted, &byte, 1, 0));  // inherited
  say("  in time %d", seconds() - start > 0.055 && seconds() - start < 0.6);
  close(a);
  close(b);
  close(client);
  close(accepted);
  close(server);
}

static void moving(void) {
  int a, b;
  static char data[300000], back[300000];
  connected(&a, &b);
  for (unsigned i = 0; i < sizeof(data); ++i) data[i] = (char)(i * 7 + i / 251);
  pid_t child = fork();
  if (child == 0) {
    struct iovec parts[] = {{data, 100000}, {data + 100000, 1}, {data + 100001, 199999}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    ssize_t n = sendmsg(a, &message, 0);
    _exit(n == sizeof(data) ? 0 : 1);
  }
  SHOW(recv(b, back, 10, MSG_PEEK | MSG_WAITALL));
  SHOW(recv(b, back, sizeof(back), MSG_WAITALL));
  say("  same %d", memcmp(data, back, sizeof(data)) == 0);
  int status = -1;
  waitpid(child, &status, 0);
  say("  child %d", status);
  struct iovec parts[] = {{back, 3}, {back + 3, 4}};
  SHOW(writev(b, parts, 2));
  awaited(a, POLLIN);
  struct sockaddr_in from;
  socklen_t length = sizeof(from);
  SHOW(recvfrom(a, back, 5, 0, (struct sockaddr*)&from, &length));
  say("  no address %d", length == 0);
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_name = &from, .msg_namelen = sizeof(from)};
  SHOW(recvmsg(a, &message, 0));
  say("  no name %d, flags %d", message.msg_namelen == 0, message.msg_flags);
  SHOW(sendto(a, "to", 2, 0, (struct sockaddr*)&from, sizeof(from)));
  SHOW(recv(b, back, 2, MSG_WAITALL));
  FILE* file = tmpfile();
  fwrite(data, 1, 5000, file);
  fflush(file);
  off_t offset = 1000;
  SHOW(sendfile(a, fileno(file), &offset, 4000));
  SHOW(recv(b, back, 4000, MSG_WAITALL));
  say("  same %d", memcmp(data + 1000, back, 4000) == 0);
  int pipes[2];
  if (pipe(pipes) != 0) return;
  SHOW(write(a, data, 500));
  awaited(b, POLLIN);
  SHOW(splice(b, NULL, pipes[1], NULL, 500, 0));
  SHOW(splice(pipes[0], NULL, b, NULL, 500, 0));
  SHOW(recv(a, back, 500, MSG_WAITALL));
  SHOW(send(a, data, 1000, 0));
  awaited(b, POLLIN);
  SHOW(recv(b, back, 600, MSG_TRUNC));
  int left = -1;
  SHOW(ioctl(b, FIONREAD, &left));
  say("  left %d", left);
  close(a);
  close(b);
}

static void urgent(void) {
  int a, b, mark = -1;
  char text[16] = {0};
  connected(&a, &b);
  SHOW(send(a, "abc", 3, 0));
  SHOW(send(a, "U", 1, MSG_OOB));
  SHOW(send(a, "def", 3, 0));
  say("  polls %s", awaited(b, POLLPRI));
  SHOW(recv(b, text, 1, MSG_OOB));
  say("  %c", text[0]);
  SHOW(recv(b, text, 16, 0));
  SHOW(ioctl(b, SIOCATMARK, &mark));
  say("  mark %d", mark);
  SHOW(recv(b, text, 3, MSG_WAITALL));
  SHOW(ioctl(b, SIOCATMARK, &mark));
  say("  mark %d", mark);
  SHOW(recv(b, text, 1, MSG_OOB));
  close(a);
  close(b);
}

static void wild(void) {
  int a, b;
  struct sockaddr_in address = any_port();
  socklen_t length = sizeof(address);
  connected(&a, &b);
  SHOW(connect(999, (struct sockaddr*)&address, sizeof(address)));
  SHOW(listen(0, 1) == -1);
  SHOW(getsockname(a, (void*)8, &length));
  SHOW(getsockname(a, (void*)&address, (void*)8));
  length = (socklen_t)-5;
  SHOW(getsockname(a, (void*)&address, &length));
  SHOW(sendmsg(a, (void*)8, 0));
  SHOW(recvmsg(a, (void*)8, 0));
  SHOW(connect(a, (void*)8, sizeof(address)));
  SHOW(connect(a, (void*)&address, (socklen_t)-1));
  SHOW(ioctl(a, SIOCINQ, (void*)8));
  SHOW(socket(AF_INET, 77, 0));
  SHOW(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  SHOW(socket(AF_INET, SOCK_STREAM | 0x100, 0));
  SHOW(socket(AF_INET, SOCK_STREAM, 255) == -1);
  int pair[2];
  SHOW(socketpair(AF_INET, SOCK_STREAM, 0, pair));
  close(a);
  close(b);
}

static const struct group kGroups[] = {{"unconnected", unconnected},
                                       {"refused", refused},
                                       {"refused_nonblocking", refused_nonblocking},
                                       {"connect_nonblocking", connect_nonblocking},
                                       {"half_close", half_close},
                                       {"reset", reset},
                                       {"accepting", accepting},
                                       {"binding", binding},
                                       {"options", options},
                                       {"timeouts", timeouts},
                                       {"moving", moving},
                                       {"urgent", urgent},
                                       {"wild", wild}};

int main(int argc, char** argv) {
  return main_of_groups(argc, argv, kGroups, sizeof(kGroups) / sizeof(kGroups[0]));
}
