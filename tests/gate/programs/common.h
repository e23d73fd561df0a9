// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Programs that make socket calls in groups and print what each returned. The same program is run on
// the kernel and under the gate, and the two outputs are compared: so nothing that varies is printed
// (ports, process numbers, times), only whether it is as it should be.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct group {
  const char* name;
  void (*run)(void);
};

// Prints the call and its result; yields the result.
long show(const char* what, long result);
#define SHOW(call) show(#call, (long)(call))
void say(const char* format, ...) __attribute__((format(printf, 1, 2)));
// "IN OUT HUP", right now.
const char* polled(int fd);
// Waits until `events` (or an error) is there, 5 s at most.
const char* awaited(int fd, int events);
double seconds(void);

struct sockaddr_in any_port(void);  // 127.0.0.1:0
int listener(struct sockaddr_in* address, int backlog);
// Two ends of one TCP connection over 127.0.0.1.
void connected(int* client, int* server);
void reset_on_close(int fd);
int main_of_groups(int argc, char** argv, const struct group* groups, int count);
