/*
 * Stands between a process and its files (LD_PRELOAD): writes down every change below CHAOS_ROOT in CHAOS_LOG, in the
 * order it happened, and does with the disk and the clock what CHAOS_CONTROL says. That file is shared memory, so the
 * test changes its mind while the process runs. Nothing is really synced: the order alone counts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC, TRUNCATE, CREATE, RENAME, UNLINK, MKDIR, SYNC_DIR, SYNC_FAILED };

struct control {
  int64_t failing_syncs; /* how many of the next syncs fail with EIO; negative: all */
  int64_t room;          /* bytes that may still be written before ENOSPC; negative: no limit */
  int64_t clock_ms;      /* added to the wall clock */
  int64_t good_syncs;    /* how many succeed before those fail */
};

struct header {
  uint32_t kind, name_length;
  uint64_t inode, offset, length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_length;
static int log_fd = -1;
static volatile struct control *control;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void start(void) {
  const char *watched = getenv("CHAOS_ROOT"), *file = getenv("CHAOS_LOG"), *shared = getenv("CHAOS_CONTROL");
  if (shared != NULL) {
    int fd = REAL(open)(shared, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || page == MAP_FAILED) abort();
    control = page;
  }
  if (watched == NULL) return;
  root_length = strlen(watched);
  if (root_length == 0 || root_length >= sizeof root) abort();
  memcpy(root, watched, root_length + 1);
  if (file != NULL && (log_fd = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) abort();
}

/* The path below the root, or NULL. Shared memory is not on any disk. */
static const char *below(const char *path) {
  if (root_length == 0 || strncmp(path, root, root_length) != 0 || path[root_length] != '/') return NULL;
  size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, "-shm") == 0 ? NULL : path + root_length + 1;
}

static const char *name_of(int fd, char *path, struct stat *found) {
  char link[64];
  if (root_length == 0 || fstat(fd, found) != 0 || !(S_ISREG(found->st_mode) || S_ISDIR(found->st_mode))) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, 4095);
  if (length < 0) return NULL;
  path[length] = 0;
  return strcmp(path, root) == 0 ? "" : below(path);
}

static void put(const void *bytes, size_t length) {
  while (length > 0) {
    ssize_t done = REAL(write)(log_fd, bytes, length);
    if (done < 0) abort();
    bytes = (const char *)bytes + done;
    length -= (size_t)done;
  }
}

static void note(uint32_t kind, const char *name, uint64_t inode, uint64_t offset, const void *data, uint64_t length) {
  if (log_fd < 0) return;
  struct header header = {kind, (uint32_t)strlen(name), inode, offset, length};
  put(&header, sizeof header);
  put(name, header.name_length);
  if (data != NULL) put(data, length);
}

static int acknowledgements(const char *name) { return strcmp(name, "acknowledged") == 0; }

/* How much of a write there is room for; -1 with ENOSPC where there is none. */
static ssize_t room_for(const char *name, size_t length) {
  if (control == NULL || control->room < 0 || acknowledgements(name) || length == 0) return (ssize_t)length;
  if (control->room == 0) {
    errno = ENOSPC;
    return -1;
  }
  size_t granted = length < (size_t)control->room ? length : (size_t)control->room;
  control->room -= (int64_t)granted;
  return (ssize_t)granted;
}

