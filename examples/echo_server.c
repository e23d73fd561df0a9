/* SPDX-FileCopyrightText: Sockeye contributors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The echo server of every introduction to sockets and a client for it, on two hosts that exist only
 * in this process. socket, bind, listen, accept; socket, connect, send, recv: the calls are the ones
 * you know, with the host in front.
 *
 * One thread plays both parts. That works because a stack does its half of the work by itself: connect
 * returns when the other *host* has answered, before the other *program* calls accept.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sockeye/sockeye.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(long result, const char* what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

static int start_server(sk_stack* host) {
  int fd = sk_socket(host, AF_INET, SOCK_STREAM, 0); /* 1. create */
  must(fd, "socket");
  int on = 1;
  must(sk_setsockopt(host, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");

  struct sockaddr_in address = {0};
  address.sin_family = AF_INET;
  address.sin_port = htons(8080);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  must(sk_bind(host, fd, (struct sockaddr*)&address, sizeof address), "bind"); /* 2. claim the address */
  must(sk_listen(host, fd, 128), "listen");                                    /* 3. accept connections */
  return fd;
}

static void serve_one(sk_stack* host, int listener) {
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  int client = sk_accept(host, listener, (struct sockaddr*)&peer, &size); /* 4. dequeue a connection */
  must(client, "accept");
  char name[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &peer.sin_addr, name, sizeof name);
  printf("server: connection from %s\n", name);

  char buffer[4096];
  ssize_t got = sk_recv(host, client, buffer, sizeof buffer, 0); /* 5. read and write on it */
  must(got, "recv");
  must(sk_send(host, client, buffer, (size_t)got, 0), "send");
  sk_close(host, client);
}

int main(void) {
  sk_net* net = sk_net_create(NULL);
  sk_stack_options server_options = {.name = "server"};
  sk_stack_options client_options = {.name = "client"};
  sk_stack* server = sk_stack_create(net, &server_options);
  sk_stack* client = sk_stack_create(net, &client_options);
  sk_link_options link = {.delay = 10000000}; /* 10 ms each way */
  must(sk_link_pair(server, "10.0.0.1/24", client, "10.0.0.2/24", &link), "link");

  int listener = start_server(server);

  int fd = sk_socket(client, AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  struct sockaddr_in remote = {0};
  remote.sin_family = AF_INET;
  remote.sin_port = htons(8080);
  inet_pton(AF_INET, "10.0.0.1", &remote.sin_addr);
  must(sk_connect(client, fd, (struct sockaddr*)&remote, sizeof remote), "connect");

  const char* text = "hello, socket\n";
  must(sk_send(client, fd, text, strlen(text), 0), "send");
  serve_one(server, listener);

  char reply[64];
  size_t have = 0;
  ssize_t got; /* recv returns what is there: loop until the peer finishes */
  while ((got = sk_recv(client, fd, reply + have, sizeof reply - 1 - have, 0)) > 0) have += (size_t)got;
  must(got, "recv");
  reply[have] = '\0';
  printf("client: %s", reply);
  printf("after %.0f ms of virtual time\n", (double)sk_net_now(net) / 1e6);

  int same = strcmp(reply, text) == 0;
  sk_net_destroy(net);
  return same ? 0 : 1;
}
