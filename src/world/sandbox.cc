// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "world/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "world/unique_fd.h"

namespace sockeye::world {

namespace {

constexpr uid_t kNobody = 65534;

void note(SandboxNotes& notes, const std::string& what) {
  notes.push_back("sandbox: " + what + ": " + std::strerror(errno));
}

bool write_file(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Without privilege every other namespace needs a user namespace around it. The ids are mapped to
// themselves, so that SO_PEERCRED still tells our user from others.
bool enter_user_namespace(SandboxNotes& notes) {
  const auto uid = std::to_string(::geteuid());
  const auto gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) {
    note(notes, "no user namespace");
    return false;
  }
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/uid_map", uid + " " + uid + " 1") ||
      !write_file("/proc/self/gid_map", gid + " " + gid + " 1"))
    note(notes, "no user mapping");
  return true;
}

// A read-only file system with nothing in it becomes the root directory.
bool pivot_to_nothing() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (::mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nr_inodes=2,size=4k") != 0)
    return false;
  if (::chdir("/tmp") != 0) return false;
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return false;
  if (::umount2(".", MNT_DETACH) != 0) return false;
  return ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                 nullptr) == 0;
}

void become_nobody(SandboxNotes& notes) {
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
      ::setresuid(kNobody, kNobody, kNobody) != 0)
    note(notes, "still root");
}

void empty_bounding_set() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

// An unprivileged user namespace gives its creator all capabilities inside it; none is needed.
void drop_capabilities() {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct {
    std::uint32_t version = 0x20080522;  // _LINUX_CAPABILITY_VERSION_3
    int pid = 0;
  } header;
  const std::uint32_t none[6] = {0, 0, 0, 0, 0, 0};  // effective, permitted, inheritable, twice
  ::syscall(SYS_capset, &header, none);
}

void raise_descriptor_limit(SandboxNotes& notes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return note(notes, "descriptor limit unknown");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) note(notes, "descriptor limit not raised");
}

}  // namespace

void enter_namespaces(SandboxNotes& notes) {
  // Root makes the namespaces with its own rights and then stops being root.
  if (::geteuid() != 0 && !enter_user_namespace(notes)) return;
  const struct {
    int flag;
    const char* missing;
  } kinds[] = {{CLONE_NEWNET, "no network namespace"},
               {CLONE_NEWNS, "no mount namespace"},
               {CLONE_NEWPID, "no process namespace"},
               {CLONE_NEWIPC, "no ipc namespace"}};
  for (const auto& kind : kinds)
    if (::unshare(kind.flag) != 0) note(notes, kind.missing);
}

void close_other_descriptors(std::span<const int> keep) {
  std::vector<unsigned> kept;
  for (const int fd : keep)
    if (fd > 2) kept.push_back(static_cast<unsigned>(fd));
  std::sort(kept.begin(), kept.end());
  unsigned from = 3;
  for (const unsigned fd : kept) {
    if (fd > from) ::syscall(SYS_close_range, from, fd - 1, 0U);
    from = std::max(from, fd + 1);
  }
  ::syscall(SYS_close_range, from, ~0U, 0U);
}

void shed_rights(std::span<const int> keep, SandboxNotes& notes) {
  close_other_descriptors(keep);
  // The mount namespace is the parent's unless unshare() succeeded; then mount() fails for want of
  // the right, except for root without namespaces: never touch a mount table that is not ours.
  const bool own_mounts = std::none_of(notes.begin(), notes.end(), [](const std::string& text) {
    return text.find("no mount namespace") != std::string::npos ||
           text.find("no user namespace") != std::string::npos;
  });
  if (own_mounts && !pivot_to_nothing()) note(notes, "no empty root directory");
  raise_descriptor_limit(notes);
  empty_bounding_set();  // while we may
  become_nobody(notes);
  drop_capabilities();
  if (!kSanitized) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace sockeye::world
