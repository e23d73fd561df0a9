/* SPDX-FileCopyrightText: Sockeye contributors
 * SPDX-License-Identifier: Apache-2.0
 *
 * What packetdrill asks of a network stack in a shared object (--so_filename): one function that fills
 * a table of calls. Written from a description of that interface: packetdrill itself is a GPL program
 * that stays outside this tree, and nothing of it is here.
 *
 * Every call takes `userdata` first and answers as the system call does: -1 and errno. The order of
 * the members is the interface.
 */
#ifndef SOCKEYE_TOOLS_PACKETDRILL_INTERFACE_H
#define SOCKEYE_TOOLS_PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct packetdrill_interface {
  void* userdata;
  void (*free)(void* userdata);
  int (*socket)(void* userdata, int domain, int type, int protocol);
  int (*bind)(void* userdata, int fd, const struct sockaddr* address, socklen_t size);
  int (*listen)(void* userdata, int fd, int backlog);
  int (*accept)(void* userdata, int fd, struct sockaddr* address, socklen_t* size);
  int (*connect)(void* userdata, int fd, const struct sockaddr* address, socklen_t size);
  ssize_t (*read)(void* userdata, int fd, void* data, size_t size);
  ssize_t (*readv)(void* userdata, int fd, const struct iovec* parts, int count);
  ssize_t (*recv)(void* userdata, int fd, void* data, size_t size, int flags);
  ssize_t (*recvfrom)(void* userdata, int fd, void* data, size_t size, int flags, struct sockaddr* address,
                      socklen_t* address_size);
  ssize_t (*recvmsg)(void* userdata, int fd, struct msghdr* message, int flags);
  ssize_t (*write)(void* userdata, int fd, const void* data, size_t size);
  ssize_t (*writev)(void* userdata, int fd, const struct iovec* parts, int count);
  ssize_t (*send)(void* userdata, int fd, const void* data, size_t size, int flags);
  ssize_t (*sendto)(void* userdata, int fd, const void* data, size_t size, int flags,
                    const struct sockaddr* address, socklen_t address_size);
  ssize_t (*sendmsg)(void* userdata, int fd, const struct msghdr* message, int flags);
  int (*fcntl)(void* userdata, int fd, int command, ...);
  int (*ioctl)(void* userdata, int fd, unsigned long request, ...);
  int (*close)(void* userdata, int fd);
  int (*shutdown)(void* userdata, int fd, int how);
  int (*getsockopt)(void* userdata, int fd, int level, int name, void* value, socklen_t* size);
  int (*setsockopt)(void* userdata, int fd, int level, int name, const void* value, socklen_t size);
  int (*poll)(void* userdata, struct pollfd* fds, nfds_t count, int timeout_ms);
  /* One IP packet for the stack. */
  int (*netdev_send)(void* userdata, const void* packet, size_t size);
  /* The next IP packet of the stack: waits for it. `*size` is the room, then the length; `*time_usecs`
   * the moment when it was sent, on gettimeofday()'s clock. */
  int (*netdev_receive)(void* userdata, void* packet, size_t* size, long long* time_usecs);
  int (*usleep)(void* userdata, useconds_t microseconds);
  int (*gettimeofday)(void* userdata, struct timeval* time, struct timezone* zone);
  int (*epoll_create)(void* userdata, int size);
  int (*epoll_ctl)(void* userdata, int set, int operation, int fd, struct epoll_event* event);
  int (*epoll_wait)(void* userdata, int set, struct epoll_event* events, int room, int timeout_ms);
  int (*pipe)(void* userdata, int fds[2]);
  int (*splice)(void* userdata, int fd_in, loff_t* offset_in, int fd_out, loff_t* offset_out, size_t size,
                unsigned flags);
};

/* `flags`: the text of --so_flags, or NULL. */
__attribute__((visibility("default"))) void packetdrill_interface_init(
    const char* flags, struct packetdrill_interface* interface);

#ifdef __cplusplus
}
#endif

#endif
