// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// UDP sockets.
#include "common.h"

static int bound(struct sockaddr_in* address) {
  socklen_t length = sizeof(*address);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  *address = any_port();
  if (bind(fd, (struct sockaddr*)address, length) != 0 ||
      getsockname(fd, (struct sockaddr*)address, &length) != 0) {
    perror("bound");
    exit(1);
  }
  return fd;
}

static int same(const struct sockaddr_in* one, const struct sockaddr_in* other) {
  return one->sin_port == other->sin_port && one->sin_addr.s_addr == other->sin_addr.s_addr;
}

static void addressed(void) {
  struct sockaddr_in to, mine, from;
  socklen_t length = sizeof(from);
  char text[32];
  int fd = bound(&to), other = bound(&mine);
  say("  polls %s", polled(fd));
  SHOW(sendto(other, "hello", 5, 0, (struct sockaddr*)&to, sizeof(to)));
  SHOW(sendto(other, "", 0, 0, (struct sockaddr*)&to, sizeof(to)));
  SHOW(sendto(other, "third", 5, 0, (struct sockaddr*)&to, sizeof(to)));
  say("  polls %s", awaited(fd, POLLIN));
  int next = -1;
  SHOW(ioctl(fd, FIONREAD, &next));
  say("  next %d", next);
  SHOW(recvfrom(fd, text, 3, MSG_PEEK, (struct sockaddr*)&from, &length));
  say("  same %d %d", same(&from, &mine), (int)length);
  SHOW(recvfrom(fd, text, 3, MSG_PEEK | MSG_TRUNC, (struct sockaddr*)&from, &length));
  SHOW(recvfrom(fd, text, 3, 0, (struct sockaddr*)&from, &length));
  memset(&from, 0, sizeof(from));
  length = 4;
  SHOW(recvfrom(fd, text, sizeof(text), 0, (struct sockaddr*)&from, &length));
  say("  cut %d %d", (int)length, from.sin_addr.s_addr == 0);
  SHOW(recv(fd, text, sizeof(text), 0));
  SHOW(recvfrom(fd, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr*)&from, &length));
  SHOW(sendto(other, text, 5, 0, (struct sockaddr*)&to, 3));
  to.sin_family = 99;
  SHOW(sendto(other, text, 5, 0, (struct sockaddr*)&to, sizeof(to)));
  to.sin_family = AF_INET;
  SHOW(sendto(other, text, 5, MSG_OOB, (struct sockaddr*)&to, sizeof(to)));
  SHOW(sendto(other, (void*)8, 5, 0, (struct sockaddr*)&to, sizeof(to)));
  SHOW(sendto(other, text, 5, 0, (void*)8, sizeof(to)));
  SHOW(listen(fd, 1));
  SHOW(accept(fd, NULL, NULL));
  close(fd);
  close(other);
}

static void large(void) {
  struct sockaddr_in to, from;
  socklen_t length = sizeof(from);
  static char data[70000], back[70000];
  int fd = bound(&to), other = socket(AF_INET, SOCK_DGRAM, 0);
  SHOW(sendto(other, data, 65508, 0, (struct sockaddr*)&to, sizeof(to)));
  SHOW(sendto(other, data, 65507, 0, (struct sockaddr*)&to, sizeof(to)));
  SHOW(recvfrom(fd, back, sizeof(back), 0, (struct sockaddr*)&from, &length));
  SHOW(connect(other, (struct sockaddr*)&to, sizeof(to)));
  SHOW(send(other, data, 65507, 0));
  SHOW(recvfrom(fd, back, sizeof(back), 0, (struct sockaddr*)&from, &length));
  close(fd);
  close(other);
}

static void connecting(void) {
  struct sockaddr_in one, two, name;
  socklen_t length = sizeof(name);
  char text[16] = {0};
  int a = bound(&one), b = bound(&two), stranger = socket(AF_INET, SOCK_DGRAM, 0);
  SHOW(getpeername(a, (struct sockaddr*)&name, &length));
  SHOW(connect(a, (struct sockaddr*)&two, sizeof(two)));
  SHOW(getpeername(a, (struct sockaddr*)&name, &length));
  say("  same %d", same(&name, &two));
  SHOW(send(a, "abc", 3, 0));
  SHOW(recvfrom(b, text, 16, 0, (struct sockaddr*)&name, &length));
  say("  %s %d", text, same(&name, &one));
  SHOW(sendto(stranger, "stranger", 8, 0, (struct sockaddr*)&one, sizeof(one)));
  SHOW(sendto(b, "friend", 6, 0, (struct sockaddr*)&one, sizeof(one)));
  memset(text, 0, sizeof(text));
  SHOW(recv(a, text, 16, 0));
  say("  %s", text);
  SHOW(recv(a, text, 16, MSG_DONTWAIT));
  SHOW(write(a, "def", 3));
  SHOW(read(b, text, 16));
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  SHOW(connect(a, &none, sizeof(none)));
  SHOW(getpeername(a, (struct sockaddr*)&name, &length));
  SHOW(shutdown(a, SHUT_WR));
  SHOW(connect(a, (struct sockaddr*)&two, sizeof(two)));
  SHOW(shutdown(a, SHUT_WR));
  SHOW(send(a, "x", 1, MSG_NOSIGNAL));
  close(a);
  close(b);
  close(stranger);
}

