// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "gate/socket_table.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace sockeye::gate {

namespace {

constexpr std::size_t kForeignKept = 1 << 14;

std::string read_whole(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char part[16384];
  for (ssize_t n = 0; fd && (n = read(fd.get(), part, sizeof(part))) > 0;)
    text.append(part, static_cast<std::size_t>(n));
  return text;
}

}  // namespace

Socket& SocketTable::add(std::uint64_t cookie, bool stream) {
  Socket& socket = sockets_[cookie];
  socket.cookie = cookie;
  socket.stream = stream;
  return socket;
}

Socket* SocketTable::find(std::uint64_t cookie) {
  if (!successors_.empty()) {
    auto successor = successors_.find(cookie);
    if (successor != successors_.end()) cookie = successor->second;
  }
  auto found = sockets_.find(cookie);
  return found == sockets_.end() ? nullptr : &found->second;
}

void SocketTable::forget(std::uint64_t cookie) {
  sockets_.erase(cookie);
  if (successors_.empty()) return;
  std::erase_if(successors_, [cookie](const auto& entry) { return entry.second == cookie; });
}

void SocketTable::replace(std::uint64_t old_cookie, std::uint64_t new_cookie) {
  auto node = sockets_.extract(old_cookie);
  if (node.empty()) return;
  node.key() = new_cookie;
  node.mapped().cookie = new_cookie;
  sockets_.insert(std::move(node));
  for (auto& entry : successors_)
    if (entry.second == old_cookie) entry.second = new_cookie;
  successors_[old_cookie] = new_cookie;
}

void SocketTable::set_foreign(std::uint64_t cookie) {
  if (foreign_.size() >= kForeignKept) foreign_.clear();
  foreign_.insert(cookie);
}

LooseStreams::LooseStreams() : set_(epoll_create1(EPOLL_CLOEXEC)) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  slot_ = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20)) - 1;
}

bool LooseStreams::change(int operation, int fd, std::uint64_t cookie) {
  UniqueFd slot(dup3(fd, slot_, O_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLONESHOT;
  event.data.u64 = cookie;
  return slot && epoll_ctl(set_.get(), operation, slot.get(), &event) == 0;
}

void LooseStreams::add(int fd, std::uint64_t cookie) {
  if (change(EPOLL_CTL_ADD, fd, cookie)) members_.insert(cookie);
}

void LooseStreams::remove(int fd, std::uint64_t cookie) {
  if (members_.erase(cookie) != 0) change(EPOLL_CTL_DEL, fd, cookie);
}

std::vector<std::uint64_t> LooseStreams::sweep() {
  std::vector<std::uint64_t> gone;
  if (members_.empty()) return gone;
  std::string listing = read_whole("/proc/self/fdinfo/" + std::to_string(set_.get()));
  if (listing.empty()) return gone;
  std::unordered_set<std::uint64_t> alive;
  constexpr std::string_view kData = "data:";
  for (std::size_t at = 0; (at = listing.find(kData, at)) != std::string::npos;) {
    at = listing.find_first_not_of(' ', at + kData.size());
    std::uint64_t cookie = 0;
    std::from_chars(listing.data() + at, listing.data() + listing.size(), cookie, 16);
    alive.insert(cookie);
  }
  for (std::uint64_t cookie : members_)
    if (!alive.contains(cookie)) gone.push_back(cookie);
  for (std::uint64_t cookie : gone) members_.erase(cookie);
  std::sort(gone.begin(), gone.end());
  return gone;
}

}  // namespace sockeye::gate
