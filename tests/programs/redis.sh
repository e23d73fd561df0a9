# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# redis-server under redis-benchmark: 50 connections, then pipelines; the values are there afterwards.
. "$(dirname "$0")/common.sh"
need redis-server redis-benchmark redis-cli
cd "$work" || exit 1
start server redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save '' --dir "$work"
await_listen server 6379
on client redis-benchmark -h server -q -n 2000 -c 50 -t set,get,incr,lrange_100 >bench.log 2>&1 || fail benchmark
on client redis-benchmark -h server -q -n 5000 -P 16 -t set >>bench.log 2>&1 || fail pipelines
on client redis-cli -h server set key value >cli.log 2>&1 || fail set
[ "$(on client redis-cli -h server get key)" = value ] || fail get
