# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# Runs every "$ " line of command_line.golden and compares what is printed (standard error and output
# together) and the exit status. With --update the golden file is written anew: read the difference.
set -u
: "${SOCKEYE:?is to be the path of the sockeye program}"
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/command_line.golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$SOCKEYE" "$work/bin/sockeye"
export PATH=$work/bin:$PATH XDG_RUNTIME_DIR=$work TMPDIR=$work
cd "$work" || exit 1

while IFS= read -r line; do
  case $line in
    '# '*) printf '%s\n' "$line" ;;
    '$ '*)
      printf '\n%s\n' "$line"
      sh -c "${line#\$ }" >output 2>&1 </dev/null
      status=$?
      cat output
      printf '[%s]\n' "$status"
      ;;
  esac
done <"$golden" >result

if [ "${1:-}" = --update ]; then
  cp result "$golden"
else
  diff -u "$golden" result
fi
