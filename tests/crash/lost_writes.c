/* Preloaded into a child of the tests: writes down, in one order, every change that the process makes below a folder, every sync
 * and everything it says on its standard output; and lets chosen calls fail.
 *
 * KINDRED_SHIM_ROOT   the folder; calls elsewhere are passed on untouched
 * KINDRED_SHIM_TRACE  file that takes the trace
 * KINDRED_SHIM_FAULT  "CLASS PART N ERRNO MODE HEALED": of the calls of a class (write, sync, open, rename, any) on paths that contain
 *                     PART, the N-th fails with that number; where MODE is "on", all later ones too. None fails once the file
 *                     HEALED is there. "." stands for an empty PART.
 * KINDRED_SHIM_KILL   the process is killed behind so many entries of the trace
 *
 * One lock is held around each call and its line of the trace, so that the trace's order is the order of effects. System calls
 * are made directly: what is defined here is never called from here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_len;
static int trace = -1;

static char fault_class[16], fault_part[64], fault_mode[8], fault_healed[PATH_MAX];
static long fault_at, fault_errno, fault_seen;
static int fault_begun;
static long kill_at;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("KINDRED_SHIM_ROOT");
    if (path) {
        snprintf(root, sizeof root, "%s", path);
        root_len = strlen(root);
    }
    path = getenv("KINDRED_SHIM_TRACE");
    if (path)
        trace = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    path = getenv("KINDRED_SHIM_KILL");
    if (path)
        kill_at = atol(path);
    const char *fault = getenv("KINDRED_SHIM_FAULT");
    if (fault && sscanf(fault, "%15s %63s %ld %ld %7s %4000s", fault_class, fault_part, &fault_at, &fault_errno, fault_mode,
                        fault_healed) != 6)
        abort();
}

/* The path below the root, without its slash; NULL for any other. */
static const char *below(const char *path) {
    if (!root_len || strncmp(path, root, root_len) || path[root_len] != '/')
        return NULL;
    return path + root_len + 1;
}

/* The same of an open file, by the name it was opened under, wherever that is now. */
static const char *below_fd(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (n < 0)
        return NULL;
    path[n] = 0;
    if (!strcmp(path, root))
        return "";
    return below(path);
}

/* The absolute path of a path relative to an open folder. */
static const char *absolute(int dir, const char *path, char *full) {
    if (path[0] == '/')
        return path;
    char folder[PATH_MAX];
    char link[64] = "/proc/self/cwd";
    if (dir != AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, folder, sizeof folder - 1);
    folder[n < 0 ? 0 : n] = 0;
    if (snprintf(full, PATH_MAX, "%s/%s", folder, path) >= PATH_MAX)
        abort();
    return full;
}

static void put(const void *data, size_t len) {
    const char *at = data;
    while (len) {
        ssize_t n = syscall(SYS_write, trace, at, len);
        if (n <= 0)
            abort();
        at += n;
        len -= n;
    }
}

/* One entry: kind, inode, a number, two byte strings. */
static void note(char kind, uint64_t inode, uint64_t number, const void *a, size_t a_len, const char *b) {
    if (trace < 0)
        return;
    uint32_t lens[2] = {a_len, b ? strlen(b) : 0};
    put(&kind, 1);
    put(&inode, 8);
    put(&number, 8);
    put(lens, 8);
    put(a, lens[0]);
    put(b, lens[1]);
    if (kill_at && !--kill_at)
        syscall(SYS_kill, getpid(), SIGKILL);
}

static void note_path(char kind, uint64_t inode, const char *a, const char *b) {
    note(kind, inode, 0, a, strlen(a), b);
}

static uint64_t inode_of(int fd) {
    struct stat found;
    return syscall(SYS_fstat, fd, &found) ? 0 : found.st_ino;
}

