#!/bin/sh
# Installs the paretofleet agent on this device from the folder that it lies in, without a network.
set -eu

usage() {
  cat <<'TEXT'
usage: sh install.sh [--collector HOST:PORT | --join HOST:PORT --token-file FILE] [--name NAME] [--class CLASS]
                     [--python PYTHON] [--prefix DIR] [--unit-dir DIR] [--no-systemd] [--without-onnxruntime] [--dry-run]

  --collector HOST:PORT   where the collector listens (default: the one that was joined, else 127.0.0.1:7411,
                          the near end of an SSH tunnel)
  --join HOST:PORT        join the collector whose join server is there, once
  --token-file FILE       the token for it, of `paretofleet token create`
  --name NAME             this device's name, unique in the fleet (default: its host name)
  --class CLASS           such as jetson-tx2 (default: cpu)
  --python PYTHON         interpreter to use (default: python3.8, python3.11 or python3, whichever fits first)
  --prefix DIR            where to install (default: /opt/paretofleet)
  --unit-dir DIR          only write the systemd unit, into DIR; make no user and start nothing
  --no-systemd            install the command only; needs no root if DIR is yours
  --without-onnxruntime   for a bundle made without it
  --dry-run               say what would be done and do nothing

example:
  sudo sh install.sh --name tx2-1 --class jetson-tx2
TEXT
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

# Whether a value is fit for the unit file: nothing that systemd or a shell would read as more than a word.
word() {
  case $2 in
    '' | *[!A-Za-z0-9._:-]*) fail "$1 '$2' may hold letters, digits, dots, colons, dashes and underscores only." ;;
  esac
}

say_or_do() {
  if [ "$dry_run" = yes ]; then echo "would run: $*"; else "$@"; fi
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
collector=
join=
token_file=
name=$(uname -n | tr -c 'A-Za-z0-9._\n-' '-')
class=cpu
python=
prefix=/opt/paretofleet
unit_dir=/etc/systemd/system
systemd=yes
extra='[onnxruntime]'
dry_run=no
while [ $# -gt 0 ]; do
  case $1 in
    --collector | --join | --token-file | --name | --class | --python | --prefix | --unit-dir)
      [ $# -ge 2 ] || { usage >&2; exit 2; } ;;
  esac
  case $1 in
    --collector) collector=$2; shift 2 ;;
    --join) join=$2; shift 2 ;;
    --token-file) token_file=$2; shift 2 ;;
    --name) name=$2; shift 2 ;;
    --class) class=$2; shift 2 ;;
    --python) python=$2; shift 2 ;;
    --prefix) prefix=$2; shift 2 ;;
    --unit-dir) unit_dir=$2; [ "$systemd" = no ] || systemd="unit-only"; shift 2 ;;
    --no-systemd) systemd=no; shift ;;
    --without-onnxruntime) extra=''; shift ;;
    --dry-run) dry_run=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[ -z "$collector" ] || word --collector "$collector"
case $join in
  *[!A-Za-z0-9._:-]*) [ -z "${join##\[*\]:[0-9]*}" ] || fail "--join '$join' is not HOST:PORT." ;;
esac
if [ -n "$join" ]; then
  [ -r "$token_file" ] || fail "--join needs --token-file with a file that can be read; '$token_file' cannot."
