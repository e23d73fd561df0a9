# SPDX-FileCopyrightText: Sockeye contributors
# SPDX-License-Identifier: Apache-2.0
#
# TLS over our byte stream: openssl s_server sends a file to openssl s_client.
. "$(dirname "$0")/common.sh"
need openssl
make_file "$work/file" 200000
cd "$work" || exit 1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -days 2 \
  -keyout key.pem -out cert.pem >/dev/null 2>&1 || fail certificate
"$SOCKEYE" pair --net 'delay=5ms,loss=1%,seed=5' -- openssl s_server -quiet -accept 4433 -key key.pem -cert cert.pem -WWW -- \
  sh -c 'printf "GET /file HTTP/1.0\r\n\r\n" | openssl s_client -quiet -ign_eof -CAfile cert.pem \
    -verify_return_error -connect server:4433 >answer' >pair.log 2>&1 || fail s_client
sed '1,/^\r$/d' answer >got
same file got
