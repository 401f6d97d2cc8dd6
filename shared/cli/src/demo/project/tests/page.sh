#!/bin/sh
# Tests the page and writes a JUnit report, in nothing but shell.
set -u
page=dist/index.html
headline=$(cat site/headline.txt)
cases= count=0 failed=0

check() {
  name=$1
  shift
  count=$((count + 1))
  if "$@"; then
    echo "ok $count - $name"
    cases="$cases  <testcase classname=\"page\" name=\"$name\"/>
"
  else
    failed=$((failed + 1))
    echo "not ok $count - $name"
    cases="$cases  <testcase classname=\"page\" name=\"$name\"><failure message=\"$name\"/></testcase>
"
  fi
}

has() { grep -qF -- "$1" "$page"; }
has_not() { ! has "$1"; }
is_a_sentence() { case $headline in [A-Z]*.) true ;; *) false ;; esac; }

check "the page has the headline" has "<h1>$headline</h1>"
check "no placeholder is left over" has_not "@"
check "the page has a stylesheet" has 'href="style.css"'
check "the headline is a sentence" is_a_sentence

mkdir -p reports
{
  echo "<testsuite name=\"page\" tests=\"$count\" failures=\"$failed\">"
  printf '%s' "$cases"
  echo "</testsuite>"
} > reports/page.xml
test "$failed" -eq 0
