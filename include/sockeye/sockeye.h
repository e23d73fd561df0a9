/* SPDX-FileCopyrightText: Sockeye contributors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sockeye: sockets without a kernel. A program makes hosts, joins them by links or to a wire of its
 * own, and calls sk_socket, sk_connect, sk_recv … on them: the calls, structs, flags and errno values
 * of <sys/socket.h>, answered by a complete TCP/IP stack inside the process.
 *
 *   sk_net    hosts that share a clock, and the links between them
 *   sk_stack  one host: addresses, sockets, descriptors. The first argument of every call
 *   sk_link   a wire whose other end is the program: raw IP packets in and out
 *
 * No globals, no signals, and no thread that the program did not make. Everything that hangs below one
 * sk_net belongs to one thread at a time, unless the net was given a lock (sk_threads_create); different
 * sk_nets know nothing of each other. Descriptors are numbers of their stack, not of
 * the process: never give one to read(2) or another stack. They begin at 3.
 *
 * Time. By default it is virtual: it stands still while there is something to do and jumps to the next
 * deadline when a call waits, so a connection over a link of 200 ms takes no time at all, and the same
 * program with the same seed sends the same packets. A call that could wait for ever without anything
 * under way answers EDEADLK. With sk_monotonic_clock() or a clock of the program's own, time is real.
 * Packets move whenever any call is made; a program that makes none calls sk_net_turn().
 *
 * Differences from Linux: EPIPE never raises SIGPIPE; only null pointers are EFAULT; MSG_ flags that
 * do not exist here are EOPNOTSUPP; fork does not share sockets.
 */
#ifndef SOCKEYE_SOCKEYE_H
#define SOCKEYE_SOCKEYE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sk_net sk_net;
typedef struct sk_stack sk_stack;
typedef struct sk_link sk_link;

/* "never", as a time in nanoseconds. */
#define SK_NEVER UINT64_MAX

/* --- time ------------------------------------------------------------------------------------- */

typedef struct sk_clock {
  void* user;
  /* Nanoseconds from any beginning; never goes back. */
  uint64_t (*now)(void* user);
  /* Returns at `until` (SK_NEVER: no limit), or earlier after something has come in: here a program
   * waits on its own devices and hands packets in with sk_link_input(). May not make socket calls. */
  void (*wait_until)(void* user, uint64_t until);
  /* Non-zero: wait_until() may bring something in, so waiting without a limit is no deadlock. */
  int has_outside;
} sk_clock;

/* CLOCK_MONOTONIC; waits by sleeping. */
const sk_clock* sk_monotonic_clock(void);

/* --- threads ---------------------------------------------------------------------------------- */

/* Taken around every call on a net; the same thread may take it again. The net's clock lets it go while
 * it waits. */
typedef struct sk_lock {
  void* user;
  void (*lock)(void* user);
  void (*unlock)(void* user);
} sk_lock;

/* A lock and a clock (CLOCK_MONOTONIC) that belong together, for one net: any thread may then call, and
 * a thread that blocks keeps nobody else. A descriptor that one thread closes while another waits on it
 * is closed when that call returns, as on Linux. Making and destroying hosts and nets is not covered:
 * no other thread may be in a call on them. Packets move while any thread is in a call; a program whose
 * threads all do something else leaves one in sk_net_run(). */
typedef struct sk_threads sk_threads;
sk_threads* sk_threads_create(void);
void sk_threads_destroy(sk_threads* threads); /* after the net */
const sk_clock* sk_threads_clock(const sk_threads* threads);
const sk_lock* sk_threads_lock(const sk_threads* threads);

/* --- nets ------------------------------------------------------------------------------------- */

typedef struct sk_net_options {
  uint64_t seed; /* of every port, sequence number and key; sk_random_seed() where peers are strangers */
  const sk_clock* clock; /* NULL: virtual time from 0. Outlives the net */
  const sk_lock* lock;   /* NULL: one thread at a time calls. Outlives the net */
} sk_net_options;

sk_net* sk_net_create(const sk_net_options* options); /* NULL: all zero */
void sk_net_destroy(sk_net* net);                     /* and everything that belongs to it */
uint64_t sk_random_seed(void);                        /* from the system's entropy */

uint64_t sk_net_now(sk_net* net);
/* Does everything that is due; the time of the next thing to do, or SK_NEVER. For a program's own event
 * loop: after its socket calls, and when that time has come. */
uint64_t sk_net_turn(sk_net* net);
/* Lets `nanoseconds` pass. */
void sk_net_run(sk_net* net, uint64_t nanoseconds);

/* --- hosts ------------------------------------------------------------------------------------ */

typedef struct sk_stack_options {
  const char* name;
  int descriptors_max; /* RLIMIT_NOFILE; 0: 1024 */
  int privileged;      /* non-zero: may bind ports below 1024 */
  const char* profile; /* NULL or "linux": as the kernel does; "rfc": as the RFCs say where Linux departs */
} sk_stack_options;

/* NULL options: all zero. NULL with EINVAL: no such profile. */
sk_stack* sk_stack_create(sk_net* net, const sk_stack_options* options);
/* The host is gone without a word to its peers, as after a power cut. To leave politely, close its
 * descriptors and let the net run. */
void sk_stack_destroy(sk_stack* stack);
const char* sk_stack_name(const sk_stack* stack);
/* A line per socket in the manner of ss(8), NUL-terminated and cut to `size`; the full length. */
size_t sk_stack_describe(sk_stack* stack, char* text, size_t size);