/* `offset` is negative for the place where the file stands. */
static ssize_t write_at(int fd, const void *data, size_t length, off_t offset) {
  char path[4096];
  struct stat found;
  const char *name = name_of(fd, path, &found);
  if (name == NULL) return offset < 0 ? REAL(write)(fd, data, length) : REAL(pwrite)(fd, data, length, offset);
  pthread_mutex_lock(&lock);
  ssize_t done = room_for(name, length);
  if (done >= 0) {
    done = offset < 0 ? REAL(write)(fd, data, (size_t)done) : REAL(pwrite)(fd, data, (size_t)done, offset);
    off_t end = lseek(fd, 0, SEEK_CUR);
    if (done > 0) note(WRITE, name, found.st_ino, (uint64_t)(offset < 0 ? end - done : offset), data, (uint64_t)done);
  }
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t write(int fd, const void *data, size_t length) { return write_at(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return write_at(fd, data, length, offset); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return write_at(fd, data, length, offset); }

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset) {
  ssize_t total = 0;
  for (int i = 0; i < count; i++) {
    ssize_t done = write_at(fd, parts[i].iov_base, parts[i].iov_len, offset < 0 ? -1 : offset + total);
    if (done < 0) return total > 0 ? total : done;
    total += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return total;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  struct stat found;
  char path[4096];
  if (name_of(fd, path, &found) == NULL) return REAL(writev)(fd, parts, count);
  return write_parts(fd, parts, count, -1);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return write_parts(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return write_parts(fd, parts, count, offset);
}

static int cut(int fd, off_t length) {
  char path[4096];
  struct stat found;
  const char *name = name_of(fd, path, &found);
  pthread_mutex_lock(&lock);
  int result = REAL(ftruncate)(fd, length);
  if (result == 0 && name != NULL) note(TRUNCATE, name, found.st_ino, (uint64_t)length, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

static int sync_file(int fd) {
  char path[4096];
  struct stat found;
  const char *name = name_of(fd, path, &found);
  if (name == NULL) return REAL(fsync)(fd);
  pthread_mutex_lock(&lock);
  int fails = control != NULL && control->failing_syncs != 0;
  if (fails && control->good_syncs > 0) {
    control->good_syncs -= 1;
    fails = 0;
  }
  if (fails && control->failing_syncs > 0) control->failing_syncs -= 1;
  int directory = S_ISDIR(found.st_mode);
  if (!fails) note(directory ? SYNC_DIR : SYNC, name, found.st_ino, 0, NULL, 0);
  else if (!directory) note(SYNC_FAILED, name, found.st_ino, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  if (fails) errno = EIO;
  return fails ? -1 : 0;
}
int fsync(int fd) { return sync_file(fd); }
int fdatasync(int fd) { return sync_file(fd); }

static int open_at(int folder, const char *path, int flags, mode_t mode) {
  const char *name = folder == AT_FDCWD || path[0] == '/' ? below(path) : NULL;
  if (name == NULL) return REAL(openat)(folder, path, flags, mode);
  struct stat found;
  pthread_mutex_lock(&lock);
  int there = stat(path, &found) == 0;
  int fd = REAL(openat)(folder, path, flags, mode);
  int error = errno;
  if (fd >= 0 && fstat(fd, &found) == 0) {
    if (!there) note(CREATE, name, found.st_ino, 0, NULL, 0);
    else if ((flags & O_TRUNC) != 0) note(TRUNCATE, name, found.st_ino, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

static mode_t mode_of(int flags, va_list rest) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(rest, int) : 0;
}
#define OPEN(folder)                    \
  va_list rest;                         \
  va_start(rest, flags);                \
  mode_t mode = mode_of(flags, rest);   \
  va_end(rest);                         \
  return open_at(folder, path, flags, mode)
int open(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int openat(int folder, const char *path, int flags, ...) { OPEN(folder); }
int openat64(int folder, const char *path, int flags, ...) { OPEN(folder); }

int rename(const char *from, const char *to) {
  pthread_mutex_lock(&lock);
  int result = REAL(rename)(from, to);
  const char *before = below(from), *after = below(to);
  if (result == 0 && before != NULL && after != NULL) note(RENAME, before, 0, 0, after, strlen(after));
  pthread_mutex_unlock(&lock);
  return result;
}

static int removed(int result, const char *path) {
  if (result == 0 && below(path) != NULL) note(UNLINK, below(path), 0, 0, NULL, 0);
  return result;
}
int unlink(const char *path) {
  pthread_mutex_lock(&lock);
  int result = removed(REAL(unlink)(path), path);
  pthread_mutex_unlock(&lock);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  pthread_mutex_lock(&lock);
  int result = REAL(mkdir)(path, mode);
  if (result == 0 && below(path) != NULL) note(MKDIR, below(path), 0, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int result = REAL(gettimeofday)(now, zone);
  if (result == 0 && control != NULL) {
    int64_t micros = (int64_t)now->tv_sec * 1000000 + now->tv_usec + control->clock_ms * 1000;
    now->tv_sec = micros / 1000000;
    now->tv_usec = micros % 1000000;
  }
  return result;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = REAL(clock_gettime)(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME && control != NULL) {
    now->tv_sec += control->clock_ms / 1000;
    now->tv_nsec += (control->clock_ms % 1000) * 1000000;
    if (now->tv_nsec >= 1000000000) now->tv_sec += 1, now->tv_nsec -= 1000000000;
    if (now->tv_nsec < 0) now->tv_sec -= 1, now->tv_nsec += 1000000000;
  }
  return result;
}
