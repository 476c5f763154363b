/* Loaded before libc: makes writes below one folder fail and moves the wall clock, while a shared page says so.
 *
 * FAULT_CONTROL names a file of four int64: errno of writes and opens for writing, errno of fsync, the seconds
 * by which CLOCK_REALTIME is off, and the milliseconds that an fsync takes. FAULT_FOLDER is the folder. Monotonic clocks are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *control;
static char folder[4096];

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULT_CONTROL"), *below = getenv("FAULT_FOLDER");
  if (!path || !below) return;
  snprintf(folder, sizeof folder, "%s", below);
  int fd = (int)open(path, O_RDONLY);
  if (fd < 0) return;
  void *page = mmap(NULL, 32, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) control = page;
}

static int is_below(const char *path) { return !strncmp(path, folder, strlen(folder)); }

static int is_hit(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  return is_below(path);
}

static int fails(int which, int fd) {
  if (!control || !control[which] || !is_hit(fd)) return 0;
  errno = (int)control[which];
  return 1;
}

static void wait_for_disk(int fd) {
  if (!control || !control[3] || !is_hit(fd)) return;
  struct timespec left = {control[3] / 1000, control[3] % 1000 * 1000000};
  nanosleep(&left, NULL);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *data, size_t n) {
  REAL(ssize_t, "write", int, const void *, size_t);
  return fails(0, fd) ? -1 : real(fd, data, n);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  return fails(0, fd) ? -1 : real(fd, data, n, at);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  return fails(0, fd) ? -1 : real(fd, data, n, at);
}
int fsync(int fd) {
  REAL(int, "fsync", int);
  wait_for_disk(fd);
  return fails(1, fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  wait_for_disk(fd);
  return fails(1, fd) ? -1 : real(fd);
}

static int may_not_open(const char *path, int flags) {
  if (!control || !control[0] || !(flags & (O_WRONLY | O_RDWR | O_CREAT)) || !is_below(path)) return 0;
  errno = (int)control[0];
  return 1;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, #name, const char *, int, ...); \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    return may_not_open(path, flags) ? -1 : real(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
#define OPENAT(name) \
  int name(int at, const char *path, int flags, ...) { \
    REAL(int, #name, int, const char *, int, ...); \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    return may_not_open(path, flags) ? -1 : real(at, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

int clock_gettime(clockid_t which, struct timespec *now) {
  REAL(int, "clock_gettime", clockid_t, struct timespec *);
  int result = real(which, now);
  if (!result && control && which == CLOCK_REALTIME) now->tv_sec += control[2];
  return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL(int, "gettimeofday", struct timeval *, void *);
  int result = real(now, zone);
  if (!result && control && now) now->tv_sec += control[2];
  return result;
}
time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
