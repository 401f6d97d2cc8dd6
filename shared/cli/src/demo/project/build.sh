#!/bin/sh
# Puts the page together in dist/: the headline and the commit go into the template.
set -eu
headline=$(cat site/headline.txt)
commit=${CODEBUILD_RESOLVED_SOURCE_VERSION:-unknown}

mkdir -p dist
while IFS= read -r line; do
  case $line in
    *@HEADLINE@*) line=${line%%@HEADLINE@*}$headline${line#*@HEADLINE@} ;;
    *@COMMIT@*) line=${line%%@COMMIT@*}$commit${line#*@COMMIT@} ;;
  esac
  printf '%s\n' "$line"
done < site/index.html > dist/index.html
cp site/style.css dist/style.css
echo "dist/index.html says: $headline"