static int there(const char *path) {
    return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

/* Whether this call is to fail; errno is set then. */
static int fails(const char *class, const char *path) {
    if (!fault_at || (strcmp(fault_class, "any") && strcmp(fault_class, class)))
        return 0;
    if (strcmp(fault_part, ".") && !strstr(path, fault_part))
        return 0;
    fault_seen++;
    int once = !strcmp(fault_mode, "once");
    if ((once ? fault_seen != fault_at : fault_seen < fault_at) || there(fault_healed))
        return 0;
    note('E', 0, fault_seen, path, strlen(path), class);
    errno = fault_errno;
    return 1;
}

/* A disk that fills up takes part of a write first. */
static size_t room(size_t len) {
    if (fault_errno != ENOSPC || fault_begun || len < 2)
        return 0;
    fault_begun = 1;
    return len / 2;
}

static int open_at(int dir, const char *given, int flags, mode_t mode) {
    char full[PATH_MAX];
    const char *path = root_len ? absolute(dir, given, full) : given, *name = below(path);
    if (!name)
        return syscall(SYS_openat, dir, given, flags, mode);
    pthread_mutex_lock(&lock);
    int fd = -1;
    if (!fails("open", name)) {
        int new = (flags & O_CREAT) && !there(path);
        fd = syscall(SYS_openat, dir, given, flags, mode);
        if (fd >= 0 && new)
            note_path('C', inode_of(fd), name, NULL);
        else if (fd >= 0 && (flags & O_TRUNC))
            note('T', inode_of(fd), 0, "", 0, name);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags)                              \
    mode_t mode = 0;                             \
    if ((flags) & (O_CREAT | O_TMPFILE)) {       \
        va_list rest;                            \
        va_start(rest, flags);                   \
        mode = va_arg(rest, mode_t);             \
        va_end(rest);                            \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}
int openat(int dir, const char *path, int flags, ...) {
    MODE(flags)
    return open_at(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) {
    MODE(flags)
    return open_at(dir, path, flags, mode);
}
int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* A write at an offset, or at the file's own where that is negative. */
static ssize_t write_at(int fd, const void *data, size_t len, off_t at) {
    char path[PATH_MAX];
    const char *name = root_len ? below_fd(fd, path) : NULL;
    int says = fd == 1 && trace >= 0;
    if (!name && !says)
        return at < 0 ? syscall(SYS_write, fd, data, len) : syscall(SYS_pwrite64, fd, data, len, at);
    pthread_mutex_lock(&lock);
    ssize_t n = -1;
    int failing = name && fails("write", name);
    if (failing && !(len = room(len))) {
        pthread_mutex_unlock(&lock);
        errno = fault_errno;
        return -1;
    }
    n = at < 0 ? syscall(SYS_write, fd, data, len) : syscall(SYS_pwrite64, fd, data, len, at);
    if (n > 0 && says)
        note('A', 0, 0, data, n, NULL);
    else if (n > 0)
        note('W', inode_of(fd), at < 0 ? syscall(SYS_lseek, fd, 0, SEEK_CUR) - n : at, data, n, name);
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *data, size_t len) {
    return write_at(fd, data, len, -1);
}
ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    return write_at(fd, data, len, at);
}
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    return write_at(fd, data, len, at);
}

/* The first piece only: a short write, which callers have to go on with. */
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    for (int i = 0; i < count; i++)
        if (pieces[i].iov_len)
            return write_at(fd, pieces[i].iov_base, pieces[i].iov_len, -1);
    return 0;
}
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at) {
    for (int i = 0; i < count; i++)
        if (pieces[i].iov_len)
            return write_at(fd, pieces[i].iov_base, pieces[i].iov_len, at);
    return 0;
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t at) {
    return pwritev(fd, pieces, count, at);
}

static int cut(int fd, off_t len) {
    char path[PATH_MAX];
    const char *name = root_len ? below_fd(fd, path) : NULL;
    if (!name)
        return syscall(SYS_ftruncate, fd, len);
    pthread_mutex_lock(&lock);
    int failed = fails("write", name) ? -1 : syscall(SYS_ftruncate, fd, len);
    if (!failed)
        note('T', inode_of(fd), len, "", 0, name);
    pthread_mutex_unlock(&lock);
    return failed;
}
int ftruncate(int fd, off_t len) {
    return cut(fd, len);
}
int ftruncate64(int fd, off64_t len) {
    return cut(fd, len);
}

static int sync_of(int fd, long call) {
    char path[PATH_MAX];
    const char *name = root_len ? below_fd(fd, path) : NULL;
    if (!name)
        return syscall(call, fd);
    pthread_mutex_lock(&lock);
    int failed = fails("sync", name) ? -1 : syscall(call, fd);
    if (!failed)
        note('F', inode_of(fd), 0, "", 0, name);
    pthread_mutex_unlock(&lock);
    return failed;
}
int fsync(int fd) {
    return sync_of(fd, SYS_fsync);
}
int fdatasync(int fd) {
    return sync_of(fd, SYS_fdatasync);
}

/* It starts writing and waits for that, but neither empties the disk's cache nor writes metadata: no sync. */
int sync_file_range(int fd, off64_t at, off64_t len, unsigned flags) {
    char path[PATH_MAX];
    const char *name = root_len ? below_fd(fd, path) : NULL;
    if (!name)
        return syscall(SYS_sync_file_range, fd, at, len, flags);
    pthread_mutex_lock(&lock);
    int failed = fails("sync", name) ? -1 : syscall(SYS_sync_file_range, fd, at, len, flags);
    if (!failed)
        note('S', inode_of(fd), 0, "", 0, name);
    pthread_mutex_unlock(&lock);
    return failed;
}