fi
word --name "$name"
word --class "$class"
case $prefix in
  /*[!A-Za-z0-9._/-]* | [!/]*) fail "--prefix '$prefix' must be an absolute path without spaces." ;;
esac

# --- is this a device that the bundle fits?

[ -d "$here/wheels" ] || fail "there is no folder wheels beside install.sh: run it from an unpacked bundle (make bundle)."
[ "$(uname -s)" = Linux ] || fail "the agent runs on Linux, and this is $(uname -s)."
arch=$(uname -m)
case $arch in
  x86_64 | aarch64) ;;
  *) fail "the bundle has wheels for x86_64 and aarch64, and this is $arch." ;;
esac
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
case $libc in
  'glibc 2.'*) [ "${libc#glibc 2.}" -ge 27 ] || fail "the wheels need glibc 2.27 or newer, and this is $libc." ;;
  *) fail "the wheels need glibc 2.27 or newer, and this system has another C library." ;;
esac

abi_of() {
  "$1" -c 'import sys; print("cp%d%d" % sys.version_info[:2])' 2>/dev/null || true
}

have=$(cd "$here/wheels" && echo cp*)
# shellcheck disable=SC2016  # the sentence is meant as it stands
advice='install one with: sudo apt install python3.8 python3.8-venv (JetPack 4.6 and Ubuntu 18.04 have it), then run this again.'
abi=
for candidate in ${python:-python3.8 python3.11 python3}; do
  found=$(abi_of "$candidate")
  if [ -n "$found" ] && [ -d "$here/wheels/$found" ]; then
    abi=$found
    python=$candidate
    break
  fi
  # A name given with --python has no second choice.
  [ -z "$python" ] || fail "$python is ${found:-not a Python that runs}, and the bundle has wheels for $have: $advice"
done
[ -n "$abi" ] || fail "no fitting Python was found (3.8 at least; the bundle has wheels for $have): $advice"
ls "$here/wheels/$abi"/grpcio-*"$arch"*.whl >/dev/null 2>&1 || fail "the bundle has no wheels for $abi on $arch."

if [ "$systemd" = yes ] && [ "$dry_run" = no ] && [ "$(id -u)" != 0 ]; then
  fail "writing a systemd unit needs root: use sudo, or --no-systemd with a --prefix of your own."
fi
(cd "$here" && sha256sum --check --quiet --strict SHA256SUMS) || fail "the bundle is damaged: copy it again."

# --- the command, in a folder of its own, put in place when it is whole

version=$(cat "$here/VERSION")
fresh=$prefix/venv-$version-$(date +%Y%m%d%H%M%S)-$$
pip=$(echo "$here/wheels/$abi"/pip-*.whl)
echo "installing the agent $version for $("$python" --version 2>&1) on $arch into $prefix"
say_or_do mkdir -p "$prefix" || fail "$prefix cannot be made: use sudo, or --prefix with a folder of your own."
[ "$dry_run" = yes ] || trap 'rm -rf "$fresh"' EXIT
# Without pip, because Debian's venv has none unless one more package is there; the bundle brings its own.
say_or_do "$python" -m venv --without-pip "$fresh" || fail "$python cannot make a virtual environment: $advice"
say_or_do "$fresh/bin/python" "$pip/pip" install --quiet --no-index --no-cache-dir --disable-pip-version-check \
  --find-links "$here/wheels/$abi" "paretofleet-agent$extra==$version" || fail "pip could not install the agent; see above."
say_or_do "$fresh/bin/paretofleet-agent" --version || fail "the agent does not start; see above."
old=$(readlink "$prefix/venv" 2>/dev/null || true)
say_or_do ln -s "$(basename "$fresh")" "$fresh.link"
say_or_do mv -T "$fresh.link" "$prefix/venv"
trap - EXIT
[ -z "$old" ] || say_or_do rm -rf "${prefix:?}/$old"

# --- the service

agent=$prefix/venv/bin/paretofleet-agent
# Joins as the user that the arguments make: the token goes through standard input, where nobody else sees it.
join_collector() {
  [ -n "$join" ] || return 0
  if [ "$dry_run" = yes ]; then
    echo "would join $join as $name"
  else
    "$@" join "$join" - --name "$name" --class "$class" <"$token_file" || fail "the agent is installed and could not join; see above."
  fi
}

if [ "$systemd" = no ]; then
  join_collector "$agent"
  if [ -n "$join" ]; then
    echo "done; start it with: $agent run"
  else
    echo "done; start it with: $agent run --collector ${collector:-127.0.0.1:7411} --name $name --class $class"
  fi
  exit 0
fi
unit=$unit_dir/paretofleet-agent.service
if [ "$dry_run" = yes ]; then
  echo "would write: $unit (collector ${collector:-by itself}, name $name, class $class)"
else
  mkdir -p "$unit_dir"
  # Without an address the agent knows the one that it joined.
  if [ -z "$collector" ]; then set -- -e '/@COLLECTOR@/d'; else set --; fi
  sed "$@" -e "s|@PREFIX@|$prefix|" -e "s|@COLLECTOR@|$collector|" -e "s|@NAME@|$name|" -e "s|@CLASS@|$class|" \
    "$here/paretofleet-agent.service" >"$unit.part"
  mv "$unit.part" "$unit"
fi
if [ "$systemd" = unit-only ]; then
  echo "done; the unit is $unit"
  exit 0
fi
if ! id paretofleet >/dev/null 2>&1; then
  say_or_do useradd --system --user-group --home-dir /var/lib/paretofleet --shell /usr/sbin/nologin paretofleet
fi
# The groups that own GPU devices, where the device has them.
for group in video render; do
  if getent group "$group" >/dev/null 2>&1; then say_or_do usermod --append --groups "$group" paretofleet; fi
done
if [ -n "$join" ]; then
  # The service holds the agent's folder while it runs.
  say_or_do systemctl stop paretofleet-agent.service 2>/dev/null || true
  say_or_do install -d -o paretofleet -g paretofleet -m 0700 /var/lib/paretofleet/agent
  join_collector runuser -u paretofleet -- env PARETOFLEET_AGENT_HOME=/var/lib/paretofleet/agent "$agent"
fi
say_or_do systemctl daemon-reload
say_or_do systemctl enable paretofleet-agent.service
say_or_do systemctl restart paretofleet-agent.service
echo "done; see how it fares with: journalctl -u paretofleet-agent -f"
