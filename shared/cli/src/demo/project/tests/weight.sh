#!/bin/sh
# The whole site stays below 20 KB.
set -eu
bytes=$(cat dist/* | wc -c)
echo "the site weighs $((bytes)) bytes"
test "$bytes" -lt 20480
