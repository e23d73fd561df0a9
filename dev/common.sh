# Shared by the scripts of dev/: where the tree is, and how the time-stamped steps look. Sourced.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1  # a clone elsewhere finds what this one compiled

# usage: help_wanted "$@" && { usage; exit 0; }
help_wanted() {
  for word in "$@"; do
    case "$word" in -h | --help) return 0 ;; --) return 1 ;; esac
  done
  return 1
}

step() { printf '\n== %s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 2
}

# configure_and_build DIRECTORY TARGETS... ; CMAKE_ARGS is an array of further arguments for cmake.
configure_and_build() {
  local directory=$1
  shift
  if ! cmake -S "$top" -B "$directory" -G Ninja "${CMAKE_ARGS[@]}" >"$directory.log" 2>&1; then
    cat "$directory.log" >&2
    return 1
  fi
  ninja -C "$directory" "$@"
}