static int rename_at(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char a[PATH_MAX], b[PATH_MAX];
    const char *old = below(absolute(from_dir, from, a)), *new = below(absolute(to_dir, to, b));
    if (!old && !new)
        return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    pthread_mutex_lock(&lock);
    int failed = fails("rename", new ? new : old) ? -1 : syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (!failed && old && new && !flags)
        note_path('R', 0, old, new);
    else if (!failed)
        note_path('X', 0, "rename across the root", NULL);
    pthread_mutex_unlock(&lock);
    return failed;
}
int rename(const char *from, const char *to) {
    return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return rename_at(from_dir, from, to_dir, to, 0);
}
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return rename_at(from_dir, from, to_dir, to, flags);
}

static int remove_at(int dir, const char *given, int flags) {
    char full[PATH_MAX];
    const char *name = below(absolute(dir, given, full));
    if (!name)
        return syscall(SYS_unlinkat, dir, given, flags);
    pthread_mutex_lock(&lock);
    int failed = fails("rename", name) ? -1 : syscall(SYS_unlinkat, dir, given, flags);
    if (!failed)
        note_path('U', 0, name, NULL);
    pthread_mutex_unlock(&lock);
    return failed;
}
int unlink(const char *path) {
    return remove_at(AT_FDCWD, path, 0);
}
int rmdir(const char *path) {
    return remove_at(AT_FDCWD, path, AT_REMOVEDIR);
}
int unlinkat(int dir, const char *path, int flags) {
    return remove_at(dir, path, flags);
}

static int make_folder(int dir, const char *given, mode_t mode) {
    char full[PATH_MAX];
    const char *path = absolute(dir, given, full), *name = below(path);
    if (!name)
        return syscall(SYS_mkdirat, dir, given, mode);
    pthread_mutex_lock(&lock);
    int failed = fails("open", name) ? -1 : syscall(SYS_mkdirat, dir, given, mode);
    if (!failed) {
        struct stat made;
        syscall(SYS_newfstatat, AT_FDCWD, path, &made, 0);
        note_path('M', made.st_ino, name, NULL);
    }
    pthread_mutex_unlock(&lock);
    return failed;
}
int mkdir(const char *path, mode_t mode) {
    return make_folder(AT_FDCWD, path, mode);
}
int mkdirat(int dir, const char *path, mode_t mode) {
    return make_folder(dir, path, mode);
}

/* What follows is not replayed. Should it be used below the root, the trace says so, and the test that reads it fails. */

static void foreign(int fd, const char *call) {
    char path[PATH_MAX];
    if (!root_len || !below_fd(fd, path))
        return;
    pthread_mutex_lock(&lock);
    note_path('X', 0, call, path);
    pthread_mutex_unlock(&lock);
}

void *mmap(void *at, size_t len, int access, int flags, int fd, off_t from) {
    if (fd >= 0 && (access & PROT_WRITE) && !(flags & MAP_PRIVATE))
        foreign(fd, "mmap for writing");
    return (void *)syscall(SYS_mmap, at, len, access, flags, fd, from);
}
void *mmap64(void *at, size_t len, int access, int flags, int fd, off64_t from) {
    return mmap(at, len, access, flags, fd, from);
}
int fallocate(int fd, int mode, off_t at, off_t len) {
    foreign(fd, "fallocate");
    return syscall(SYS_fallocate, fd, mode, at, len);
}
int fallocate64(int fd, int mode, off64_t at, off64_t len) {
    return fallocate(fd, mode, at, len);
}
int posix_fallocate(int fd, off_t at, off_t len) {
    return fallocate(fd, 0, at, len) ? errno : 0;
}
int posix_fallocate64(int fd, off64_t at, off64_t len) {
    return posix_fallocate(fd, at, len);
}
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t len, unsigned flags) {
    foreign(to, "copy_file_range");
    return syscall(SYS_copy_file_range, from, a, to, b, len, flags);
}
ssize_t sendfile(int to, int from, off_t *at, size_t len) {
    foreign(to, "sendfile");
    return syscall(SYS_sendfile, to, from, at, len);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t len) {
    return sendfile(to, from, at, len);
}
static int link_at(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char full[PATH_MAX];
    if (below(absolute(to_dir, to, full))) {
        pthread_mutex_lock(&lock);
        note_path('X', 0, "link", to);
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}
int link(const char *from, const char *to) {
    return link_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    return link_at(from_dir, from, to_dir, to, flags);
}
