#!/bin/sh
# Every file that the page refers to is there.
set -eu
grep -o 'href="[^"]*"' dist/index.html | while IFS='"' read -r _ file _; do
  test -e "dist/$file" || { echo "dead link: $file"; exit 1; }
  echo "found $file"
done
