#!/usr/bin/env bash
# Fuzzes each of the targets that are named for FUZZ_SECONDS, FUZZ_JOBS of them at once. What it learns
# stays in target/fuzz/corpus; what breaks a target lies in target/fuzz/findings, and fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v c++ >/dev/null; then
  echo "Fuzzing needs a C++ compiler, for libFuzzer is written in it: install g++ or clang." >&2
  exit 1
fi

# Without a sanitizer stable Rust serves; panics, overflows and the properties are what is looked for.
echo "Building the fuzz targets (some minutes the first time)"
PATH="$PWD/.tools/bin:$PATH" cargo fuzz build --sanitizer none --target-dir target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
export bin="target/fuzz/$host/release"

fuzz_one() {
  local target=$1 corpus="target/fuzz/corpus/$1" findings="target/fuzz/findings/$1" log="target/fuzz/$1.log"
  local dictionary="fuzz/dictionaries/$1.dict"
  mkdir -p "$corpus" "$findings"
  local options=(-max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=2048 -use_value_profile=1
    -artifact_prefix="$findings/" -print_final_stats=1)
  [ -f "$dictionary" ] && options+=(-dict="$dictionary")
  # A body has a limit, and a little beyond it something else happens.
  case $target in body | request) options+=(-max_len=70000 -len_control=400) ;; *) options+=(-max_len=8192) ;; esac
  if "$bin/$target" "${options[@]}" "$corpus" "fuzz/corpus/$target" >"$log" 2>&1; then
    printf '%-9s %9s runs, none broke it\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  else
    printf '%-9s BROKEN, input in %s\n' "$target" "$findings"
    grep -a -m1 -A6 'panicked at\|ERROR: libFuzzer' "$log"
    return 1
  fi
}
export -f fuzz_one

printf '%s\n' "$@" | xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'fuzz_one {}'
