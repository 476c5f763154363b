#!/usr/bin/env bash
# Puts everything that a device needs into one folder and one tar, so that it installs without a network:
# wheels of proto, graph, agent and all they depend on, for CPython 3.8 and 3.11, x86_64 and aarch64, glibc 2.27 or newer.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: deploy/bundle.sh [--out DIR] [--only ABI-ARCH]... [--without-onnxruntime]

  --out DIR               where to put it (default: dist)
  --only ABI-ARCH         cp38-x86_64, cp38-aarch64, cp311-x86_64 or cp311-aarch64; may be repeated (default: all)
  --without-onnxruntime   leave the runtime out, for devices that have their own

example:
  deploy/bundle.sh --only cp38-aarch64
TEXT
}

fail() {
  echo "bundle.sh: $1" >&2
  exit "${2:-1}"
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
python=${PYTHON:-$root/.venv/bin/python}
out=$root/dist
kinds=()
extra="[onnxruntime]"
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --only) kinds+=("${2:?--only needs a kind such as cp38-aarch64}"); shift 2 ;;
    --without-onnxruntime) extra=""; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[ ${#kinds[@]} -gt 0 ] || kinds=(cp38-x86_64 cp38-aarch64 cp311-x86_64 cp311-aarch64)
"$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip: run 'make install' first, or name another with PYTHON=..."

# The last pip that runs on 3.8; older ones on devices do not know today's platform tags.
pip_wheel="pip==25.0.1"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

mkdir -p "$out"
work=$(mktemp -d "$out/.bundle.XXXXXX")
trap 'rm -rf "$work"' EXIT
bundle=$work/paretofleet-agent-bundle
mkdir -p "$bundle/wheels"

echo "building the wheels of proto, graph and agent" >&2
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/own" "$root/proto" "$root/graph" "$root/agent" ||
  fail "the wheels of proto, graph and agent do not build; see above"
# By path, never by name: on a public index these names could be anybody's.
own=("$work"/own/paretofleet_proto-*.whl "$work"/own/paretofleet_graph-*.whl "$(echo "$work"/own/paretofleet_agent-*.whl)$extra")
version=$(basename "$work"/own/paretofleet_agent-*.whl | cut -d- -f2)

for kind in "${kinds[@]}"; do
  abi=${kind%%-*}
  arch=${kind#*-}
  case $kind in
    cp38-x86_64 | cp38-aarch64) number=3.8 ;;
    cp311-x86_64 | cp311-aarch64) number=3.11 ;;
    *) fail "--only $kind is not one of cp38-x86_64, cp38-aarch64, cp311-x86_64, cp311-aarch64" 2 ;;
  esac
  echo "fetching the wheels for CPython $number on $arch" >&2
  folder=$bundle/wheels/$abi
  mkdir -p "$folder"
  platforms=()
  for tag in manylinux_2_27 manylinux_2_26 manylinux_2_24 manylinux_2_17 manylinux2014 manylinux_2_12 \
    manylinux2010 manylinux_2_5 manylinux1; do
    platforms+=(--platform "${tag}_$arch")
  done
  "$python" -m pip download --quiet --quiet --only-binary=:all: --python-version "$number" --implementation cp \
    --abi "$abi" --abi abi3 --abi none "${platforms[@]}" --dest "$folder" \
    "${own[@]}" "$pip_wheel" ||
    fail "the wheels for CPython $number on $arch cannot be had; see above"
done

cp "$here/install.sh" "$here/paretofleet-agent.service" "$here/README.md" "$bundle"
echo "$version" >"$bundle/VERSION"
(cd "$bundle" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$bundle"

rm -rf "$out/paretofleet-agent-bundle"
mv "$bundle" "$out/paretofleet-agent-bundle"
tar -C "$out" --owner=0 --group=0 --sort=name -cf "$work/bundle.tar" paretofleet-agent-bundle
mv "$work/bundle.tar" "$out/paretofleet-agent-bundle-$version.tar"
du -sh "$out"/paretofleet-agent-bundle/wheels/* "$out/paretofleet-agent-bundle-$version.tar"