/* --- links ------------------------------------------------------------------------------------ */

/* Sees the bytes of a packet (IPv4 or IPv6 header first) as it is sent; valid during the call. */
typedef void (*sk_packet_fn)(void* user, sk_stack* sender, const void* packet, size_t size);

typedef struct sk_link_options {
  uint64_t delay;    /* nanoseconds, each way */
  uint32_t mtu;      /* 0: 65535 in memory, 1500 on an sk_link */
  int default_route; /* non-zero: what has no better route goes here */
  sk_packet_fn tap;  /* NULL, or told of every packet of both ends */
  void* user;
} sk_link_options;

/* An in-memory link between two hosts. `addresses`: "10.0.0.1/24" or "10.0.0.1/24,fd00::1/64" of the
 * end; the prefixes are routed to the link. 0, or -1 with EINVAL. */
int sk_link_pair(sk_stack* a, const char* addresses_a, sk_stack* b, const char* addresses_b,
                 const sk_link_options* options);

/* A link to the program: `transmit` gets each packet that the host sends. It may call sk_link_input(),
 * on any link, but must not make socket calls. NULL with EINVAL. Belongs to the net. */
sk_link* sk_link_create(sk_stack* stack, const char* addresses, const sk_link_options* options,
                        sk_packet_fn transmit, void* user);
/* A packet for the host; it is looked at in the next turn or call. 0, or -1: EINVAL (no IP packet),
 * EMSGSIZE (larger than the MTU), ENOBUFS (4096 packets wait already). */
int sk_link_input(sk_link* link, const void* packet, size_t size);

/* --- sockets: the calls of the system, on a host ---------------------------------------------- */

int sk_socket(sk_stack* stack, int domain, int type, int protocol);
int sk_bind(sk_stack* stack, int fd, const struct sockaddr* address, socklen_t size);
int sk_listen(sk_stack* stack, int fd, int backlog);
int sk_accept(sk_stack* stack, int fd, struct sockaddr* address, socklen_t* size);
int sk_accept4(sk_stack* stack, int fd, struct sockaddr* address, socklen_t* size, int flags);
int sk_connect(sk_stack* stack, int fd, const struct sockaddr* address, socklen_t size);
int sk_shutdown(sk_stack* stack, int fd, int how);
int sk_getsockname(sk_stack* stack, int fd, struct sockaddr* address, socklen_t* size);
int sk_getpeername(sk_stack* stack, int fd, struct sockaddr* address, socklen_t* size);
int sk_getsockopt(sk_stack* stack, int fd, int level, int name, void* value, socklen_t* size);
int sk_setsockopt(sk_stack* stack, int fd, int level, int name, const void* value, socklen_t size);

ssize_t sk_send(sk_stack* stack, int fd, const void* data, size_t size, int flags);
ssize_t sk_sendto(sk_stack* stack, int fd, const void* data, size_t size, int flags,
                  const struct sockaddr* address, socklen_t address_size);
ssize_t sk_sendmsg(sk_stack* stack, int fd, const struct msghdr* message, int flags);
ssize_t sk_recv(sk_stack* stack, int fd, void* data, size_t size, int flags);
ssize_t sk_recvfrom(sk_stack* stack, int fd, void* data, size_t size, int flags, struct sockaddr* address,
                    socklen_t* address_size);
ssize_t sk_recvmsg(sk_stack* stack, int fd, struct msghdr* message, int flags);
/* The number of messages moved; -1 only when the first was not. MSG_WAITFORONE; NULL: no time limit,
 * which, as on Linux, is looked at after each message. */
struct mmsghdr;
int sk_sendmmsg(sk_stack* stack, int fd, struct mmsghdr* messages, unsigned int count, int flags);
int sk_recvmmsg(sk_stack* stack, int fd, struct mmsghdr* messages, unsigned int count, int flags,
                const struct timespec* timeout);
ssize_t sk_read(sk_stack* stack, int fd, void* data, size_t size);
ssize_t sk_write(sk_stack* stack, int fd, const void* data, size_t size);
ssize_t sk_readv(sk_stack* stack, int fd, const struct iovec* parts, int count);
ssize_t sk_writev(sk_stack* stack, int fd, const struct iovec* parts, int count);

/* --- descriptors ------------------------------------------------------------------------------ */

int sk_close(sk_stack* stack, int fd);
int sk_dup(sk_stack* stack, int fd);
int sk_dup2(sk_stack* stack, int fd, int target);
int sk_dup3(sk_stack* stack, int fd, int target, int flags);
/* F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC; pass 0 where there is no argument. */
int sk_fcntl(sk_stack* stack, int fd, int command, long argument);
/* FIONBIO, FIONREAD, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIOCLEX, FIONCLEX. */
int sk_ioctl(sk_stack* stack, int fd, unsigned long request, void* argument);

/* --- readiness -------------------------------------------------------------------------------- */

int sk_poll(sk_stack* stack, struct pollfd* fds, nfds_t count, int timeout_ms);
/* The time limit is not changed. */
int sk_select(sk_stack* stack, int count, fd_set* in, fd_set* out, fd_set* except,
              const struct timeval* timeout);
int sk_epoll_create1(sk_stack* stack, int flags);
int sk_epoll_ctl(sk_stack* stack, int set, int operation, int fd, struct epoll_event* event);
int sk_epoll_wait(sk_stack* stack, int set, struct epoll_event* events, int room, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