static void messages(void) {
  struct sockaddr_in to, mine, from;
  char one[4], two[32], control[256];
  int fd = bound(&to), other = bound(&mine), on = 1;
  struct iovec out[] = {{"split ", 6}, {"message", 7}};
  struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = out, .msg_iovlen = 2};
  SHOW(sendmsg(other, &message, 0));
  SHOW(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)));
  SHOW(sendmsg(other, &message, 0));
  struct iovec in[] = {{one, 4}, {two, 5}};
  for (int i = 0; i < 2; ++i) {
    struct msghdr got = {.msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_iov = in,
                         .msg_iovlen = 2,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    SHOW(recvmsg(fd, &got, i == 1 ? MSG_TRUNC : 0));
    say("  %.4s|%.5s flags %x name %d", one, two, got.msg_flags,
        got.msg_namelen == sizeof(from) && same(&from, &mine));
    struct cmsghdr* header = CMSG_FIRSTHDR(&got);
    if (i == 1) say("  control %d %d", header != NULL, header != NULL && header->cmsg_type == IP_PKTINFO);
  }
  SHOW(sendmsg(other, &message, 0));
  struct msghdr got = {.msg_iov = in, .msg_iovlen = 2, .msg_control = control, .msg_controllen = 10};
  SHOW(recvmsg(fd, &got, 0));
  say("  flags %x", got.msg_flags);
  struct mmsghdr several[3] = {{.msg_hdr = message}, {.msg_hdr = message}, {.msg_hdr = message}};
  SHOW(sendmmsg(other, several, 3, 0));
  say("  %u %u %u", several[0].msg_len, several[1].msg_len, several[2].msg_len);
  char buffers[3][16];
  struct iovec parts[3];
  struct sockaddr_in names[3];
  for (int i = 0; i < 3; ++i) {
    parts[i] = (struct iovec){buffers[i], 16};
    several[i].msg_hdr =
        (struct msghdr){.msg_name = &names[i], .msg_namelen = 16, .msg_iov = &parts[i], .msg_iovlen = 1};
  }
  awaited(fd, POLLIN);
  usleep(20000);
  SHOW(recvmmsg(fd, several, 3, MSG_DONTWAIT, NULL));
  say("  %u %u %u %d", several[0].msg_len, several[1].msg_len, several[2].msg_len, same(&names[2], &mine));
  close(fd);
  close(other);
}

static void waiting(void) {
  struct sockaddr_in to, from;
  socklen_t length = sizeof(from);
  char text[8];
  int fd = bound(&to);
  struct timeval limit = {0, 60000};
  SHOW(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
  double start = seconds();
  SHOW(recvfrom(fd, text, 8, 0, (struct sockaddr*)&from, &length));
  say("  in time %d", seconds() - start > 0.055 && seconds() - start < 0.6);
  start = seconds();
  SHOW(recv(fd, text, 8, 0));
  say("  in time %d", seconds() - start > 0.055 && seconds() - start < 0.6);
  if (fork() == 0) {
    int other = socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < 3; ++i) {
      usleep(10000);
      sendto(other, "later", 5, 0, (struct sockaddr*)&to, sizeof(to));
    }
    _exit(0);
  }
  limit.tv_sec = 3;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  SHOW(recvfrom(fd, text, 8, 0, (struct sockaddr*)&from, &length));
  SHOW(recvfrom(fd, text, 8, 0, (struct sockaddr*)&from, &length));
  SHOW(recv(fd, text, 8, 0));
  wait(NULL);
  close(fd);
}

static void six(void) {
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, from;
  socklen_t length = sizeof(to);
  char text[8];
  int fd = socket(AF_INET6, SOCK_DGRAM, 0), other = socket(AF_INET6, SOCK_DGRAM, 0);
  SHOW(bind(fd, (struct sockaddr*)&to, sizeof(to)));
  SHOW(getsockname(fd, (struct sockaddr*)&to, &length));
  SHOW(sendto(other, "six", 3, 0, (struct sockaddr*)&to, sizeof(to)));
  SHOW(recvfrom(fd, text, 8, 0, (struct sockaddr*)&from, &length));
  say("  %d %d", (int)length, memcmp(&from.sin6_addr, &to.sin6_addr, 16) == 0);
  // What glibc's getaddrinfo does to sort addresses.
  struct sockaddr_in four = any_port();
  four.sin_port = htons(53);
  SHOW(connect(other, (struct sockaddr*)&four, sizeof(four)));
  length = sizeof(from);
  SHOW(getsockname(other, (struct sockaddr*)&from, &length));
  say("  mapped %d", IN6_IS_ADDR_V4MAPPED(&from.sin6_addr) != 0);
  close(fd);
  close(other);
}

static const struct group kGroups[] = {{"addressed", addressed},   {"large", large},
                                       {"connecting", connecting}, {"messages", messages},
                                       {"waiting", waiting},       {"six", six}};

int main(int argc, char** argv) {
  return main_of_groups(argc, argv, kGroups, sizeof(kGroups) / sizeof(kGroups[0]));
}
